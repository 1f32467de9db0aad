// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Moment, Observation, Report};
use cheerful_simulator::{Choice, Leaving, Policy, Reporting, Waiting};

/// A policy, how many replicas were ready in each minute of it, and how often it changed its mind.
pub(crate) struct Watched<P> {
    policy: P,
    ready: u32,
    since: f64,
    /// Replica-seconds of those that were ready, for each minute.
    pub(crate) ready_seconds: Vec<f64>,
    settled: Duration,
    wanted: Option<u32>,
    /// Changes of the wanted count since it should have settled.
    pub(crate) steps: usize,
}

impl<P> Watched<P> {
    pub(crate) const MINUTE: f64 = 60.0;

    /// Watches a policy that should have settled after a while.
    pub(crate) const fn new(policy: P, settled: Duration) -> Self {
        Self {
            policy,
            ready: 0,
            since: 0.0,
            ready_seconds: Vec::new(),
            settled,
            wanted: None,
            steps: 0,
        }
    }
    fn pass(&mut self, now: Moment) {
        let now = now.as_seconds();
        while self.since < now {
            let minute = (self.since / Self::MINUTE) as usize;
            let end = ((minute + 1) as f64 * Self::MINUTE).min(now);
            if minute >= self.ready_seconds.len() {
                self.ready_seconds.resize(minute + 1, 0.0);
            }
            if let Some(seconds) = self.ready_seconds.get_mut(minute) {
                *seconds += f64::from(self.ready) * (end - self.since);
            }
            self.since = end;
        }
    }
}

impl<P: Policy> Policy for Watched<P> {
    fn name(&self) -> String {
        self.policy.name()
    }
    fn reporting(&self) -> Reporting {
        self.policy.reporting()
    }
    fn report(&mut self, now: Moment, report: &Report) {
        self.policy.report(now, report);
    }
    fn holding(&mut self, now: Moment, waiting: &Waiting) {
        self.policy.holding(now, waiting);
    }
    fn observe(&mut self, now: Moment, observation: Observation) {
        self.pass(now);
        self.ready = observation.ready;
        self.policy.observe(now, observation);
    }
    fn tick(&self) -> Duration {
        self.policy.tick()
    }
    fn wants_decision_now(&self, now: Moment) -> bool {
        self.policy.wants_decision_now(now)
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        self.pass(now);
        let wanted = self.policy.decide(now)?;
        if self.wanted.replace(wanted) != Some(wanted) && now > Moment::ZERO.plus(self.settled) {
            self.steps += 1;
        }
        Some(wanted)
    }
    fn is_at_rest(&self, now: Moment) -> bool {
        self.policy.is_at_rest(now)
    }
    fn burst_threshold(&self) -> f64 {
        self.policy.burst_threshold()
    }
    fn choice(&self) -> Choice {
        self.policy.choice()
    }
    fn leaving(&self) -> Leaving {
        self.policy.leaving()
    }
}
