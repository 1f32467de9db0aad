// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::{Outcome, timeline::Sums};

/// What is counted: the present state, its integrals over time, and what became of the requests.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) outcome: Outcome,
    pub(crate) now: Now,
    /// Integrals of the present step of the timeline.
    step: Sums,
    total: Sums,
    step_end: u64,
    at: u64,
    /// Costs are counted until then; not known before the load has ended.
    horizon: u64,
    /// Request-microseconds held since they were last told.
    pub(crate) held_micros: u64,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    pub(crate) ready: u64,
    pub(crate) starting: u64,
    pub(crate) draining: u64,
    pub(crate) busy: u64,
    pub(crate) in_flight: u64,
    pub(crate) held: u64,
}

impl Books {
    pub(crate) fn new(policy: String) -> Self {
        let outcome = Outcome {
            policy,
            ..Outcome::default()
        };
        Self {
            now: Now::default(),
            step: Sums::default(),
            total: Sums::default(),
            step_end: outcome.timeline.step_micros(),
            at: 0,
            horizon: u64::MAX,
            held_micros: 0,
            outcome,
        }
    }
    /// Enters the time that has passed.
    pub(crate) fn pass(&mut self, now: u64) {
        self.held_micros += self.now.held * (now - self.at);
        let until = now.min(self.horizon);
        while until >= self.step_end {
            self.enter(self.step_end);
            self.outcome.timeline.push(self.step);
            self.total.add(&self.step);
            self.step = Sums::default();
            self.step_end += self.outcome.timeline.step_micros();
        }
        if until > self.at {
            self.enter(until);
        }
        self.at = now;
    }
    /// The load has ended: until when costs are counted.
    pub(crate) fn set_horizon(&mut self, horizon: u64) {
        self.horizon = horizon;
        self.outcome.seconds = horizon as f64 / 1e6;
    }
    pub(crate) const fn horizon(&self) -> u64 {
        self.horizon
    }
    pub(crate) fn arrived(&mut self) {
        self.outcome.requests += 1;
        self.step.arrivals += 1;
    }
    /// A request that arrived at `arrived` got a place.
    pub(crate) fn placed(&mut self, arrived: u64, now: u64) {
        let wait = now - arrived;
        self.outcome.waits.add(wait);
        if wait > LONG_WAIT_MICROS {
            self.outcome.long_waits += 1;
            self.waited_long(arrived);
        }
    }
    /// It waited longer than anybody should, whatever became of it.
    pub(crate) fn waited_long(&mut self, arrived: u64) {
        if !self.outcome.timeline.long_wait(arrived) {
            self.step.long_waits += 1;
        }
    }
    pub(crate) fn answered(&mut self, arrived: u64, now: u64) {
        self.outcome.answered += 1;
        self.outcome.latencies.add(now - arrived);
    }
    /// Notes how many replicas there are.
    pub(crate) fn note_most(&mut self) {
        let present = self.now.ready + self.now.starting;
        self.outcome.most_replicas = self.outcome.most_replicas.max(present as u32);
    }
    /// The sums.
    pub(crate) fn close(mut self) -> Outcome {
        if self.step.micros > 0 {
            self.outcome.timeline.push(self.step);
            self.total.add(&self.step);
        }
        let total = self.total;
        let seconds = |micros: u64| micros as f64 / 1e6;
        Outcome {
            replica_seconds: seconds(total.ready + total.starting + total.draining),
            starting_seconds: seconds(total.starting),
            draining_seconds: seconds(total.draining),
            busy_seconds: seconds(total.busy),
            request_seconds: seconds(total.in_flight),
            ..self.outcome
        }
    }

    fn enter(&mut self, until: u64) {
        let micros = until.saturating_sub(self.at);
        let Now {
            ready,
            starting,
            draining,
            busy,
            in_flight,
            held,
        } = self.now;
        let step = &mut self.step;
        step.micros += micros;
        step.ready += ready * micros;
        step.starting += starting * micros;
        step.draining += draining * micros;
        step.busy += busy * micros;
        step.in_flight += in_flight * micros;
        step.held += held * micros;
        self.at = self.at.max(until);
    }
}

const LONG_WAIT_MICROS: u64 = micros(Outcome::LONG_WAIT);

/// A duration of the model: none outlasts the arithmetic.
pub(crate) const fn micros(duration: Duration) -> u64 {
    let micros = duration.as_micros();
    // A thousand years.
    if micros > 31_536_000_000_000_000 {
        31_536_000_000_000_000
    } else {
        micros as u64
    }
}
