// SPDX-License-Identifier: Apache-2.0
use cheerful_manifest::{
    AutoscalerChoice, AutoscalerMode, AutoscalerSpec, ConcurrencyText, ScaleTargetRef, ScalingSpec,
    SignalSpec, Spec,
};
use cheerful_scaling::{Concurrency, Invalid, Paused, Scaling, Settings};
use cheerful_wire::{Workload, WorkloadKind};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{conflict::TargetKey, signals::Signals, target::Target};
use crate::{names, resources::LearnedStatus};

/// What is kept of a Revision or an Autoscaler.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ObjectSeen {
    pub(crate) workload: Workload,
    pub(crate) uid: String,
    pub(crate) generation: Option<i64>,
    pub(crate) created: String,
    /// How it scales, or what is wrong with what it says.
    pub(crate) scaling: Result<Scaling, String>,
    /// By what its load becomes known; nothing while something is wrong.
    pub(crate) signals: Signals,
    /// The second policy beside the one that acts; with `shadow` its own, beside whatever acts. `None` while something is
    /// wrong.
    pub(crate) beside: Option<Scaling>,
    /// Decided and explained, not written.
    pub(crate) shadow: bool,
    /// It has an autoscaler of its own.
    pub(crate) dedicated: bool,
    /// `min: 0` where nothing can hold a request at zero: 1 is meant.
    pub(crate) min_raised: bool,
    pub(crate) target: Target,
    /// Whether the gateway is the only way of a request now; `None`: no gateway ever is.
    pub(crate) gateway_is_path: Option<bool>,
    /// Whether an autoscaler has ever said anything about it.
    pub(crate) is_new: bool,
    /// The count that its own `/scale` tells.
    pub(crate) mirrored: Option<u32>,
    /// What an autoscaler has learned of it.
    pub(crate) learned: Option<LearnedStatus>,
    /// Its conditions, where they are ours.
    pub(crate) conditions: Vec<Condition>,
    /// Who woke it by hand and when, at most [`ObjectSeen::LONGEST_WAKE`] characters.
    pub(crate) woken: Option<String>,
}

impl ObjectSeen {
    const LONGEST_WAKE: usize = 256;

    /// Trims a Revision.
    pub(crate) fn revision(object: DynamicObject) -> Option<Self> {
        let name = object.metadata.name.clone()?;
        let spec = &object.data["spec"];
        let status = &object.data["status"];
        let choice: Option<AutoscalerChoice> = read(spec, "autoscaler").ok().flatten();
        let target = Target::deployment(object.metadata.namespace.as_deref()?, &name);
        let resolved = Given::read(spec).and_then(Given::of_a_revision);
        Some(Self {
            dedicated: choice == Some(AutoscalerChoice::Dedicated),
            gateway_is_path: Some(status["path"]["now"] == "Gateway"),
            ..Self::plain(&object, WorkloadKind::Revision, target, resolved)?
        })
    }

    /// Trims an Autoscaler.
    pub(crate) fn autoscaler(object: DynamicObject) -> Option<Self> {
        let spec = &object.data["spec"];
        let reference: ScaleTargetRef = read(spec, "scaleTargetRef").ok().flatten()?;
        let namespace = object.metadata.namespace.as_deref()?;
        let mode: Option<AutoscalerMode> = read(spec, "mode").ok().flatten();
        let given = Given::read(spec);
        let min_raised = (given.as_ref()).is_ok_and(|given| given.scaling.min == Some(0))
            && given.as_ref().is_ok_and(|given| !given.may_be_at_zero());
        let conditions = read(&object.data["status"], "conditions").ok().flatten();
        let shadow = mode == Some(AutoscalerMode::Shadow);
        let mut resolved = given.and_then(Given::of_an_autoscaler);
        if let (true, Ok(resolved)) = (shadow, &mut resolved) {
            resolved.beside = Some(resolved.scaling.clone());
        }
        Some(Self {
            shadow,
            min_raised,
            conditions: conditions.unwrap_or_default(),
            ..Self::plain(
                &object,
                WorkloadKind::Autoscaler,
                Target::of(namespace, &reference),
                resolved,
            )?
        })
    }

