// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Fields, NoteKind,
    amount::text,
    fields::{Read, no_counterpart},
};
use crate::{
    API_VERSION, Autoscaler, AutoscalerMode, AutoscalerSpec, ConcurrencyText, Hold, KIND, Metadata,
    Revision, Route, ScaleTargetRef, ScalingSpec, SignalSpec, Spec, Timeouts,
};

/// What one of their objects becomes: a Revision where the pods' template is known, else an Autoscaler.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) metadata: Metadata,
    pub(super) scaling: ScalingSpec,
    pub(super) signals: Vec<SignalSpec>,
    pub(super) concurrency: Option<ConcurrencyText>,
    pub(super) target: ScaleTargetRef,
    pub(super) template: Option<Value>,
    pub(super) timeouts: Timeouts,
    pub(super) routes: Vec<Route>,
    pub(super) hold: Hold,
    /// Fewest replicas there, where the field is given.
    pub(super) min: Option<Read<u32>>,
    /// What has to go first, as `kubectl delete` takes it; `None`: nothing scales it by itself.
    pub(super) owner: Option<&'static str>,
}

/// Longest text of a label or an annotation that is carried over, in bytes.
const MAX_TEXT: usize = 65_536;

impl Draft {
    /// The name, and labels and annotations that are nobody's but the user's.
    pub(super) fn named(fields: &mut Fields) -> Self {
        let mut metadata = Metadata {
            name: (fields.value(&["metadata", "name"], text)).unwrap_or_default(),
            namespace: fields.value(&["metadata", "namespace"], text),
            ..Metadata::default()
        };
        if metadata.name.is_empty() {
            fields.wrong("metadata.name", "is missing: should be a name");
        }
        metadata.labels = texts(fields, &["metadata", "labels"]);
        metadata.annotations = texts(fields, &["metadata", "annotations"]);
        Self {
            metadata,
            ..Self::default()
        }
    }

    /// Writes it as YAML. What only a Revision can do is named where an Autoscaler is made.
    pub(super) fn write(mut self, fields: &mut Fields, keep_owner: bool) -> String {
        self.name_signals();
        let value = if self.template.is_some() {
            self.revision()
        } else {
            self.autoscaler(fields, keep_owner)
        };
        let mut value = value.unwrap_or(Value::Null);
        prune(&mut value);
        let mut text = String::new();
        // No value of JSON is known that the library cannot write; if there were one, our loader refuses what is there.
        serde_saphyr::to_fmt_writer(&mut text, &value).ok();
        text
    }

    fn revision(self) -> serde_json::Result<Value> {
        let (signal, signals) = one_or_more(self.signals);
        serde_json::to_value(Revision {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            metadata: self.metadata,
            spec: Spec {
                scaling: self.scaling,
                concurrency: self.concurrency,
                template: self.template,
                timeouts: self.timeouts,
                routes: self.routes,
                hold: self.hold,
                signal,
                signals,
                ..Spec::default()
            },
        })
    }

    fn autoscaler(self, fields: &mut Fields, keep_owner: bool) -> serde_json::Result<Value> {
        let (signal, signals) = one_or_more(self.signals);
        let mut spec = AutoscalerSpec {
            scale_target_ref: self.target,
            mode: keep_owner.then_some(AutoscalerMode::Shadow),
            concurrency: self.concurrency,
            scaling: self.scaling,
            signal,
            signals,
            replicas: None,
        };
        if spec.scaling.min == Some(0) && !spec.may_be_at_zero() {
            spec.scaling.min = None;
            spec.scaling.idle_delay = None;
            let why = no_counterpart(
                "no replica at all, for nothing holds the requests of a workload that is not ours; it stays at 1. Give its Deployment with this, and it becomes a Revision, which goes to zero",
            );
            match &self.min {
                Some(min) => fields.note(NoteKind::Lost, min, &why),
                None => fields.note_on(NoteKind::Lost, "least replicas", &why),
            }
        }
        if !self.routes.is_empty() || self.hold != Hold::default() {
            let why = no_counterpart(
                "nothing of ours stands before a workload that is not ours. Give its Deployment with this, and it becomes a Revision, which has routes and holds requests",
            );
            fields.note_on(NoteKind::Lost, "hosts, paths and waiting", &why);
        }
        if self.timeouts != Timeouts::default() {
            let why = no_counterpart("the queue of `cheerful inject` has its own limits");
            fields.note_on(NoteKind::Lost, "timeouts", &why);
        }
        let name = &self.metadata.name;
        if let Some(owner) = self.owner {
            let told = if keep_owner {
                format!(
                    "The {owner} {name} goes on scaling it; this one only says what it would do."
                )
            } else {
                format!(
                    "Before this is applied: kubectl delete {owner} {name} (two that scale one workload undo each other)."
                )
            };
            fields.note_on(NoteKind::Told, "", &told);
        }
        if spec.counts_requests() && spec.requests().is_none() {
            let told = "Its pods need the queue that counts their requests: cheerful inject --services -f FILE.";
            fields.note_on(NoteKind::Told, "", told);
        }
        serde_json::to_value(Autoscaler {
            api_version: API_VERSION.to_owned(),
            kind: Autoscaler::KIND.to_owned(),
            metadata: self.metadata,
            spec,
        })
    }

    /// A source that is there more than once gets names of its own.
    fn name_signals(&mut self) {
        let mut seen = BTreeMap::new();
        for signal in &mut self.signals {
            let Some(source) = signal.signal().map(|signal| signal.source.name()) else {
                continue;
            };
            let number = seen.entry(source).or_insert(0_u32);
            *number += 1;
            if *number > 1 {
                signal.name = Some(format!("{source}-{number}"));
            }
        }
    }
}

/// Labels or annotations that are left, but those of Kubernetes' own tools and of those who scaled it.
pub(super) fn texts(fields: &mut Fields, path: &[&str]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for name in fields.names(path) {
        let group = name.split_once('/').map_or("", |(group, _)| group);
        let theirs = |domain| group == domain || group.ends_with(&format!(".{domain}"));
        if theirs("knative.dev") || theirs("keda.sh") {
            continue;
        }
        let taken = fields.value(&[path, &[name.as_str()]].concat(), text);
        if let Some(text) = taken.filter(|text| text.len() <= MAX_TEXT) {
            texts.insert(name, text);
        }
    }
    texts
}

/// `apiVersion`, `kind` and `name` of what is scaled.
pub(super) fn scale_target(fields: &mut Fields) -> ScaleTargetRef {
    let mut part = fields.part(&["spec", "scaleTargetRef"]);
    let target = ScaleTargetRef {
        api_version: part.value(&["apiVersion"], text),
        kind: (part.value(&["kind"], text)).unwrap_or_else(|| "Deployment".to_owned()),
        name: part.value(&["name"], text).unwrap_or_default(),
    };
    fields.join(part);
    if target.name.is_empty() {
        fields.wrong(
            "spec.scaleTargetRef.name",
            "is missing: should be the name of what is scaled",
        );
    }
    target
}

fn one_or_more(mut signals: Vec<SignalSpec>) -> (Option<SignalSpec>, Vec<SignalSpec>) {
    if signals.len() == 1 {
        (signals.pop(), signals)
    } else {
        (None, signals)
    }
}

/// Takes out blocks in which nothing is set; those of the template are the user's.
fn prune(value: &mut Value) {
    let Value::Object(fields) = value else {
        return;
    };
    for (name, field) in fields.iter_mut() {
        if name != "template" {
            prune(field);
        }
    }
    fields.retain(|name, field| {
        name == "template" || !matches!(field, Value::Object(inner) if inner.is_empty())
    });
}
