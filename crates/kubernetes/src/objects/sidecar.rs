// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use cheerful_manifest::{DurationText, QueueSpec, ReportTransport, Timeouts};
use cheerful_wire::{Workload, WorkloadKind};
use serde_json::{Map, Value, json};

use super::probe;
use crate::{
    names,
    own_image::{USER, identity, restricted},
};

/// What the queue in a pod has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// What is scaled; its namespace is the pod's.
    pub workload: Workload,
    /// Our own image.
    pub image: String,
    /// `host:port` of the autoscaler.
    pub autoscaler: String,
    /// As in the Revision.
    pub queue: QueueSpec,
    /// As in the Revision.
    pub timeouts: Timeouts,
    /// Most requests in flight; `None`: no limit.
    pub limit: Option<u32>,
    /// Where the app listens; `None`: the first port of the first container, or [`names::APP_PORT`].
    pub app_port: Option<u16>,
}

/// A pod template that the queue cannot be added to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {expected}")]
pub struct TemplateError {
    /// Where, from the template on.
    pub field: String,
    /// What is there and what would be right.
    pub expected: String,
}

/// The volume with the token and the authority's certificates.
const VOLUME: &str = "cheerful";
/// What was added, told as an annotation.
const ADDED_ANNOTATION: &str = "cheerful.dev/added";
/// What Kubernetes gives a pod to end unless the template says otherwise.
const GRACE_SECONDS: u64 = 30;

fn wrong(field: impl Into<String>, expected: impl Into<String>) -> TemplateError {
    TemplateError {
        field: field.into(),
        expected: expected.into(),
    }
}

/// The template with the queue as a native sidecar: it starts first and ends last. Nothing of the user's is changed but
/// what the queue takes over: the readiness probe of the first container, which is the app's.
///
/// # Errors
/// When something in the template is in the queue's place.
pub fn add_queue(template: &Value, settings: &QueueSettings) -> Result<Value, TemplateError> {
    let mut template = template.clone();
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else {
        return Err(wrong("spec", "is missing: should be a pod's specification"));
    };
    check(spec)?;
    let drain = spec
        .get("terminationGracePeriodSeconds")
        .and_then(Value::as_u64)
        .unwrap_or(GRACE_SECONDS)
        .saturating_sub(1)
        .max(1);
    let mut added = vec!["initContainers[cheerful-queue]", "volumes[cheerful]"];
    let app = spec
        .get_mut("containers")
        .and_then(|containers| containers.get_mut(0))
        .and_then(Value::as_object_mut)
        .ok_or_else(|| wrong("spec.containers", "should have at least one container"))?;
    let app_port = settings.app_port.or_else(|| first_port(app));
    let app_port = app_port.unwrap_or(names::APP_PORT);
    if tell_port(app, app_port)? {
        added.push("containers[0].env[PORT]");
    }
    let probe = probe::take_over(app, app_port);
    if probe.is_some() {
        added.push("containers[0].readinessProbe (now asked by the queue)");
    }
    if wait_for_drain(app)? {
        added.push("containers[0].lifecycle.preStop");
    }
    let container = container(settings, app_port, probe.as_ref(), drain);
    list(spec, "initContainers")?.insert(0, container);
    // A pod starts without us too.
    list(spec, "volumes")?.push(identity(VOLUME, false));
    let note = added.join(", ");
    annotate(&mut template, &note)?;
    Ok(template)
}

