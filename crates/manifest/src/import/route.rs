// SPDX-License-Identifier: Apache-2.0
//! KEDA's ways to scale by requests: an `HTTPScaledObject`, or an `InterceptorRoute` that a ScaledObject has as a trigger.
use std::time::Duration;

use cheerful_scaling::{Delay, Target};

use super::{
    Draft, Fields, NoteKind,
    amount::{duration, json, number, seconds, text, whole},
    draft::scale_target,
    fields::no_counterpart,
    sources::Sources,
};
use crate::{DelayText, DurationText, Route, TargetText};

/// What KEDA takes where nothing is given.
const TARGET: f64 = 100.0;
const MOST: u32 = 100;
const CALM: DurationText = DurationText(Duration::from_secs(300));

const RATE: &str =
    "requests per second do not say how many a replica can have at once; target: auto learns that";
const HEADERS: &str = "routes go by host and path";

/// An `HTTPScaledObject`.
pub(super) fn scaled_by_http(fields: &mut Fields, sources: &mut Sources) -> Option<Draft> {
    let mut draft = Draft::named(fields);
    draft.owner = Some("httpscaledobject");
    for name in ["service", "port", "portName"] {
        // A Revision has a Service of its own; an Autoscaler's workload keeps the one that it has.
        fields.leave_out(&["spec", "scaleTargetRef", name]);
    }
    draft.target = scale_target(fields);
    draft.min = fields.read(&["spec", "replicas", "min"], whole);
    draft.scaling.min = Some(draft.min.as_ref().map_or(0, |min| min.it));
    draft.scaling.max = Some(
        fields
            .value(&["spec", "replicas", "max"], whole)
            .unwrap_or(MOST),
    );
    let calm = fields
        .value(&["spec", "scaledownPeriod"], seconds)
        .unwrap_or(CALM);
    draft.scaling.idle_delay = Some(DelayText(Delay::Given(calm.0)));
    let hosts = texts(fields, &["spec", "hosts"]);
    let paths = texts(fields, &["spec", "pathPrefixes"]);
    draft.routes = routes(&hosts, &paths);
    fields.lose(&["spec", "headers"], HEADERS);
    let pending = fields.value(&["spec", "targetPendingRequests"], number);
    let concurrency = target(fields, &mut draft);
    if let Some(pending) = pending.filter(|_| !concurrency) {
        draft.scaling.target = Some(TargetText(Target::PerReplica(pending)));
    } else if draft.scaling.target.is_none() && !concurrency {
        draft.scaling.target = Some(TargetText(Target::PerReplica(TARGET)));
    }
    draft.hold.wait = fields.value(&["spec", "timeouts", "conditionWait"], duration);
    draft.timeouts.first_byte = fields.value(&["spec", "timeouts", "responseHeader"], duration);
    of_deployment(&mut draft, fields, sources);
    Some(draft)
}

/// What an `InterceptorRoute` says, for the ScaledObject that has it as a trigger.
pub(super) fn intercepted(fields: &mut Fields, draft: &mut Draft) {
    fields.leave_out(&["metadata"]);
    for name in ["service", "port", "portName"] {
        fields.leave_out(&["spec", "target", name]);
    }
    for mut rule in fields.items(&["spec", "rules"]) {
        let hosts = texts(&mut rule, &["hosts"]);
        let mut paths = Vec::new();
        for mut path in rule.items(&["paths"]) {
            paths.extend(path.value(&["value"], text));
            rule.join(path);
        }
        rule.lose(&["headers"], HEADERS);
        draft.routes.extend(routes(&hosts, &paths));
        fields.join(rule);
    }
    target(fields, draft);
    draft.hold.requests = fields.value(&["spec", "coldStart", "maxPendingRequests"], whole);
    if let Some(overflow) = fields.read(&["spec", "coldStart", "overflow"], text)
        && overflow.it != "Reject"
    {
        let why = no_counterpart("what is too much is answered with 503");
        fields.note(NoteKind::Lost, &overflow, &why);
    }
    draft.hold.wait = fields.value(&["spec", "timeouts", "readiness"], duration);
    draft.timeouts.whole = fields.value(&["spec", "timeouts", "request"], duration);
    draft.timeouts.first_byte = fields.value(&["spec", "timeouts", "responseHeader"], duration);
}

/// The target; whether one of requests in flight was given, or a rate stands in its place.
fn target(fields: &mut Fields, draft: &mut Draft) -> bool {
    let concurrency = ["spec", "scalingMetric", "concurrency", "targetValue"];
    let given = fields.value(&concurrency, number);
    let rate = fields.read(&["spec", "scalingMetric", "requestRate"], json);
    if let Some(rate) = &rate {
        fields.note(NoteKind::Lost, rate, &no_counterpart(RATE));
    }
    if let Some(given) = given {
        draft.scaling.target = Some(TargetText(Target::PerReplica(given)));
    }
    given.is_some() || rate.is_some()
}

fn texts(fields: &mut Fields, path: &[&str]) -> Vec<String> {
    let read = |value: serde_json::Value| match value {
        serde_json::Value::Array(items) => items
            .into_iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    fields.value(path, json).map(read).unwrap_or_default()
}

/// Each host with each path.
fn routes(hosts: &[String], paths: &[String]) -> Vec<Route> {
    let any = [String::new()];
    let or_any = |list: &'_ [String]| match list {
        [] => any.to_vec(),
        list => list.to_vec(),
    };
    let paths = or_any(paths);
    let mut routes = Vec::new();
    for host in or_any(hosts) {
        for path in &paths {
            let prefix = path.strip_suffix('/').filter(|prefix| !prefix.is_empty());
            let route = Route {
                host: Some(host.to_lowercase()).filter(|host| !matches!(host.as_str(), "" | "*")),
                path_prefix: Some(prefix.unwrap_or(path).to_owned())
                    .filter(|path| !path.is_empty()),
            };
            if route != Route::default() {
                routes.push(route);
            }
        }
    }
    routes
}

/// If the workload is a Deployment of the source, its pods become those of a Revision.
pub(super) fn of_deployment(draft: &mut Draft, fields: &mut Fields, sources: &mut Sources) {
    let target = &draft.target;
    if target.kind != "Deployment" {
        return;
    }
    let namespace = draft.metadata.namespace.as_ref();
    let Some(mut deployment) = sources.take("Deployment", namespace, &target.name) else {
        return;
    };
    let of = &mut deployment.fields;
    draft.template = of.value(&["spec", "template"], json);
    for name in [
        "replicas",
        "selector",
        "strategy",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
        "minReadySeconds",
    ] {
        of.leave_out(&["spec", name]);
    }
    of.leave_out(&["metadata"]);
    let name = &target.name;
    let owner = draft.owner.unwrap_or_default();
    let own = &draft.metadata.name;
    let told = format!(
        "It takes the place of the Deployment {name} and of what leads to it. Give it another name to have both until its pods are ready, or first: kubectl delete {owner} {own}; kubectl delete deployment {name}."
    );
    fields.note_on(NoteKind::Told, "", &told);
    fields.join(deployment.fields);
}