    fn plain(
        object: &DynamicObject,
        kind: WorkloadKind,
        target: Target,
        resolved: Result<Resolved, String>,
    ) -> Option<Self> {
        let (scaling, beside, signals) = match resolved {
            Ok(resolved) => (Ok(resolved.scaling), resolved.beside, resolved.signals),
            Err(why) => (Err(why), None, Signals::default()),
        };
        let metadata = &object.metadata;
        let created = metadata.creation_timestamp.as_ref();
        let annotations = metadata.annotations.as_ref();
        let woken = annotations.and_then(|all| all.get(names::WAKE_ANNOTATION));
        Some(Self {
            workload: Workload {
                namespace: metadata.namespace.clone()?,
                kind,
                name: metadata.name.clone()?,
            },
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation,
            created: created.map(|time| time.0.to_string()).unwrap_or_default(),
            scaling,
            signals,
            beside,
            shadow: false,
            dedicated: false,
            min_raised: false,
            target,
            gateway_is_path: None,
            is_new: object.data["status"]["scale"].is_null(),
            mirrored: read(&object.data["spec"], "replicas").ok().flatten(),
            learned: read(&object.data["status"], "learned").ok().flatten(),
            conditions: Vec::new(),
            woken: woken.map(|text| text.chars().take(Self::LONGEST_WAKE).collect()),
        })
    }

    /// Whether a pause leaves the count to whoever sets it.
    pub(crate) fn is_left_alone(&self) -> bool {
        (self.scaling.as_ref()).is_ok_and(|scaling| scaling.settings().paused == Paused::Present)
    }
}

/// What a HorizontalPodAutoscaler scales.
pub(crate) fn hpa_target(hpa: &HorizontalPodAutoscaler) -> Option<TargetKey> {
    let target = &hpa.spec.as_ref()?.scale_target_ref;
    let version = target.api_version.as_deref().unwrap_or("apps/v1");
    Some(TargetKey::new(version, &target.kind, &target.name))
}

/// What a specification says of the scale. Fields that are not known are no fault here: another version of the definition
/// may have more.
struct Given {
    concurrency: Concurrency,
    scaling: ScalingSpec,
    signal: Option<SignalSpec>,
    signals: Vec<SignalSpec>,
}

impl Given {
    fn read(spec: &Value) -> Result<Self, String> {
        let concurrency: Option<ConcurrencyText> = read(spec, "concurrency")?;
        Ok(Self {
            concurrency: concurrency.map_or(Concurrency::Multi, |ConcurrencyText(given)| given),
            scaling: read(spec, "scaling")?.unwrap_or_default(),
            signal: read(spec, "signal")?,
            signals: read(spec, "signals")?.unwrap_or_default(),
        })
    }

    fn of_a_revision(self) -> Result<Resolved, String> {
        let spec = Spec {
            signal: self.signal.clone(),
            signals: self.signals.clone(),
            ..Spec::default()
        };
        let settings = Settings {
            gauges: spec.gauges(),
            ..Settings::default()
        };
        self.resolve(settings)
    }

    /// Nothing holds requests for it at zero, so it keeps one unless it may be there.
    fn of_an_autoscaler(mut self) -> Result<Resolved, String> {
        if !self.may_be_at_zero() {
            self.scaling.min = self.scaling.min.map(|min| min.max(1));
        }
        let spec = self.autoscaler();
        let settings = Settings {
            min: 1,
            requests: spec.counts_requests(),
            gauges: spec.gauges(),
            ..Settings::default()
        };
        self.resolve(settings)
    }

    fn may_be_at_zero(&self) -> bool {
        self.autoscaler().may_be_at_zero()
    }

    fn autoscaler(&self) -> AutoscalerSpec {
        AutoscalerSpec {
            signal: self.signal.clone(),
            signals: self.signals.clone(),
            ..AutoscalerSpec::default()
        }
    }

    fn resolve(self, settings: Settings) -> Result<Resolved, String> {
        let settings = Settings {
            concurrency: self.concurrency,
            ..settings
        };
        let scaling = (self.scaling.resolve_over(settings))
            .map_err(|faults| in_words("spec.scaling", faults))?;
        let beside = (self.scaling.resolve_shadow(&scaling))
            .map_err(|faults| in_words("spec.scaling.shadow", faults))?;
        let signals = Signals::read(self.signal, self.signals, &self.scaling.schedules)?;
        Ok(Resolved {
            scaling,
            beside,
            signals,
        })
    }
}