/// What must not be there.
fn check(spec: &Map<String, Value>) -> Result<(), TemplateError> {
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        let why =
            "is true: should be false or left out, for each pod's queue needs ports of its own";
        return Err(wrong("spec.hostNetwork", why));
    }
    if spec.get("os").and_then(|os| os.get("name")) == Some(&json!("windows")) {
        let why = "is windows: should be linux or left out, for the queue is a program for Linux";
        return Err(wrong("spec.os.name", why));
    }
    for kind in ["containers", "initContainers"] {
        for (index, container) in items(spec, kind).enumerate() {
            if container.get("name") == Some(&json!(names::QUEUE_CONTAINER)) {
                let why = format!(
                    "is {}: should be another, for that is the queue's",
                    names::QUEUE_CONTAINER
                );
                return Err(wrong(format!("spec.{kind}[{index}].name"), why));
            }
            for (number, port) in container
                .get("ports")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .enumerate()
            {
                let port = port.get("containerPort").and_then(Value::as_u64);
                let taken = [names::QUEUE_PORT, names::QUEUE_ADMIN_PORT];
                if let Some(port) = port.filter(|port| taken.map(u64::from).contains(port)) {
                    let why = format!(
                        "is {port}: should be another than {} and {}, for those are the queue's",
                        taken[0], taken[1]
                    );
                    return Err(wrong(
                        format!("spec.{kind}[{index}].ports[{number}].containerPort"),
                        why,
                    ));
                }
            }
        }
    }
    for (index, volume) in items(spec, "volumes").enumerate() {
        if volume.get("name") == Some(&json!(VOLUME)) {
            let why = format!("is {VOLUME}: should be another, for that is the queue's");
            return Err(wrong(format!("spec.volumes[{index}].name"), why));
        }
    }
    Ok(())
}

fn items<'a>(spec: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    spec.get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// A list, made where it is missing.
fn list<'a>(
    of: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Vec<Value>, TemplateError> {
    let value = of.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = json!([]);
    }
    value
        .as_array_mut()
        .ok_or_else(|| wrong(name, "should be a list"))
}

fn first_port(app: &Map<String, Value>) -> Option<u16> {
    let port = app.get("ports")?.get(0)?.get("containerPort")?.as_u64()?;
    u16::try_from(port).ok()
}

/// Tells the app its port, unless it was told one.
fn tell_port(app: &mut Map<String, Value>, port: u16) -> Result<bool, TemplateError> {
    let env = list(app, "env")?;
    if env
        .iter()
        .any(|entry| entry.get("name") == Some(&json!("PORT")))
    {
        return Ok(false);
    }
    env.push(json!({"name": "PORT", "value": port.to_string()}));
    Ok(true)
}

/// Answered when the requests are through.
fn hook() -> Value {
    json!({"httpGet": {"path": "/wait-for-drain", "port": names::QUEUE_ADMIN_PORT}})
}

/// Has the app end after the requests, unless it has a hook of its own.
fn wait_for_drain(app: &mut Map<String, Value>) -> Result<bool, TemplateError> {
    let lifecycle = app.entry("lifecycle").or_insert_with(|| json!({}));
    let Some(lifecycle) = lifecycle.as_object_mut() else {
        return Err(wrong("spec.containers[0].lifecycle", "should be an object"));
    };
    if lifecycle.contains_key("preStop") {
        return Ok(false);
    }
    lifecycle.insert("preStop".to_owned(), hook());
    Ok(true)
}

fn annotate(template: &mut Value, added: &str) -> Result<(), TemplateError> {
    let wrong = || wrong("metadata", "should be an object");
    let template = template.as_object_mut().ok_or_else(wrong)?;
    let metadata = template.entry("metadata").or_insert_with(|| json!({}));
    let metadata = metadata.as_object_mut().ok_or_else(wrong)?;
    for (name, key, value) in [
        ("annotations", ADDED_ANNOTATION, added),
        ("labels", names::QUEUE_LABEL, "true"),
    ] {
        let texts = metadata.entry(name).or_insert_with(|| json!({}));
        let texts = texts.as_object_mut().ok_or_else(wrong)?;
        texts.insert(key.to_owned(), json!(value));
    }
    Ok(())
}

