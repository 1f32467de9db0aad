// SPDX-License-Identifier: Apache-2.0
//! A Service, Configuration or Revision of Knative becomes a Revision.
mod pod;
mod traffic;

use cheerful_scaling::{BurstCapacity, Concurrency, Delay, Target};

use super::{
    Draft, Fields, NoteKind,
    amount::{duration, number, seconds, text, whole},
    draft::texts,
    fields::{Read, no_counterpart},
};
use crate::{
    BurstCapacityText, ConcurrencyText, CpuSignal, CustomSignal, DelayText, DurationText,
    MemorySignal, QuantityText, SignalSpec, TargetText, node::Node,
};

/// What Knative takes where nothing is given.
const TARGET: f64 = 100.0;
const UTILIZATION_PERCENT: f64 = 70.0;
const WINDOW_SECONDS: f64 = 60.0;

const SCALING: &str = "autoscaling.knative.dev";
const SIDECAR: &str = "queue.sidecar.serving.knative.dev/";

pub(super) fn draft(fields: &mut Fields, kind: &str) -> Option<Draft> {
    let whole_document = kind == "Revision";
    if whole_document {
        leave_out_routing(fields);
    }
    // The settings of scaling stand at the template, which a Revision is itself.
    let steps: &[&str] = if whole_document {
        &[]
    } else {
        &["spec", "template"]
    };
    let mut annotations = fields.part(&[steps, &["metadata", "annotations"]].concat());
    let mut draft = Draft::default();
    let limit = fields.value(&[steps, &["spec", "containerConcurrency"]].concat(), whole);
    let limit = limit.filter(|limit| *limit > 0);
    scaling(&mut annotations, &mut draft, limit);
    sidecar(&mut annotations);
    let of_user = texts(&mut annotations, &[]);
    fields.join(annotations);
    let mut time = |name| fields.value(&[steps, &["spec", name]].concat(), seconds);
    draft.timeouts.whole = time("timeoutSeconds");
    draft.timeouts.first_byte = time("responseStartTimeoutSeconds");
    draft.timeouts.idle = time("idleTimeoutSeconds");
    let labels = if whole_document {
        std::collections::BTreeMap::new()
    } else {
        fields.leave_out(&["spec", "template", "metadata", "creationTimestamp"]);
        texts(fields, &["spec", "template", "metadata", "labels"])
    };
    if let Some(name) = fields.read(&["spec", "template", "metadata", "name"], text) {
        let told = "is the name of one revision there; ours is called as the whole";
        fields.note(NoteKind::Changed, &name, told);
    }
    draft.template = pod::template(fields, steps, &labels, &of_user);
    traffic::one(fields);
    visibility(fields);
    draft.metadata = Draft::named(fields).metadata;
    Some(draft)
}

/// An annotation of scaling by either of its spellings: `min-scale`, `minScale`.
fn setting<T>(
    annotations: &mut Fields,
    name: &str,
    read: impl Fn(&Node) -> Result<T, String>,
) -> Option<Read<T>> {
    let mut camel = String::new();
    for (index, part) in name.split('-').enumerate() {
        let (first, rest) = part.split_at(part.len().min(1));
        if index == 0 {
            camel.push_str(first);
        } else {
            camel.push_str(&first.to_uppercase());
        }
        camel.push_str(rest);
    }
    let mut one = |name: &str| annotations.read(&[&format!("{SCALING}/{name}")], &read);
    one(name).or_else(|| one(&camel))
}

fn scaling(annotations: &mut Fields, draft: &mut Draft, limit: Option<u32>) {
    draft.concurrency = limit.map(|limit| ConcurrencyText(Concurrency::Limit(limit)));
    let scaling = &mut draft.scaling;
    let mut count = |name| setting(annotations, name, whole).map(|read| read.it);
    scaling.min = count("min-scale");
    scaling.max = count("max-scale").filter(|max| *max > 0);
    scaling.initial = count("initial-scale");
    scaling.activation = count("activation-scale");
    let mut time = |name| setting(annotations, name, duration).map(|read| read.it);
    scaling.stable_window = time("window");
    scaling.scale_down_delay =
        time("scale-down-delay").map(|delay| DelayText(Delay::Given(delay.0)));
    let kept = time("scale-to-zero-pod-retention-period");
    let window_seconds =
        (scaling.stable_window).map_or(WINDOW_SECONDS, |window| window.0.as_secs_f64());
    if scaling.stable_window.is_some() || kept.is_some() {
        // There the last one is kept for so long from when a whole window was empty.
        let idle_seconds = window_seconds + kept.map_or(0.0, |kept| kept.0.as_secs_f64());
        scaling.idle_delay = of_seconds(idle_seconds).map(|idle| DelayText(Delay::Given(idle.0)));
    }
    let mut part = |name| setting(annotations, name, number).map(|read| read.it / 100.0);
    let panic_part = part("panic-window-percentage");
    scaling.panic_threshold = part("panic-threshold-percentage");
    if scaling.stable_window.is_some() || panic_part.is_some() {
        scaling.panic_window = of_seconds(window_seconds * panic_part.unwrap_or(0.1));
    }
    scaling.burst_capacity = setting(annotations, "target-burst-capacity", number).map(|read| {
        BurstCapacityText(if read.it < 0.0 {
            BurstCapacity::AlwaysInPath
        } else {
            BurstCapacity::Requests(read.it)
        })
    });
    if let Some(read) = setting(annotations, "metric-aggregation-algorithm", text)
        && read.it != "linear"
    {
        let why = no_counterpart("each second of a window counts alike");
        annotations.note(NoteKind::Lost, &read, &why);
    }
    target(annotations, draft, limit);
}

