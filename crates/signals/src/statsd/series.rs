// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Latency, Moment, Report};

use super::{Counts, Kind, Line, catalogue::Role, line::Value};

/// What one sender has told of one revision since it was last collected.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// Requests in flight, and since when.
    gauge: Option<f64>,
    changed: Moment,
    /// Request-seconds by the gauge.
    by_gauge: f64,
    /// Request-seconds by durations, and whether any has ever come.
    by_durations: f64,
    has_durations: bool,
    /// Requests by a counter, and whether it has ever come.
    counted: f64,
    has_counter: bool,
    /// Requests by their durations.
    timed: f64,
    latency: Option<Box<[u32; Latency::BUCKETS]>>,
    pub(super) heard: Moment,
}

/// What came of an interval.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sum {
    pub(super) request_seconds: f64,
    pub(super) requests: u64,
    pub(super) latency: Option<Latency>,
}

impl Series {
    pub(super) const fn new(now: Moment) -> Self {
        Self {
            gauge: None,
            changed: now,
            by_gauge: 0.0,
            by_durations: 0.0,
            has_durations: false,
            counted: 0.0,
            has_counter: false,
            timed: 0.0,
            latency: None,
            heard: now,
        }
    }

    pub(super) fn take(&mut self, now: Moment, role: Role, line: &Line<'_>, counts: &mut Counts) {
        let fits = match role {
            Role::InFlight => line.kind == Kind::Gauge,
            Role::Requests | Role::Seconds => line.kind != Kind::Gauge,
        };
        if !fits {
            counts.other_kind += 1;
            return;
        }
        let mut is_used = false;
        for value in line.values() {
            let value = match value {
                Err(wrong) => {
                    counts.wrong(wrong);
                    continue;
                }
                Ok(value) if !is_possible(role, value) => {
                    counts.impossible += 1;
                    continue;
                }
                Ok(value) => value,
            };
            is_used = true;
            match role {
                Role::InFlight => self.level(now, value, counts),
                Role::Requests => self.count(line, value.number),
                Role::Seconds => self.duration(line, value.number),
            }
        }
        // Who sends nothing but what cannot be is as silent as who sends nothing: else it would look idle.
        if is_used {
            self.heard = now;
            counts.taken += 1;
        }
    }

    fn level(&mut self, now: Moment, value: Value, counts: &mut Counts) {
        self.pass(now);
        let level = if value.signed {
            self.gauge.unwrap_or(0.0) + value.number
        } else {
            value.number
        };
        if level < 0.0 {
            counts.below_zero += 1;
        }
        self.gauge = Some(level.max(0.0));
    }

    fn count(&mut self, line: &Line<'_>, number: f64) {
        self.has_counter = true;
        let more = if line.kind == Kind::Counter {
            number
        } else {
            1.0
        };
        self.counted += more / line.rate;
    }

    fn duration(&mut self, line: &Line<'_>, number: f64) {
        self.has_durations = true;
        let seconds = if line.kind == Kind::Timer {
            number / 1000.0
        } else {
            number
        };
        self.by_durations += seconds / line.rate;
        if line.kind == Kind::Counter {
            return;
        }
        self.timed += 1.0 / line.rate;
        let buckets = self
            .latency
            .get_or_insert_with(|| Box::new([0; Latency::BUCKETS]));
        // Casting saturates.
        if let Some(count) = buckets.get_mut(Latency::bucket_of((seconds * 1e6) as u64)) {
            *count = count.saturating_add((1.0 / line.rate).round() as u32);
        }
    }

    /// Carries the gauge on to now.
    fn pass(&mut self, now: Moment) {
        if let Some(level) = self.gauge {
            self.by_gauge += level * now.since(self.changed).as_secs_f64();
        }
        self.changed = self.changed.max(now);
    }

    /// What has come since the last call; `None`: nothing from which the load follows has ever come. The gauge counts
    /// where there is one: a lost datagram is put right by the next, and a long request shows while it runs.
    pub(super) fn collect(&mut self, now: Moment) -> Option<Sum> {
        self.pass(now);
        let by_gauge = std::mem::take(&mut self.by_gauge);
        let by_durations = std::mem::take(&mut self.by_durations);
        let timed = std::mem::take(&mut self.timed);
        let latency = self.latency.take();
        let requests = if self.has_counter {
            self.counted
        } else {
            timed
        };
        // What is no whole request yet stays for the next time.
        self.counted -= self.counted.floor();
        let request_seconds = match self.gauge {
            Some(_) => by_gauge,
            None if self.has_durations => by_durations,
            None => return None,
        };
        Some(Sum {
            request_seconds,
            requests: requests as u64,
            latency: latency.map(|counts| Latency::from_counts(&counts)),
        })
    }
}

fn is_possible(role: Role, value: Value) -> bool {
    let most = match role {
        Role::InFlight => Report::MAX_CONCURRENCY,
        Role::Requests => Report::MAX_COUNT as f64,
        // In milliseconds, thirty years.
        Role::Seconds => 1e12,
    };
    // A change of a gauge may be negative; NaN is no number at all.
    let least = if role == Role::InFlight && value.signed {
        -most
    } else {
        0.0
    };
    (least..=most).contains(&value.number)
}
