// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::{BurstCapacity, Concurrency, Delay, Gauge, Paused, Percentile, Settings, Target};

/// Settings that have been checked: no combination that `decide` could stumble over.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    settings: Settings,
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field as it is written in a manifest: `stableWindow`.
    pub field: &'static str,
    /// The value given.
    pub value: String,
    /// What would be right.
    pub expected: String,
}

impl Scaling {
    /// The share of a replica's capacity that is aimed for where a target is given and no hard limit:
    /// capacity = target / 0.75.
    pub const TARGET_SHARE: f64 = 0.75;
    /// The share of a hard limit that `target: auto` aims for until it is learned.
    pub const AUTO_SHARE: f64 = 0.7;
    /// What `target: auto` aims for where there is no hard limit, until it is learned.
    pub const AUTO_TARGET: f64 = 10.0;
    /// From the last request to zero, where nothing is given or learned.
    pub const IDLE_DELAY: Duration = Duration::from_secs(60);

    /// Checks all fields and the relations between them; gives every fault, not just the first.
    ///
    /// # Errors
    /// One [`Invalid`] for each field that is out of its bounds.
    pub fn new(settings: Settings) -> Result<Self, Vec<Invalid>> {
        let faults = faults(&settings);
        if faults.is_empty() {
            Ok(Self { settings })
        } else {
            Err(faults)
        }
    }
    /// The settings as they were given.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
    /// The same, scaling where these hold a count.
    #[must_use]
    pub fn unpaused(mut self) -> Self {
        // No check knows of a pause.
        self.settings.paused = Paused::No;
        self
    }
    /// Requests in flight per replica to aim for; with `auto` the value that learning begins with.
    #[must_use]
    pub fn target(&self) -> f64 {
        match (self.settings.target, self.limit()) {
            (Target::PerReplica(target), _) => target,
            (Target::Auto, Some(limit)) => Self::AUTO_SHARE * limit,
            (Target::Auto, None) => Self::AUTO_TARGET,
        }
    }
    /// Requests in flight that one replica can take: its hard limit, or target / 0.75 where there is none.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.capacity_at(self.target())
    }
    /// [`Scaling::capacity`] with a target that was learned.
    pub(crate) fn capacity_at(&self, target: f64) -> f64 {
        self.limit().unwrap_or(target / Self::TARGET_SHARE)
    }
    /// Spare requests in flight below which the gateway stands in the path, after `auto` is resolved;
    /// `None`: it always stands there.
    #[must_use]
    pub const fn burst_capacity(&self) -> Option<f64> {
        match self.settings.burst_capacity {
            BurstCapacity::Auto => Some(BurstCapacity::AUTO_REQUESTS),
            BurstCapacity::Requests(requests) => Some(requests),
            BurstCapacity::AlwaysInPath => None,
        }
    }
    pub(crate) fn limit(&self) -> Option<f64> {
        match self.settings.concurrency {
            Concurrency::Single => Some(1.0),
            Concurrency::Multi => None,
            Concurrency::Limit(limit) => Some(f64::from(limit)),
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn faults(settings: &Settings) -> Vec<Invalid> {
    let mut check = Check { faults: Vec::new() };
    let limit = match settings.concurrency {
        Concurrency::Single => 1.0,
        Concurrency::Multi => 1e6,
        Concurrency::Limit(limit) => {
            check.number("concurrency", f64::from(limit), 1.0, 1e6);
            f64::from(limit).max(1.0)
        }
    };
    if let Target::PerReplica(target) = settings.target {
        check.number("target", target, 0.01, limit);
        check.that(settings.latency.is_none(), "latency", || {
            let within = settings.latency.map(|latency| latency.within);
            (
                format!("{:?}", within.unwrap_or_default()),
                "left out where target is a number, which needs no objective".to_owned(),
            )
        });
    }
    if let Some(latency) = settings.latency {
        let field = match latency.percentile {
            Percentile::P50 => "latency.p50",
            Percentile::P90 => "latency.p90",
            Percentile::P95 => "latency.p95",
            Percentile::P99 => "latency.p99",
        };
        check.duration(field, latency.within, MILLISECOND, HOUR);
    }
    let max = settings.max.unwrap_or(u32::MAX);
    if let Some(max) = settings.max {
        check.that(max >= 1, "max", || {
            (max.to_string(), "at least 1".to_owned())
        });
    }
    for (field, value) in [
        ("min", settings.min),
        ("initial", settings.initial),
        ("activation", settings.activation),
    ] {
        check.that(value <= max, field, || {
            (value.to_string(), format!("at most max, {max}"))
        });
    }
    check.duration("stableWindow", settings.stable_window, SECOND, HOUR);
    let longest = settings.stable_window.clamp(SECOND, HOUR);
    check.duration("panicWindow", settings.panic_window, SECOND, longest);
    check.number("panicThreshold", settings.panic_threshold, 1.0, 1e6);
    check.factor("maxUp", settings.max_up);
    check.factor("maxDown", settings.max_down);
    if let BurstCapacity::Requests(requests) = settings.burst_capacity {
        check.number("burstCapacity", requests, 0.0, 1e9);
    }
    check.number("thrift", settings.thrift, 0.0, 1.0);
    check.delay("idleDelay", settings.idle_delay, DAY);
    check.duration("gracePeriod", settings.grace_period, Duration::ZERO, HOUR);
    check.delay("scaleDownDelay", settings.scale_down_delay, HOUR);
    check.gauges(&settings.gauges);
    check.that(
        settings.requests || !settings.gauges.is_empty(),
        "requests",
        || {
            (
                "false".to_owned(),
                "true where there is no gauge, for then nothing else tells the load".to_owned(),
            )
        },
    );
    check.faults
}

struct Check {
    faults: Vec<Invalid>,
}

impl Check {
    fn that(&mut self, fine: bool, field: &'static str, say: impl Fn() -> (String, String)) {
        if !fine {
            let (value, expected) = say();
            self.faults.push(Invalid {
                field,
                value,
                expected,
            });
        }
    }
    fn number(&mut self, field: &'static str, value: f64, least: f64, most: f64) {
        self.that((least..=most).contains(&value), field, || {
            (
                value.to_string(),
                format!("a number from {least} to {most}"),
            )
        });
    }
    fn gauges(&mut self, gauges: &[Gauge]) {
        self.that(gauges.len() <= Gauge::MOST, "gauges", || {
            let expected = format!("at most {} gauges", Gauge::MOST);
            (format!("a list of {}", gauges.len()), expected)
        });
        for (index, gauge) in gauges.iter().enumerate() {
            let name = &gauge.name;
            let fine = (1..=Gauge::NAME_BYTES).contains(&name.len())
                && gauges.iter().take(index).all(|other| other.name != *name);
            self.that(fine, "gauges.name", || {
                let expected = "a name of 1 to 63 bytes that no other gauge has";
                (format!("{name:?}"), expected.to_owned())
            });
            let target = gauge.aim.value();
            self.that(target > 0.0 && target <= 1e18, "gauges.target", || {
                (
                    target.to_string(),
                    "a number above 0, up to 1e18".to_owned(),
                )
            });
            self.number(
                "gauges.activation",
                gauge.activation.unwrap_or(0.0),
                0.0,
                1e18,
            );
            self.duration("gauges.interval", gauge.interval, SECOND, HOUR);
        }
    }
    fn factor(&mut self, field: &'static str, value: f64) {
        self.that(value.is_finite() && value > 1.0, field, || {
            (value.to_string(), "a number above 1".to_owned())
        });
    }
    fn delay(&mut self, field: &'static str, value: Delay, most: Duration) {
        if let Delay::Given(given) = value {
            self.duration(field, given, Duration::ZERO, most);
        }
    }
    fn duration(&mut self, field: &'static str, value: Duration, least: Duration, most: Duration) {
        self.that((least..=most).contains(&value), field, || {
            (format!("{value:?}"), format!("from {least:?} to {most:?}"))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aim, Measured, Objective};

    fn faults_of(change: impl FnOnce(&mut Settings)) -> Vec<(&'static str, String, String)> {
        let mut settings = Settings::default();
        change(&mut settings);
        let faults = Scaling::new(settings).err().unwrap_or_default();
        faults
            .into_iter()
            .map(|fault| (fault.field, fault.value, fault.expected))
            .collect()
    }

    #[test]
    fn the_defaults_are_right() {
        let scaling = Scaling::new(Settings::default()).unwrap();
        assert_eq!(scaling.target(), 10.0);
        assert_eq!(scaling.burst_capacity(), Some(200.0));
    }

    #[test]
    fn auto_aims_for_a_share_of_the_hard_limit() {
        let settings = Settings {
            concurrency: Concurrency::Limit(20),
            ..Settings::default()
        };
        let scaling = Scaling::new(settings).unwrap();
        assert_eq!((scaling.target(), scaling.capacity()), (14.0, 20.0));
    }

    #[test]
    fn every_fault_is_given_with_its_field_value_and_what_would_be_right() {
        let found = faults_of(|settings| {
            settings.min = 9;
            settings.max = Some(8);
            settings.target = Target::PerReplica(f64::NAN);
            settings.panic_window = Duration::from_secs(61);
        });
        let expected = [
            ("target", "NaN", "a number from 0.01 to 1000000"),
            ("min", "9", "at most max, 8"),
            ("panicWindow", "61s", "from 1s to 60s"),
        ];
        let expected = expected.map(|(field, value, right)| (field, value.into(), right.into()));
        assert_eq!(found, expected);
    }

    fn gauge(name: &str, each: f64) -> Gauge {
        Gauge {
            name: name.to_owned(),
            aim: Aim::Each(each),
            activation: None,
            interval: SECOND,
            measured: Measured::Elsewhere,
        }
    }

    fn objective(micros: u64) -> Objective {
        Objective {
            percentile: Percentile::P95,
            within: Duration::from_micros(micros),
        }
    }

    #[test]
    fn each_field_has_bounds() {
        type Change = fn(&mut Settings);
        let wrong: [(&str, Change); 23] = [
            ("gauges", |s| {
                s.gauges = (0..9).map(|n| gauge(&n.to_string(), 1.0)).collect()
            }),
            ("gauges.name", |s| {
                s.gauges = [gauge("a", 1.0), gauge("a", 2.0)].into_iter().collect()
            }),
            ("gauges.name", |s| {
                s.gauges = [gauge("", 1.0)].into_iter().collect()
            }),
            ("gauges.target", |s| {
                s.gauges = [gauge("a", 0.0)].into_iter().collect()
            }),
            ("requests", |s| s.requests = false),
            ("thrift", |s| s.thrift = 1.01),
            ("thrift", |s| s.thrift = f64::NAN),
            ("concurrency", |s| s.concurrency = Concurrency::Limit(0)),
            ("target", |s| {
                s.concurrency = Concurrency::Limit(5);
                s.target = Target::PerReplica(6.0);
            }),
            ("latency", |s| {
                s.target = Target::PerReplica(6.0);
                s.latency = Some(objective(250_000));
            }),
            ("latency.p95", |s| s.latency = Some(objective(999))),
            ("max", |s| {
                (s.max, s.initial, s.activation) = (Some(0), 0, 0)
            }),
            ("initial", |s| (s.max, s.initial) = (Some(3), 4)),
            ("activation", |s| (s.max, s.activation) = (Some(3), 4)),
            ("stableWindow", |s| {
                s.stable_window = Duration::from_secs(3601)
            }),
            ("panicWindow", |s| {
                s.panic_window = Duration::from_millis(999)
            }),
            ("panicThreshold", |s| s.panic_threshold = 0.9),
            ("maxUp", |s| s.max_up = 1.0),
            ("maxDown", |s| s.max_down = f64::INFINITY),
            ("burstCapacity", |s| {
                s.burst_capacity = BurstCapacity::Requests(-1.0)
            }),
            ("idleDelay", |s| {
                s.idle_delay = Duration::from_secs(86_401).into()
            }),
            ("gracePeriod", |s| {
                s.grace_period = Duration::from_secs(3601)
            }),
            ("scaleDownDelay", |s| {
                s.scale_down_delay = Duration::from_secs(3601).into()
            }),
        ];
        for (field, change) in wrong {
            let found = faults_of(change);
            assert_eq!(
                found.iter().map(|fault| fault.0).collect::<Vec<_>>(),
                [field]
            );
        }
    }
}
