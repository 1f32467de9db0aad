// SPDX-License-Identifier: Apache-2.0
//! A scaler with short words for its inputs.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]
use std::time::Duration;

use cheerful_scaling::{
    Averages, BurstCapacity, Decision, Holding, Latency, Moment, Objective, Observation, Refusal,
    Report, Scaler, Scaling, Settings, Start, Target,
};

pub fn at(seconds: f64) -> Moment {
    Moment::from_micros((seconds * 1e6).round() as u64)
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A target of 10 each, no delay, no limit down, zero allowed at once.
pub fn plain() -> Settings {
    Settings {
        target: Target::PerReplica(10.0),
        burst_capacity: BurstCapacity::Requests(0.0),
        max_down: 1e9,
        idle_delay: Duration::ZERO.into(),
        grace_period: Duration::ZERO,
        ..Settings::classic()
    }
}

pub fn report(replica: &str, seconds: f64, concurrency: f64) -> Report {
    Report {
        replica: replica.to_owned(),
        seconds,
        request_seconds: concurrency * seconds,
        ..Report::default()
    }
}

pub struct Bed {
    pub scaler: Scaler,
    pub now: f64,
}

impl Bed {
    pub fn new(settings: Settings, start: Start) -> Self {
        let scaling = Scaling::new(settings).unwrap();
        Self {
            scaler: Scaler::new(scaling, start, Moment::ZERO),
            now: 0.0,
        }
    }
    pub fn ready(settings: Settings, ready: u32) -> Self {
        let mut bed = Self::new(
            settings,
            Start {
                ready,
                ..Start::default()
            },
        );
        bed.observe(ready, 0);
        bed
    }
    pub fn observe(&mut self, ready: u32, starting: u32) {
        let observation = Observation {
            ready,
            starting,
            ..Observation::default()
        };
        self.scaler.observe(at(self.now), observation);
    }
    pub fn hold(&mut self, held: u64, arrived: u64) {
        self.scaler.holding(at(self.now), Holding { held, arrived });
    }
    pub fn report(&mut self, report: &Report) -> Result<(), Refusal> {
        self.scaler.report(at(self.now), report)
    }
    /// For so many seconds, each of these replicas reports that concurrency every second.
    pub fn run(&mut self, seconds: u32, replicas: std::ops::Range<u32>, concurrency: f64) {
        self.series((concurrency, concurrency), seconds, replicas);
    }
    /// The series of the scenarios of 2018.
    pub fn series(&mut self, (from, to): (f64, f64), seconds: u32, pods: std::ops::Range<u32>) {
        for second in 1..=seconds {
            let share = f64::from(second) / f64::from(seconds);
            let value = (from + (to - from) * share).trunc();
            self.now += 1.0;
            for pod in pods.clone() {
                self.report(&report(&pod.to_string(), 1.0, value)).unwrap();
            }
        }
    }
    pub fn decide(&mut self) -> Decision {
        self.scaler.decide(at(self.now))
    }
    pub fn replicas(&mut self) -> u32 {
        self.decide().replicas
    }
    /// A decision from averages: with so many ready at that time.
    pub fn given(&mut self, now: f64, ready: u32, stable: f64, panic: f64) -> Decision {
        self.now = now;
        self.observe(ready, 0);
        self.scaler
            .averages(at(now), Averages { stable, panic })
            .unwrap();
        self.decide()
    }
}

/// What is said of a target that is learned: after a memory of it.
pub fn learned(latency: Option<Objective>, curve: &str, taken_millis: Option<u64>) -> String {
    let settings = Settings {
        target: Target::Auto,
        latency,
        ..plain()
    };
    let memory = format!(
        r#"{{"version":1,"target":{{"requests":7,"seconds":720,"top":2.3,"curve":{curve}}}}}"#
    );
    let mut bed = Bed::new(settings, Start::default());
    bed.scaler
        .recall(&serde_json::from_str(&memory).unwrap(), secs(0))
        .unwrap();
    if let Some(millis) = taken_millis {
        let mut counts = [0; Latency::BUCKETS];
        counts[Latency::bucket_of(millis * 1000)] = 300;
        let latency = Some(Latency::from_counts(&counts));
        for second in 1..60 {
            bed.now += 1.0;
            let report = Report {
                requests: if second > 30 { 20 } else { 0 },
                latency: latency.clone(),
                ..report("a", 1.0, 5.0)
            };
            bed.report(&report).unwrap();
        }
    }
    let told = bed.scaler.learned().unwrap();
    told.to_string()
}
