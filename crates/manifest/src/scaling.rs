// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Concurrency, Delay, Invalid, Scaling, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    BurstCapacityText, DelayText, DurationText, LatencySpec, PausedText, PolicyText, ScheduleSpec,
    ShadowSpec, TargetText,
};

/// How the number of replicas follows the requests in flight. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ScalingSpec {
    /// How the load becomes a count of replicas. `auto`: spare capacity by how much the load varies and how long a
    /// replica takes to start, delays by what waiting and idling cost. `stable-panic`: two windows, a fixed share of
    /// each replica and delays of fixed length.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub policy: Option<PolicyText>,
    /// What a request that waits is worth against a replica that idles. 0: nobody should ever wait. 1: as cheap as can
    /// be. 0.5 is right for most. Only with `policy: auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1), extend("default" = 0.5))]
    pub thrift: Option<f64>,
    /// Requests in flight per replica to aim for. `auto` learns it from the latency of the requests; until
    /// it is learned it is 0.7 times the hard limit, or 10 where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub target: Option<TargetText>,
    /// What the learned target keeps to. Left out: requests may take 1.5 times as long as one that is alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencySpec>,
    /// Fewest replicas. 0: none while nothing is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub min: Option<u32>,
    /// Most replicas. Left out: no bound but the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max: Option<u32>,
    /// Replicas when the revision is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 1))]
    pub initial: Option<u32>,
    /// Fewest replicas whenever there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 1))]
    pub activation: Option<u32>,
    /// Over how long the load is averaged while all is calm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "60s"))]
    pub stable_window: Option<DurationText>,
    /// Over how long the load is averaged to see a burst.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "6s"))]
    pub panic_window: Option<DurationText>,
    /// A burst is a load of this many times what the ready replicas are meant for. Only with `policy: stable-panic`;
    /// `auto` knows one by what is ready being too little for what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("default" = 2))]
    pub panic_threshold: Option<f64>,
    /// At most this many times as many replicas after one decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 10, "exclusiveMinimum" = 1))]
    pub max_up: Option<f64>,
    /// At most this many times fewer replicas after one decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 2, "exclusiveMinimum" = 1))]
    pub max_down: Option<f64>,
    /// Spare requests in flight below which the gateway stands in the path. -1: always. (On one machine
    /// the gateway is always in the path.)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub burst_capacity: Option<BurstCapacityText>,
    /// From the last request to no replica. `auto` is learned; 60 s with `policy: stable-panic`. Less than 3 s is 3 s where
    /// the load is known by reports only (in a cluster, or by a signal): silence shows no sooner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub idle_delay: Option<DelayText>,
    /// How long the last replica stays after the gateway is known to be in the path. (0s on one machine,
    /// where it always is.)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "30s"))]
    pub grace_period: Option<DurationText>,
    /// Every other step down waits so long: the largest wish within it holds. `auto` is learned; 0 s with
    /// `policy: stable-panic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub scale_down_delay: Option<DelayText>,
    /// `true` holds the present count of replicas, a number holds that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub paused: Option<PausedText>,
    /// Least counts that come and go by the clock; of those that are on the largest counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub schedules: Vec<ScheduleSpec>,
    /// A second policy beside this one: it sees the same load, writes nothing, and tells what it would have cost and who
    /// would have waited. What is left out is as in `scaling`; at least one setting has to be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowSpec>,
}

impl ScalingSpec {
    /// The settings that this block and the defaults of `scaling` give together, checked.
    ///
    /// # Errors
    /// Every setting that is out of its bounds.
    pub fn resolve(&self, concurrency: Concurrency) -> Result<Scaling, Vec<Invalid>> {
        self.resolve_over(Settings {
            concurrency,
            ..Settings::default()
        })
    }

    /// The settings of the second policy, if there is one, beside those that this block came to.
    ///
    /// # Errors
    /// Every setting of `shadow` that is out of its bounds.
    pub fn resolve_shadow(&self, acting: &Scaling) -> Result<Option<Scaling>, Vec<Invalid>> {
        let shadow = self.shadow.as_ref();
        shadow.map(|shadow| shadow.resolve(acting)).transpose()
    }

