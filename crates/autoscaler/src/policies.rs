// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{
    Averages, Compared, Decision, Floor, Forgotten, Holding, Memory, Moment, Observation, Reading,
    Refusal, Report, Scaler, Scaling, Shadow, Start,
};

/// The policy that acts on a revision, and the one beside it, if there is one. Both are told of the same things in the
/// same order by the service and by a replay, so that both come to the same to the bit.
#[derive(Debug)]
pub(crate) struct Policies {
    acting: Scaler,
    beside: Option<Box<Shadow>>,
}

impl Policies {
    pub(crate) fn new(scaling: Scaling, start: Start, now: Moment) -> Self {
        Self {
            acting: Scaler::new(scaling, start, now),
            beside: None,
        }
    }
    pub(crate) const fn acting(&self) -> &Scaler {
        &self.acting
    }
    pub(crate) fn beside(&self) -> Option<&Shadow> {
        self.beside.as_deref()
    }
    /// What both come to so far.
    pub(crate) fn compared(&self) -> Option<Compared> {
        self.beside().map(Shadow::compared)
    }
    /// From now on this one is beside it, or none. True if that is another one than before.
    pub(crate) fn set_beside(
        &mut self,
        scaling: Option<Scaling>,
        tick: Duration,
        now: Moment,
    ) -> bool {
        let scaling = scaling.map(Scaling::unpaused);
        match (&mut self.beside, scaling) {
            (None, None) => return false,
            (beside, None) => *beside = None,
            (Some(beside), Some(scaling)) if *beside.scaling() == scaling => return false,
            (Some(beside), Some(scaling)) => beside.change(scaling),
            (beside, Some(scaling)) => {
                *beside = Some(Box::new(Shadow::new(scaling, tick, &self.acting, now)));
            }
        }
        true
    }
    pub(crate) fn change(&mut self, scaling: Scaling, now: Moment) {
        if let Some(beside) = &mut self.beside
            && *self.acting.scaling() != scaling
        {
            beside.compare_anew();
        }
        self.acting.change(scaling, now);
    }
    pub(crate) fn report(&mut self, now: Moment, report: &Report) -> Result<(), Refusal> {
        self.acting.report(now, report)?;
        self.tell(|beside, acting| beside.report(now, report, acting));
        Ok(())
    }
    /// Averages in place of reports, in a table written by hand: the one beside it hears nothing.
    pub(crate) fn averages(&mut self, now: Moment, averages: Averages) -> Result<(), Refusal> {
        self.acting.averages(now, averages)
    }
    pub(crate) fn holding(&mut self, now: Moment, holding: Holding) {
        self.acting.holding(now, holding);
        self.tell(|beside, acting| beside.holding(now, holding, acting));
    }
    pub(crate) fn observe(&mut self, now: Moment, observation: Observation) {
        self.acting.observe(now, observation);
        self.tell(|beside, acting| beside.observe(now, observation, acting));
    }
    pub(crate) fn read(&mut self, now: Moment, reading: &Reading) -> Result<(), Refusal> {
        self.acting.read(now, reading)?;
        self.tell(|beside, acting| beside.read(now, reading, acting));
        Ok(())
    }
    pub(crate) fn schedule(&mut self, now: Moment, floor: Option<Floor>) {
        self.acting.schedule(now, floor.clone());
        self.tell(|beside, acting| beside.schedule(now, floor, acting));
    }
    pub(crate) fn recall(&mut self, memory: &Memory, age: Duration) -> Result<(), Forgotten> {
        self.acting.recall(memory, age)?;
        self.tell(|beside, acting| beside.recall(memory, age, acting));
        Ok(())
    }
    /// How many replicas the one that acts wants now. The one beside it thinks as far as the reports go.
    pub(crate) fn decide(&mut self, now: Moment) -> Decision {
        let decision = self.acting.decide(now);
        self.tell(|beside, acting| beside.advance(now, acting));
        decision
    }
    /// Whether no tick is needed until something comes in.
    pub(crate) fn is_at_rest(&self, now: Moment) -> bool {
        let rests = |beside: &Shadow| beside.is_at_rest();
        self.acting.is_at_rest(now) && self.beside().is_none_or(rests)
    }

    fn tell(&mut self, say: impl FnOnce(&mut Shadow, &Scaler)) {
        if let Some(beside) = &mut self.beside {
            say(beside, &self.acting);
        }
    }
}