/// What one replica is meant for, in whatever it is counted.
fn target(annotations: &mut Fields, draft: &mut Draft, limit: Option<u32>) {
    let class = setting(annotations, "class", text);
    let by_hpa = class
        .as_ref()
        .is_some_and(|class| class.it.starts_with("hpa."));
    if let Some(class) = class.filter(|class| !class.it.starts_with("kpa.")) {
        let why = if by_hpa {
            "the HPA of that class is not made; ours goes by the same metric, and by the requests in flight besides"
        } else {
            "is the class of another autoscaler, which is not asked"
        };
        annotations.note(NoteKind::Changed, &class, why);
    }
    let metric = setting(annotations, "metric", text);
    let name = metric.as_ref().map(|metric| metric.it.as_str());
    let name = name.unwrap_or(if by_hpa { "cpu" } else { "concurrency" });
    let given = setting(annotations, "target", number);
    let share = setting(annotations, "target-utilization-percentage", number);
    let share = share.map_or(UTILIZATION_PERCENT, |share| share.it) / 100.0;
    match name {
        "concurrency" => {
            let limit = limit.map(f64::from);
            let whole = match (given, limit) {
                (Some(given), Some(limit)) => given.it.min(limit),
                (Some(given), None) => given.it,
                (None, Some(limit)) => limit,
                (None, None) => TARGET,
            };
            draft.scaling.target = Some(TargetText(Target::PerReplica((whole * share).max(0.01))));
        }
        "rps" => {
            let why = no_counterpart(
                "requests per second do not say how many a replica can have at once; target: auto learns that",
            );
            if let Some(metric) = &metric {
                annotations.note(NoteKind::Lost, metric, &why);
            }
            if let Some(given) = &given {
                annotations.note(NoteKind::Lost, given, &why);
            }
        }
        "cpu" => draft.signals.push(SignalSpec {
            cpu: Some(CpuSignal {
                target: given.map_or(80.0, |given| given.it),
            }),
            ..SignalSpec::default()
        }),
        "memory" => match given {
            Some(given) => draft.signals.push(SignalSpec {
                memory: Some(MemorySignal {
                    target: QuantityText(format!("{}Mi", given.it)),
                }),
                ..SignalSpec::default()
            }),
            None => annotations.wrong(SCALING, "should have a target, for its metric is memory"),
        },
        other => match given {
            Some(given) => draft.signals.push(SignalSpec {
                custom: Some(CustomSignal {
                    metric: other.to_owned(),
                    target: given.it,
                    ..CustomSignal::default()
                }),
                ..SignalSpec::default()
            }),
            None => annotations.wrong(SCALING, "should have a target, for it has a metric"),
        },
    }
}

fn of_seconds(seconds: f64) -> Option<DurationText> {
    let millis = (seconds * 1000.0).round();
    let fits = (0.0..=1e12).contains(&millis);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within the bounds that stand above"
    )]
    fits.then(|| DurationText(std::time::Duration::from_millis(millis as u64)))
}

/// The size of Knative's sidecar says nothing about ours.
fn sidecar(annotations: &mut Fields) {
    for name in annotations.names(&[]) {
        if name.starts_with(SIDECAR)
            && let Some(read) = annotations.read(&[&name], text)
        {
            let told = "is the size of Knative's sidecar; ours asks for 10m of cpu and 16Mi of memory, or for what spec.queue says";
            annotations.note(NoteKind::Changed, &read, told);
        }
    }
}

/// The Service of a Revision is reached from within the cluster.
fn visibility(fields: &mut Fields) {
    let visibility = fields.value(
        &["metadata", "labels", "networking.knative.dev/visibility"],
        text,
    );
    if visibility.as_deref() != Some("cluster-local") {
        let told = "Knative's ingress leads to it no longer: lead yours to the Service of the Revision's name, port 80.";
        fields.note_on(NoteKind::Told, "", told);
    }
}

/// What Knative writes into a Revision by itself.
fn leave_out_routing(fields: &mut Fields) {
    for map in ["labels", "annotations"] {
        for name in fields.names(&["metadata", map]) {
            if name.starts_with("serving.knative.dev/") {
                fields.leave_out(&["metadata", map, &name]);
            }
        }
    }
}