/// What a specification comes to.
struct Resolved {
    scaling: Scaling,
    beside: Option<Scaling>,
    signals: Signals,
}

fn in_words(block: &str, faults: Vec<Invalid>) -> String {
    let fault = |fault: Invalid| {
        let (field, value, expected) = (fault.field, fault.value, fault.expected);
        format!("{block}.{field}: {value}; should be {expected}")
    };
    faults.into_iter().map(fault).collect::<Vec<_>>().join("; ")
}

fn read<T: DeserializeOwned>(parent: &Value, field: &str) -> Result<Option<T>, String> {
    match &parent[field] {
        Value::Null => Ok(None),
        value => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|error| format!("spec.{field}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, spec: Value, status: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": kind,
            "metadata": {"name": "cart", "namespace": "shop", "uid": "u", "generation": 3,
                "creationTimestamp": "2026-11-24T10:00:00Z"},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_revision_is_trimmed_to_what_scales_it() {
        let spec = json!({"template": {"anything": 1}, "new": "field", "concurrency": 5,
            "scaling": {"max": 7, "paused": true}, "autoscaler": "dedicated"});
        let status = json!({"path": {"now": "Gateway", "since": "2026-11-24T10:00:00Z"}});
        let seen = ObjectSeen::revision(object("Revision", spec, status)).unwrap();
        let settings = seen.scaling.as_ref().unwrap().settings();
        assert_eq!(
            (settings.max, settings.concurrency),
            (Some(7), Concurrency::Limit(5))
        );
        assert!(seen.dedicated && seen.is_new && seen.is_left_alone());
        assert_eq!(seen.gateway_is_path, Some(true));
        assert_eq!(seen.target, Target::deployment("shop", "cart"));
    }

    #[test]
    fn a_second_policy_is_beside_the_one_that_acts_or_is_its_own_in_mode_shadow() {
        let spec = json!({"scaling": {"max": 7, "shadow": {"max": 3}}});
        let seen = ObjectSeen::revision(object("Revision", spec, json!({}))).unwrap();
        assert_eq!(seen.scaling.unwrap().settings().max, Some(7));
        assert_eq!(seen.beside.unwrap().settings().max, Some(3));
        let spec = json!({"scaling": {"max": 7, "shadow": {"min": 9}}});
        let seen = ObjectSeen::revision(object("Revision", spec, json!({}))).unwrap();
        let why = seen.scaling.unwrap_err();
        assert!(
            why.contains("spec.scaling.shadow.min: 9; should be at most max, 7"),
            "{why}"
        );
        let target = json!({"kind": "Deployment", "name": "web"});
        for (mode, is_beside) in [("Active", false), ("Shadow", true)] {
            let spec = json!({"mode": mode, "scaleTargetRef": target});
            let seen = ObjectSeen::autoscaler(object("Autoscaler", spec, json!({}))).unwrap();
            let own = seen.scaling.ok().filter(|_| is_beside);
            assert_eq!(seen.beside, own, "{mode}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_field_and_value() {
        let spec = json!({"scaling": {"max": 0}});
        let seen = ObjectSeen::revision(object("Revision", spec, json!({}))).unwrap();
        let why = seen.scaling.unwrap_err();
        assert!(
            why.contains("spec.scaling.max: 0; should be at least 1"),
            "{why}"
        );
    }

    #[test]
    fn an_autoscaler_keeps_one_for_nothing_holds_at_zero() {
        let spec = json!({"mode": "Shadow", "replicas": 4, "scaling": {"min": 0},
            "scaleTargetRef": {"kind": "StatefulSet", "name": "db"}});
        let status = json!({"scale": {"ready": 1}, "conditions": []});
        let seen = ObjectSeen::autoscaler(object("Autoscaler", spec, status)).unwrap();
        assert_eq!(seen.scaling.as_ref().unwrap().settings().min, 1);
        assert!(seen.min_raised && seen.shadow && !seen.is_new);
        assert_eq!((seen.gateway_is_path, seen.mirrored), (None, Some(4)));
    }
}
