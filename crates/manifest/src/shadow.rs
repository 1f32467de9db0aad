// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Invalid, Scaling, Settings, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DelayText, DurationText, LatencySpec, PolicyText, ScalingSpec, TargetText};

/// A second policy beside the one that acts: it sees the same load, writes nothing, and tells what it would have cost and
/// who would have waited. What is left out is as in `scaling`; at least one setting has to be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct ShadowSpec {
    /// How the load becomes a count of replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyText>,
    /// What a request that waits is worth against a replica that idles, from 0: nobody should ever wait, to 1: as cheap as
    /// can be. Only with `policy: auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub thrift: Option<f64>,
    /// Requests in flight per replica to aim for. Where it is a number, `latency` is not that of `scaling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetText>,
    /// What the learned target keeps to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencySpec>,
    /// Fewest replicas. Left out: that of `scaling`, but not over `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Most replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max: Option<u32>,
    /// Over how long the load is averaged while all is calm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_window: Option<DurationText>,
    /// Over how long the load is averaged to see a burst. Left out: that of `scaling`, but not over `stableWindow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic_window: Option<DurationText>,
    /// A burst is a load of this many times what the ready replicas are meant for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub panic_threshold: Option<f64>,
    /// At most this many times as many replicas after one decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub max_up: Option<f64>,
    /// At most this many times fewer replicas after one decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub max_down: Option<f64>,
    /// From the last request to no replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_delay: Option<DelayText>,
    /// Every other step down waits so long: the largest wish within it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay: Option<DelayText>,
}

impl ShadowSpec {
    /// The settings beside those of the policy that acts, checked. A pause holds that one alone.
    ///
    /// # Errors
    /// Every setting that is out of its bounds.
    pub fn resolve(&self, acting: &Scaling) -> Result<Scaling, Vec<Invalid>> {
        let given = ScalingSpec {
            policy: self.policy,
            thrift: self.thrift,
            target: self.target,
            latency: self.latency.clone(),
            min: self.min,
            max: self.max,
            stable_window: self.stable_window,
            panic_window: self.panic_window,
            panic_threshold: self.panic_threshold,
            max_up: self.max_up,
            max_down: self.max_down,
            idle_delay: self.idle_delay,
            scale_down_delay: self.scale_down_delay,
            ..ScalingSpec::default()
        };
        let acting = acting.clone().unpaused();
        given.resolve_over(self.fitting(acting.settings().clone()))
    }

    /// What is not given gives way to what is.
    fn fitting(&self, mut acting: Settings) -> Settings {
        if let Some(TargetText(Target::PerReplica(_))) = self.target {
            acting.latency = None;
        }
        if let Some(max) = self.max {
            for least in [&mut acting.min, &mut acting.initial, &mut acting.activation] {
                *least = (*least).min(max);
            }
        }
        if let Some(window) = self.stable_window {
            acting.panic_window = acting.panic_window.min(Duration::from(window));
        }
        acting
    }
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::{Paused, Policy};

    use super::*;

    fn beside(acting: &str, shadow: &str) -> Result<Settings, Vec<&'static str>> {
        let acting: ScalingSpec = serde_json::from_str(acting).unwrap();
        let acting = acting.resolve_over(Settings::default()).unwrap();
        let shadow: ShadowSpec = serde_json::from_str(shadow).unwrap();
        let resolved = shadow.resolve(&acting);
        let resolved = resolved.map(|scaling| scaling.settings().clone());
        resolved.map_err(|faults| faults.iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn what_is_not_given_is_as_in_the_acting_one_as_far_as_it_fits() {
        let settings = beside(
            r#"{"min": 3, "initial": 5, "activation": 4, "max": 9, "paused": true, "latency": {"p95": "1s"}}"#,
            r#"{"policy": "auto", "max": 2, "target": 7, "stableWindow": "3s"}"#,
        )
        .unwrap();
        assert_eq!(
            settings,
            Settings {
                policy: Policy::Auto,
                target: Target::PerReplica(7.0),
                latency: None,
                min: 2,
                initial: 2,
                activation: 2,
                max: Some(2),
                stable_window: Duration::from_secs(3),
                panic_window: Duration::from_secs(3),
                paused: Paused::No,
                ..Settings::default()
            }
        );
    }

    #[test]
    fn what_is_given_has_to_fit() {
        assert_eq!(beside(r#"{"max": 3}"#, r#"{"min": 4}"#), Err(vec!["min"]));
        assert_eq!(
            beside(r#"{"target": 3}"#, r#"{"latency": {"p95": "1s"}}"#),
            Err(vec!["latency"])
        );
        assert_eq!(
            beside("{}", r#"{"stableWindow": "9s", "panicWindow": "10s"}"#),
            Err(vec!["panicWindow"])
        );
    }
}