fn container(settings: &QueueSettings, app_port: u16, probe: Option<&Value>, drain: u64) -> Value {
    let mut security = restricted();
    // The pod's user is the app's own matter.
    security["runAsUser"] = json!(USER);
    security["runAsGroup"] = json!(USER);
    json!({
        "name": names::QUEUE_CONTAINER,
        "image": settings.image,
        "args": ["queue"],
        "restartPolicy": "Always",
        "env": env(settings, app_port, probe, drain),
        "ports": [
            {"name": "cheerful", "containerPort": names::QUEUE_PORT, "protocol": "TCP"},
            {"name": "cheerful-admin", "containerPort": names::QUEUE_ADMIN_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": names::QUEUE_ADMIN_PORT},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
        // The kubelet calls it at the pod's end and not only in the sidecar's turn, so draining begins then, too, when the
        // app has a hook of its own.
        "lifecycle": {"preStop": hook()},
        "resources": resources(&settings.queue),
        "securityContext": security,
        "volumeMounts": [
            {"name": VOLUME, "mountPath": names::IDENTITY_FOLDER, "readOnly": true},
        ],
    })
}

fn env(settings: &QueueSettings, app_port: u16, probe: Option<&Value>, drain: u64) -> Value {
    let mut env = Vec::new();
    for (name, path) in [
        ("CHEERFUL_NAMESPACE", "metadata.namespace"),
        ("CHEERFUL_POD", "metadata.name"),
        ("CHEERFUL_POD_IP", "status.podIP"),
    ] {
        env.push(json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}));
    }
    let kind = match settings.workload.kind {
        WorkloadKind::Revision => "Revision",
        WorkloadKind::Autoscaler => "Autoscaler",
    };
    let transport = match settings.queue.transport.unwrap_or_default() {
        ReportTransport::Grpc => "grpc",
        ReportTransport::Websocket => "websocket",
    };
    let text = |time: Option<DurationText>| {
        let text = serde_json::to_value(time?).ok()?;
        text.as_str().map(str::to_owned)
    };
    let timeouts = &settings.timeouts;
    let values = [
        ("CHEERFUL_WORKLOAD_KIND", Some(kind.to_owned())),
        ("CHEERFUL_WORKLOAD", Some(settings.workload.name.clone())),
        ("CHEERFUL_AUTOSCALER", Some(settings.autoscaler.clone())),
        ("CHEERFUL_TRANSPORT", Some(transport.to_owned())),
        ("CHEERFUL_APP_PORT", Some(app_port.to_string())),
        (
            "CHEERFUL_CONCURRENCY",
            Some(settings.limit.unwrap_or(0).to_string()),
        ),
        ("CHEERFUL_PROBE", probe.map(Value::to_string)),
        ("CHEERFUL_TIMEOUT_CONNECT", text(timeouts.connect)),
        ("CHEERFUL_TIMEOUT_FIRST_BYTE", text(timeouts.first_byte)),
        ("CHEERFUL_TIMEOUT_IDLE", text(timeouts.idle)),
        ("CHEERFUL_TIMEOUT_WHOLE", text(timeouts.whole)),
        ("CHEERFUL_DRAIN", Some(format!("{drain}s"))),
        ("CHEERFUL_IDENTITY", Some(names::IDENTITY_FOLDER.to_owned())),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            env.push(json!({"name": name, "value": value}));
        }
    }
    Value::Array(env)
}

/// Small, and no cpu limit: a queue that is throttled would add to every request. Each that is given counts.
fn resources(given: &QueueSpec) -> Value {
    let mut requests = BTreeMap::from([
        ("cpu".to_owned(), "10m".to_owned()),
        ("memory".to_owned(), "16Mi".to_owned()),
    ]);
    let mut limits = BTreeMap::from([("memory".to_owned(), "64Mi".to_owned())]);
    if let Some(memory) = given.requests.get("memory") {
        // The limit that is meant for the default could be below it.
        limits.insert("memory".to_owned(), memory.clone());
    }
    for (name, limit) in &given.limits {
        // A request above a limit is refused, so a default gives way.
        if !given.requests.contains_key(name) && name == "memory" {
            requests.insert(name.clone(), limit.clone());
        }
    }
    requests.extend(given.requests.clone());
    limits.extend(given.limits.clone());
    json!({"requests": requests, "limits": limits})
}

#[cfg(test)]
#[path = "sidecar_tests.rs"]
mod tests;
