// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{
    Decision, Forgotten, Memory, Moment, Observation, Report, Scaler, Scaling, Start,
};

use crate::{Choice, OnHold, Policy, Reporting, Waiting};

/// The real thing: what `cheerful run` decides with, fed as `cheerful run` feeds it: each second, at once when a
/// request comes to be held while none was, and 20 ms after a burst shows.
#[derive(Clone, Debug)]
pub struct Ours {
    name: String,
    scaler: Scaler,
    last: Option<Decision>,
    refused: u64,
}

impl Ours {
    /// From one decision to the next, as in the autoscaler.
    pub const TICK: Duration = Duration::from_secs(2);

    /// A scaler that begins with the load.
    #[must_use]
    pub fn new(name: impl Into<String>, scaling: Scaling, start: Start) -> Self {
        Self {
            name: name.into(),
            scaler: Scaler::new(scaling, start, Moment::ZERO),
            last: None,
            refused: 0,
        }
    }
    /// Goes on from what was learned before, so long ago.
    ///
    /// # Errors
    /// Says why it is of no use; then it begins afresh.
    pub fn recall(&mut self, memory: &Memory, age: Duration) -> Result<(), Forgotten> {
        self.scaler.recall(memory, age)
    }
    /// The scaler as it stands.
    #[must_use]
    pub const fn scaler(&self) -> &Scaler {
        &self.scaler
    }
    /// The last decision, with its reasons.
    #[must_use]
    pub const fn last(&self) -> Option<&Decision> {
        self.last.as_ref()
    }
    /// Reports that it refused: none, unless the simulator is wrong.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

impl Policy for Ours {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn reporting(&self) -> Reporting {
        Reporting {
            on_hold: OnHold::First,
            ..Reporting::default()
        }
    }
    fn report(&mut self, now: Moment, report: &Report) {
        self.refused += u64::from(self.scaler.report(now, report).is_err());
    }
    fn holding(&mut self, now: Moment, waiting: &Waiting) {
        self.scaler.holding(now, waiting.holding);
    }
    fn observe(&mut self, now: Moment, observation: Observation) {
        self.scaler.observe(now, observation);
    }
    fn tick(&self) -> Duration {
        Self::TICK
    }
    fn wants_decision_now(&self, now: Moment) -> bool {
        self.scaler.wants_decision_now(now)
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        let decision = self.scaler.decide(now);
        self.last = Some(decision);
        let changes = decision.replicas != decision.present;
        (decision.decided || changes).then_some(decision.replicas)
    }
    fn is_at_rest(&self, now: Moment) -> bool {
        self.scaler.is_at_rest(now)
    }
    fn burst_threshold(&self) -> f64 {
        self.scaler.burst_threshold()
    }
    fn choice(&self) -> Choice {
        Choice::Fill(self.scaler.target())
    }
}
