// SPDX-License-Identifier: Apache-2.0
use cheerful_wire::{Workload, WorkloadKind};
use serde_json::{Value, json};

use super::{InjectOptions, defaults, label};
use crate::{
    names,
    objects::{QueueSettings, add_queue},
};

/// Kinds with a pod template whose pods are no replicas that answer requests.
const NOT_SCALED: [&str; 4] = ["Job", "CronJob", "DaemonSet", "Revision"];

/// The workloads that got a queue.
#[derive(Debug, Default)]
pub(super) struct Workloads(Vec<Injected>);

#[derive(Debug)]
struct Injected {
    namespace: Value,
    kind: String,
    name: String,
    labels: Value,
    /// Its port by number and by name.
    port: u64,
    port_name: Value,
}

/// What a document was.
#[derive(Debug)]
pub(super) enum Outcome {
    Changed(Value),
    /// A workload that is left as it is, and why.
    Note(String),
    Other,
}

impl Workloads {
    /// Adds the queue, if it is a workload.
    pub(super) fn add_queue(
        &mut self,
        object: &Value,
        options: &InjectOptions,
    ) -> Result<Outcome, String> {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if kind == "List" {
            return Ok(Outcome::Note(
                "a List is passed on as it is: give its items as documents".to_owned(),
            ));
        }
        let template = &object["spec"]["template"];
        if !template["spec"]["containers"].is_array() || NOT_SCALED.contains(&kind) {
            return Ok(Outcome::Other);
        }
        let containers = template["spec"]["initContainers"]
            .as_array()
            .into_iter()
            .flatten();
        if containers
            .into_iter()
            .any(|container| container["name"] == names::QUEUE_CONTAINER)
        {
            return Ok(Outcome::Note(format!(
                "{kind} {name} has the queue already"
            )));
        }
        let autoscaler = options.name.clone().unwrap_or_else(|| name.to_owned());
        let (queue, timeouts) = defaults();
        let settings = QueueSettings {
            workload: Workload {
                namespace: object["metadata"]["namespace"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                kind: WorkloadKind::Autoscaler,
                name: autoscaler.clone(),
            },
            image: options.image.clone(),
            autoscaler: options.autoscaler.clone(),
            queue,
            timeouts,
            limit: options.limit,
            app_port: options.app_port,
        };
        let mut new = add_queue(template, &settings)
            .map_err(|error| format!("{kind} {name}: spec.template.{error}"))?;
        label(&mut new, &autoscaler);
        let first = &template["spec"]["containers"][0]["ports"][0];
        let port = options
            .app_port
            .map(u64::from)
            .or_else(|| first["containerPort"].as_u64());
        self.0.push(Injected {
            namespace: object["metadata"]["namespace"].clone(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            labels: template["metadata"]["labels"].clone(),
            port: port.unwrap_or_else(|| names::APP_PORT.into()),
            port_name: first["name"].clone(),
        });
        let mut object = object.clone();
        object["spec"]["template"] = new;
        Ok(Outcome::Changed(object))
    }

    /// A Service that leads to an app past its queue: as it would have to be, and a note that says so.
    pub(super) fn lead_to_queue(&self, object: &Value) -> Option<(Value, String)> {
        let selector = object["spec"]["selector"]
            .as_object()
            .filter(|selector| !selector.is_empty())?;
        if object["kind"] != "Service" {
            return None;
        }
        let to = self.0.iter().find(|workload| {
            let selects = selector
                .iter()
                .all(|(name, value)| workload.labels.get(name) == Some(value));
            selects && workload.namespace == object["metadata"]["namespace"]
        })?;
        let mut new = object.clone();
        let mut leads = false;
        for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
            let target = port
                .get("targetPort")
                .or_else(|| port.get("port"))
                .cloned()
                .unwrap_or(Value::Null);
            let named = !to.port_name.is_null() && target == to.port_name;
            if named || target == json!(to.port) {
                port["targetPort"] = json!(names::QUEUE_PORT);
                leads = true;
            }
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let note = format!(
            "Service {name} leads past the queue of {} {}, so that nothing of it is counted: set targetPort to {}, or \
             give --services",
            to.kind,
            to.name,
            names::QUEUE_PORT
        );
        leads.then_some((new, note))
    }
}
