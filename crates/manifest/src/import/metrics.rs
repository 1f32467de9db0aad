// SPDX-License-Identifier: Apache-2.0
//! The metrics of an HPA as signals.
use std::collections::BTreeMap;

use super::{
    Fields, NoteKind,
    amount::{quantity, text, whole},
    fields::no_counterpart,
};
use crate::{
    CpuSignal, CustomSignal, ExternalSignal, MemorySignal, MetricObject, QuantityText, SignalSpec,
};

/// `spec.metrics`; those that have no counterpart are named and left out.
pub(super) fn signals(fields: &mut Fields) -> Vec<SignalSpec> {
    let mut signals = Vec::new();
    for mut metric in fields.items(&["spec", "metrics"]) {
        signals.extend(signal(&mut metric));
        fields.join(metric);
    }
    signals
}

fn signal(metric: &mut Fields) -> Option<SignalSpec> {
    let kind = metric.read(&["type"], text)?;
    match kind.it.as_str() {
        "Resource" => resource(metric),
        "Pods" => pods(metric),
        "Object" => object(metric),
        "External" => external(metric),
        _ => {
            let why = no_counterpart("there are cpu and memory of a whole pod");
            metric.note(NoteKind::Lost, &kind, &why);
            None
        }
    }
}

fn resource(metric: &mut Fields) -> Option<SignalSpec> {
    let name = metric.read(&["resource", "name"], text)?;
    let mut target = metric.part(&["resource", "target"]);
    target.leave_out(&["type"]);
    let made = match name.it.as_str() {
        "cpu" => target
            .value(&["averageUtilization"], whole)
            .map(|percent| SignalSpec {
                cpu: Some(CpuSignal {
                    target: percent.into(),
                }),
                ..SignalSpec::default()
            }),
        "memory" => target
            .value(&["averageValue"], quantity)
            .map(|bytes| SignalSpec {
                memory: Some(MemorySignal {
                    target: QuantityText(format!("{bytes:.0}")),
                }),
                ..SignalSpec::default()
            }),
        _ => None,
    };
    metric.join(target);
    if made.is_none() {
        let why =
            "is not known so here: there are cpu by averageUtilization and memory by averageValue";
        metric.note(NoteKind::Lost, &name, &no_counterpart(why));
    }
    made
}

fn pods(metric: &mut Fields) -> Option<SignalSpec> {
    let name = metric.read(&["pods", "metric", "name"], text)?;
    metric.lose(
        &["pods", "metric", "selector"],
        "a metric of the pods is asked for by its name alone",
    );
    metric.leave_out(&["pods", "target", "type"]);
    let target = metric.value(&["pods", "target", "averageValue"], quantity)?;
    Some(SignalSpec {
        custom: Some(CustomSignal {
            metric: name.it,
            target,
            ..CustomSignal::default()
        }),
        ..SignalSpec::default()
    })
}

fn object(metric: &mut Fields) -> Option<SignalSpec> {
    let name = metric.read(&["object", "metric", "name"], text)?;
    metric.lose(
        &["object", "metric", "selector"],
        "a metric of an object is asked for by its name alone",
    );
    let mut described = metric.part(&["object", "describedObject"]);
    let object = MetricObject {
        api_version: described.value(&["apiVersion"], text),
        kind: described.value(&["kind"], text).unwrap_or_default(),
        name: described.value(&["name"], text).unwrap_or_default(),
    };
    metric.join(described);
    metric.leave_out(&["object", "target", "type"]);
    let Some(target) = metric.value(&["object", "target", "value"], quantity) else {
        let why = no_counterpart("a metric of an object is known by its value");
        metric.note(NoteKind::Lost, &name, &why);
        return None;
    };
    Some(SignalSpec {
        custom: Some(CustomSignal {
            metric: name.it,
            target,
            object: Some(object),
            interval: None,
        }),
        ..SignalSpec::default()
    })
}

fn external(metric: &mut Fields) -> Option<SignalSpec> {
    let name = metric.read(&["external", "metric", "name"], text)?;
    let labels = ["external", "metric", "selector", "matchLabels"];
    let mut selector = BTreeMap::new();
    for label in metric.names(&labels) {
        if let Some(value) = metric.value(&[&labels[..], &[label.as_str()]].concat(), text) {
            selector.insert(label, value);
        }
    }
    metric.leave_out(&["external", "target", "type"]);
    let Some(per_replica) = metric.value(&["external", "target", "averageValue"], quantity) else {
        let why = no_counterpart(
            "by value, for that only says whether more or fewer are needed; averageValue says how many",
        );
        metric.note(NoteKind::Lost, &name, &why);
        return None;
    };
    Some(SignalSpec {
        external: Some(ExternalSignal {
            metric: name.it,
            selector,
            per_replica,
            ..ExternalSignal::default()
        }),
        ..SignalSpec::default()
    })
}