    /// The settings that this block and a platform's own defaults give together, checked.
    ///
    /// # Errors
    /// Every setting that is out of its bounds.
    pub fn resolve_over(&self, defaults: Settings) -> Result<Scaling, Vec<Invalid>> {
        let time = |given: Option<DurationText>, default| given.map_or(default, Duration::from);
        let delay = |given: Option<DelayText>, default: Delay| given.map_or(default, |text| text.0);
        let latency = self.latency.as_ref().map(LatencySpec::resolve);
        let (latency, wrong) = match latency.transpose() {
            Ok(given) => (given.or(defaults.latency), None),
            Err(wrong) => (None, Some(wrong)),
        };
        let scaling = Scaling::new(Settings {
            concurrency: defaults.concurrency,
            policy: self
                .policy
                .map_or(defaults.policy, |PolicyText(policy)| policy),
            thrift: self.thrift.unwrap_or(defaults.thrift),
            target: self
                .target
                .map_or(defaults.target, |TargetText(target)| target),
            latency,
            min: self.min.unwrap_or(defaults.min),
            max: self.max.or(defaults.max),
            initial: self.initial.unwrap_or(defaults.initial),
            activation: self.activation.unwrap_or(defaults.activation),
            stable_window: time(self.stable_window, defaults.stable_window),
            panic_window: time(self.panic_window, defaults.panic_window),
            panic_threshold: self.panic_threshold.unwrap_or(defaults.panic_threshold),
            max_up: self.max_up.unwrap_or(defaults.max_up),
            max_down: self.max_down.unwrap_or(defaults.max_down),
            burst_capacity: self
                .burst_capacity
                .map_or(defaults.burst_capacity, |BurstCapacityText(capacity)| {
                    capacity
                }),
            idle_delay: delay(self.idle_delay, defaults.idle_delay),
            grace_period: time(self.grace_period, defaults.grace_period),
            scale_down_delay: delay(self.scale_down_delay, defaults.scale_down_delay),
            paused: self
                .paused
                .map_or(defaults.paused, |PausedText(paused)| paused),
            requests: defaults.requests,
            gauges: defaults.gauges,
        });
        match wrong {
            None => scaling,
            Some(wrong) => {
                let mut faults = scaling.err().unwrap_or_default();
                faults.push(wrong);
                Err(faults)
            }
        }
    }
}

/// Writes every setting but the concurrency and what comes by signals, so that what is read back does not hang on later defaults.
impl From<&Settings> for ScalingSpec {
    fn from(settings: &Settings) -> Self {
        let time = |duration| Some(DurationText(duration));
        Self {
            policy: Some(PolicyText(settings.policy)),
            thrift: Some(settings.thrift),
            target: Some(TargetText(settings.target)),
            latency: settings.latency.map(LatencySpec::from),
            min: Some(settings.min),
            max: settings.max,
            initial: Some(settings.initial),
            activation: Some(settings.activation),
            stable_window: time(settings.stable_window),
            panic_window: time(settings.panic_window),
            panic_threshold: Some(settings.panic_threshold),
            max_up: Some(settings.max_up),
            max_down: Some(settings.max_down),
            burst_capacity: Some(BurstCapacityText(settings.burst_capacity)),
            idle_delay: Some(DelayText(settings.idle_delay)),
            grace_period: time(settings.grace_period),
            scale_down_delay: Some(DelayText(settings.scale_down_delay)),
            paused: Some(PausedText(settings.paused)),
            schedules: Vec::new(),
            shadow: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::{BurstCapacity, Paused, Policy, Target};

    use super::*;

    #[test]
    fn nothing_given_is_the_defaults() {
        let scaling = ScalingSpec::default().resolve(Concurrency::Single).unwrap();
        assert_eq!(
            *scaling.settings(),
            Settings {
                concurrency: Concurrency::Single,
                ..Settings::default()
            }
        );
    }

    #[test]
    fn settings_survive_the_way_there_and_back() {
        let settings = Settings {
            concurrency: Concurrency::Limit(20),
            policy: Policy::Auto,
            thrift: 0.3,
            target: Target::PerReplica(7.3),
            latency: None,
            min: 1,
            max: Some(9),
            initial: 2,
            activation: 3,
            stable_window: Duration::from_millis(30_500),
            panic_window: Duration::from_secs(3),
            panic_threshold: 1.5,
            max_up: 3.0,
            max_down: 4.5,
            burst_capacity: BurstCapacity::Requests(12.5),
            idle_delay: Delay::Auto,
            grace_period: Duration::from_secs(1),
            scale_down_delay: Duration::from_secs(3599).into(),
            paused: Paused::At(4),
            ..Settings::default()
        };
        let written = serde_json::to_string(&ScalingSpec::from(&settings)).unwrap();
        assert!(
            written.contains(r#""scaleDownDelay":"59m59s""#),
            "{written}"
        );
        let read: ScalingSpec = serde_json::from_str(&written).unwrap();
        assert_eq!(
            *read.resolve(settings.concurrency).unwrap().settings(),
            settings
        );
    }
}
