// SPDX-License-Identifier: Apache-2.0
//! What a scaler learns, and what of it is kept over a restart.
use std::time::Duration;

use crate::{
    Forgotten, Learned, LearnedLoad, Memory, Moment, Report, Scaler, Target, capacity::Price,
    learn::Learner,
};

impl Scaler {
    /// Requests in flight per replica to aim for: given, learned, or the value that learning begins with.
    #[must_use]
    pub fn target(&self) -> f64 {
        (self.learner.as_ref()).map_or_else(|| self.scaling.target(), |learner| learner.target())
    }
    /// What is known of the target; `None` where it is given.
    #[must_use]
    pub fn learned(&self) -> Option<Learned> {
        let settings = self.scaling.settings();
        let nothing = || Learned::nothing(settings.latency);
        (settings.target == Target::Auto)
            .then(|| (self.learner.as_ref()).map_or_else(nothing, |learner| learner.learned()))
    }
    /// Points of the learned curve, by rising requests in flight in a replica: those, how many times as long as alone a
    /// request takes with so many, and the same two standard errors steeper. Empty where nothing is known.
    #[must_use]
    pub fn learned_curve(&self) -> Vec<[f64; 3]> {
        (self.learner.as_ref()).map_or_else(Vec::new, |learner| learner.points())
    }
    /// What was learned, to be kept over a restart; `None` as long as there is nothing.
    #[must_use]
    pub fn remember(&self) -> Option<Memory> {
        let target = (self.learner.as_ref()).and_then(|learner| learner.remember());
        Memory::of(target, self.learned_load())
    }
    /// Goes on from what was learned before a restart, so long ago. What the settings do not leave to learning is left
    /// out.
    ///
    /// # Errors
    /// Says why it is of no use; then nothing has changed.
    pub fn recall(&mut self, memory: &Memory, age: Duration) -> Result<(), Forgotten> {
        memory.check(age)?;
        if let Some(load) = memory.load() {
            load.check()?;
        }
        let fresh = || Learner::new(&self.scaling).map(Box::new);
        let learner = self.learner.clone().or_else(fresh);
        if let (Some(mut learner), Some(target)) = (learner, memory.target()) {
            learner.recall(target, age)?;
            self.learner = Some(learner);
        }
        if let Some(load) = memory.load() {
            self.recall_load(load)?;
        }
        Ok(())
    }
    /// What was learned of the load, to be kept over a restart; `None` with another policy.
    #[must_use]
    pub fn learned_load(&self) -> Option<LearnedLoad> {
        self.capacity.as_ref().map(|capacity| capacity.learned())
    }
    /// Goes on from what was learned of the load before a restart.
    ///
    /// # Errors
    /// It holds what cannot have been learned; then nothing has changed.
    pub fn recall_load(&mut self, learned: &LearnedLoad) -> Result<(), Forgotten> {
        learned.check()?;
        let price = Price::new(self.scaling.settings().thrift);
        if let Some(capacity) = &mut self.capacity {
            capacity.recall(learned, price);
        }
        Ok(())
    }
    pub(crate) fn learn(&mut self, now: Moment, report: &Report) {
        if self.learner.is_none() {
            self.learner = Learner::new(&self.scaling).map(Box::new);
        }
        if let Some(learner) = &mut self.learner {
            learner.report(now, report);
        }
    }

    pub(crate) fn change_learning(&mut self) {
        match &mut self.learner {
            Some(learner) if self.scaling.settings().target == Target::Auto => {
                learner.change(&self.scaling);
            }
            other => *other = None,
        }
    }
}
