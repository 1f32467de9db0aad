// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::import::{Fields, NoteKind, amount, fields::no_counterpart};

/// Where a container listens that names no port, there as here.
const PORT: u64 = 8080;

/// The pods' template: what Knative fills in for itself is filled in, and the container that answers comes first.
pub(super) fn template(
    fields: &mut Fields,
    steps: &[&str],
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Option<Value> {
    let path = [steps, &["spec"]].concat();
    let mut pod = fields.value(&path, amount::json)?;
    let field = path.join(".");
    let Some(containers) = pod.get_mut("containers").and_then(Value::as_array_mut) else {
        let expected = "should be a list of at least one container";
        fields.wrong(&format!("{field}.containers"), expected);
        return None;
    };
    containers.sort_by_key(|container| container.get("ports").is_none());
    for (index, container) in containers.iter_mut().enumerate() {
        if let Some(container) = container.as_object_mut() {
            whole(container, index);
        }
    }
    let port = containers.first().map(|app| &app["ports"][0]["name"]);
    if port.is_some_and(|name| name == "h2c") {
        let why = no_counterpart("the queue speaks HTTP/1.1 to the app");
        fields.note_on(NoteKind::Lost, "the port's name h2c", &why);
    }
    let mut template = json!({ "spec": pod });
    for (name, texts) in [("labels", labels), ("annotations", annotations)] {
        if !texts.is_empty() {
            template["metadata"][name] = json!(texts);
        }
    }
    Some(template)
}

fn whole(container: &mut Map<String, Value>, index: usize) {
    let name = match index {
        0 => "user-container".to_owned(),
        index => format!("user-container-{index}"),
    };
    container.entry("name").or_insert_with(|| json!(name));
    let port = container
        .get("ports")
        .and_then(|ports| ports[0]["containerPort"].as_u64());
    let port = port.unwrap_or(PORT);
    for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
        let Some(asked) = container.get_mut(probe).and_then(Value::as_object_mut) else {
            continue;
        };
        let handlers = ["httpGet", "tcpSocket", "grpc", "exec"];
        if !handlers.iter().any(|handler| asked.contains_key(*handler)) {
            // The queue asks by itself whether the port takes connections.
            container.remove(probe);
            continue;
        }
        for handler in ["httpGet", "tcpSocket", "grpc"] {
            if let Some(handler) = asked.get_mut(handler).and_then(Value::as_object_mut)
                && handler.get("port").is_none_or(|port| *port == json!(0))
            {
                handler.insert("port".to_owned(), json!(port));
            }
        }
    }
}
