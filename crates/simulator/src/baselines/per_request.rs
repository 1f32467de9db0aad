// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::{Moment, Observation, Report};

use crate::{Choice, Leaving, OnHold, Policy, Reporting, Waiting};

/// A replica for each request that finds none idle, let go when it was idle for so long: how functions are run (AWS
/// Lambda: 10 minutes). For replicas with one slot.
#[derive(Clone, Debug)]
pub struct PerRequest {
    idle_delay: Duration,
    /// Since when each replica is idle; `None`: it is not.
    idle_since: BTreeMap<String, (Option<Moment>, Moment)>,
    present: u32,
    /// Requests that were held since the last decision.
    arrived: u64,
}

impl PerRequest {
    /// With the time for which an idle replica is kept.
    #[must_use]
    pub fn new(idle_delay: Duration) -> Self {
        Self {
            idle_delay,
            idle_since: BTreeMap::new(),
            present: 0,
            arrived: 0,
        }
    }
}

impl Policy for PerRequest {
    fn name(&self) -> String {
        format!("per request, idle {} s", self.idle_delay.as_secs())
    }
    fn reporting(&self) -> Reporting {
        Reporting {
            interval: Some(self.tick()),
            on_hold: OnHold::Each,
        }
    }
    fn report(&mut self, now: Moment, report: &Report) {
        let was_idle = report.request_seconds == 0.0 && report.requests == 0;
        let begun = now.minus(Duration::from_secs_f64(report.seconds));
        let (since, heard) = self
            .idle_since
            .entry(report.replica.clone())
            .or_insert((None, now));
        *heard = now;
        *since = was_idle.then(|| since.unwrap_or(begun));
    }
    fn holding(&mut self, _now: Moment, waiting: &Waiting) {
        self.arrived += waiting.holding.arrived;
    }
    fn observe(&mut self, _now: Moment, observation: Observation) {
        self.present = observation.present();
    }
    fn tick(&self) -> Duration {
        (self.idle_delay / 200).max(Duration::from_secs(1))
    }
    fn wants_decision_now(&self, _now: Moment) -> bool {
        self.arrived > 0
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        // Who was not heard lately is gone.
        let lately = self.tick() * 2;
        self.idle_since
            .retain(|_, (_, heard)| now.since(*heard) <= lately);
        let new = u32::try_from(std::mem::take(&mut self.arrived)).unwrap_or(u32::MAX);
        let before = self.idle_since.len();
        self.idle_since
            .retain(|_, (since, _)| since.is_none_or(|since| now.since(since) < self.idle_delay));
        let old = (before - self.idle_since.len()) as u32;
        Some(self.present.saturating_sub(old).saturating_add(new))
    }
    fn is_at_rest(&self, _now: Moment) -> bool {
        self.present == 0 && self.arrived == 0
    }
    fn choice(&self) -> Choice {
        Choice::Newest
    }
    fn leaving(&self) -> Leaving {
        Leaving::LongestIdle
    }
}
