// SPDX-License-Identifier: Apache-2.0
use crate::{
    Averages, Decision, Holding, Moment, Observation, Refusal, RefusedCounts, Report, Scaling,
};

/// What is known before the first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Start {
    /// Replicas that were ready.
    #[serde(default)]
    pub ready: u32,
    // panicking since / most panic replicas may be added by H1 (Knative scenario 7)
}

/// All that is known of one revision's load, and the rule that turns it into a count.
#[derive(Clone, Debug)]
pub struct Scaler {
    scaling: Scaling,
}

impl Scaler {
    /// A scaler that begins to watch at `now`.
    #[must_use]
    pub fn new(scaling: Scaling, _start: Start, _now: Moment) -> Self {
        Self { scaling }
    }
    /// The settings in force.
    #[must_use]
    pub const fn scaling(&self) -> &Scaling {
        &self.scaling
    }
    /// Changes the settings of a living revision; what is known is kept.
    pub fn change(&mut self, scaling: Scaling, _now: Moment) {
        self.scaling = scaling;
    }
    /// Takes a report that arrived at `now`.
    ///
    /// # Errors
    /// Says why the report was refused; it was counted and nothing else changed.
    pub fn report(&mut self, _now: Moment, _report: &Report) -> Result<(), Refusal> {
        todo!()
    }
    /// Takes what the gateway holds.
    pub fn holding(&mut self, _now: Moment, _holding: Holding) {
        todo!()
    }
    /// Takes what the platform says is there.
    pub fn observe(&mut self, _now: Moment, _observation: Observation) {
        todo!()
    }
    /// Takes averages in place of reports.
    ///
    /// # Errors
    /// Says why they were refused.
    pub fn averages(&mut self, _now: Moment, _averages: Averages) -> Result<(), Refusal> {
        todo!()
    }
    /// How many replicas there should be now. Under a microsecond.
    pub fn decide(&mut self, _now: Moment) -> Decision {
        todo!()
    }
    /// Whether what was just taken shows a breach that should not wait for the next tick.
    #[must_use]
    pub fn wants_decision_now(&self, _now: Moment) -> bool {
        todo!()
    }
    /// Requests in flight, over all replicas, from which on a burst shows: the gateway and the queues
    /// report at once above it. 2 x M + 3 x sqrt(M) with M = ready x target (M at least one target).
    #[must_use]
    pub fn burst_threshold(&self) -> f64 {
        todo!()
    }
    /// Whether nothing is there and nothing is expected: at zero, no load, nothing held, so that no tick is needed.
    #[must_use]
    pub fn is_at_rest(&self, _now: Moment) -> bool {
        todo!()
    }
    /// When a request was last known to be in flight or held.
    #[must_use]
    pub fn last_active(&self) -> Option<Moment> {
        todo!()
    }
    /// Reports refused so far.
    #[must_use]
    pub fn refused(&self) -> RefusedCounts {
        todo!()
    }
}
