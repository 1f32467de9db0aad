// SPDX-License-Identifier: Apache-2.0
//! What the load may become and what waiting and idling cost, learned second by second: the policy
//! [`crate::Policy::Auto`].
mod keeping;
mod learned;
mod level;
mod offered;
mod price;
mod spare;
mod start_up;
mod surprise;

pub use learned::LearnedLoad;
pub(crate) use level::Kept;
pub(crate) use price::Price;
pub(crate) use spare::{Spare, Waiting};

use std::time::Duration;

use crate::{
    Observation,
    bucket::SECOND_MICROS,
    history::{History, Second},
};
use keeping::Keeping;
use offered::Offered;
use start_up::StartUps;
use surprise::Surprise;

/// Learns from whole seconds, once every report of them that was sent in time has come.
///
/// Its size is fixed: [`Capacity::MOST_BYTES`] at most, most of it taken only by revisions that had many replicas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capacity {
    offered: Offered,
    surprise: Surprise,
    start_ups: StartUps,
    keeping: Keeping,
    /// The next second to learn from; `None` before the first.
    next: Option<u64>,
}

/// What one replica takes, what waiting costs, and how long it is until a decision shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Requests at once that one replica is meant for.
    pub(crate) slots: f64,
    pub(crate) price: Price,
}

impl Capacity {
    /// Bytes of memory at most.
    #[cfg(test)]
    pub(crate) const MOST_BYTES: usize = 3_000;
    /// A second is learned from so long after its end: reports come each second, at any time of it, and take
    /// a while.
    const SETTLED: u64 = 1_500_000;
    /// After a longer pause nothing is learned from what lies between: it was silent.
    const LONGEST_PAUSE: u64 = 64;

    /// Takes what the platform says; `before` is what it said last.
    pub(crate) fn observe(&mut self, now: u64, before: &Observation, after: &Observation) {
        self.start_ups.observe(now, before, after);
    }
    /// Takes the request-seconds that waited in a replica's own line, of an interval that ended then.
    pub(crate) fn waited(&mut self, end: u64, request_seconds: f64) {
        self.offered.waited(end, request_seconds);
    }
    /// Learns from what has settled; `held` is what the gateway held until `now`.
    pub(crate) fn pass(&mut self, now: u64, held: u64, history: &History, terms: &Terms) {
        self.offered.pass(now, held);
        let settled = now.saturating_sub(Self::SETTLED) / SECOND_MICROS;
        let mut next = self.next.unwrap_or(settled);
        if settled.saturating_sub(next) > Self::LONGEST_PAUSE {
            next = settled - Self::LONGEST_PAUSE;
            self.surprise.forget_the_last();
        }
        let lead = self.lead_seconds();
        while next < settled {
            match history.second(next) {
                Second::Known { load, requests } => {
                    let load = self.offered.load(next, load, requests);
                    self.learn(next, load, lead, terms);
                }
                Second::Empty => {
                    let load = self.offered.load(next, 0.0, 0);
                    self.learn(next, load, lead, terms);
                }
                // What the silent ones do is not known, so nothing is learned.
                Second::Unknown => self.surprise.forget_the_last(),
            }
            next += 1;
        }
        self.next = Some(next);
    }

    /// Requests that need a place now, with those that come while a replica starts.
    pub(crate) fn spare(&self, load: f64, waiting: Waiting, terms: &Terms) -> Spare {
        let factor = self.surprise.factor() * terms.price.deviations();
        Spare::new(
            load,
            factor,
            waiting,
            self.offered.service_seconds(),
            self.start_up(),
            terms.slots,
        )
    }
    /// Replicas that are worth keeping though they have nothing to do now.
    pub(crate) fn kept(&self, now: u64) -> Option<Kept> {
        self.keeping.kept(narrow(now / SECOND_MICROS))
    }
    /// From the last request to zero.
    pub(crate) fn idle_delay(&self, price: Price) -> Duration {
        self.keeping.idle_delay(price)
    }
    /// How many were held at the end of the last whole second.
    pub(crate) fn held_before(&self, now: u64) -> f64 {
        self.offered.held_before(now)
    }
    /// From the creation of a replica until it answers: what 9 of 10 starts took at most.
    pub(crate) fn start_up(&self) -> Duration {
        self.start_ups.most_take()
    }
    /// What is worth keeping over a restart.
    pub(crate) fn learned(&self) -> LearnedLoad {
        LearnedLoad::of(
            &self.offered,
            &self.surprise,
            &self.start_ups,
            &self.keeping,
        )
    }
    /// Begins with what was learned before.
    pub(crate) fn recall(&mut self, learned: &LearnedLoad, price: Price) {
        learned.recall(
            &mut self.offered,
            &mut self.surprise,
            &mut self.start_ups,
            &mut self.keeping,
        );
        self.keeping.weigh(price);
    }
    /// The thrift has changed.
    pub(crate) fn weigh(&mut self, price: Price) {
        self.keeping.weigh(price);
    }
    /// Bytes that it takes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.keeping.bytes()
    }

    fn learn(&mut self, second: u64, load: f64, lead: usize, terms: &Terms) {
        self.surprise.add(load, lead);
        let factor = self.surprise.factor() * terms.price.deviations();
        // Half of the margin: what is kept is kept for what comes in between as well.
        let places = load + 0.5 * factor * load.sqrt();
        let share = keeping::Use {
            replicas: places / terms.slots,
            requests_per_second: terms.slots / self.offered.service_seconds(),
            lead: lead as u32,
        };
        self.keeping.add(narrow(second), share, terms.price);
    }
    /// Until what is decided now answers requests: a report, a tick and a start, in whole seconds.
    fn lead_seconds(&self) -> usize {
        (self.start_up().as_secs_f64() + 1.5).round() as usize
    }
}

/// A second as a level counts it: 136 years.
fn narrow(second: u64) -> u32 {
    u32::try_from(second).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_as_the_documentation_says() {
        let mut capacity = Capacity::default();
        let terms = Terms {
            slots: 1.0,
            price: Price::new(0.5),
        };
        for second in 0..500_u32 {
            capacity.learn(second.into(), f64::from(second * second), 2, &terms);
        }
        assert!(
            capacity.bytes() <= Capacity::MOST_BYTES,
            "{}",
            capacity.bytes()
        );
    }
}
