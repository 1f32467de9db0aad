// SPDX-License-Identifier: Apache-2.0
//! What the load may become and what waiting and idling cost, learned second by second: the policy
//! [`crate::Policy::Auto`].
mod ahead;
mod forecast;
mod keeping;
mod learned;
mod level;
mod offered;
mod price;
mod spare;
mod start_up;

pub(crate) use ahead::Ahead;
pub use learned::LearnedLoad;
pub(crate) use level::Kept;
pub(crate) use price::Price;
pub(crate) use spare::{Spare, Waiting};
pub(crate) use start_up::StartUps;

use std::time::Duration;

use crate::{
    Observation,
    bucket::SECOND_MICROS,
    history::{History, Second},
};
use forecast::Forecast;
use keeping::{Costs, Keeping, Use};
use offered::Offered;

/// Learns from whole seconds, once every report of them that was sent in time has come.
///
/// Its size is fixed: [`Capacity::MOST_BYTES`] at most, most of it taken only by revisions that had many replicas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capacity {
    offered: Offered,
    forecast: Forecast,
    start_ups: StartUps,
    keeping: Keeping,
    /// The load over the last while.
    calm: f64,
    /// The last second that was learned from.
    last: Option<u64>,
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
    pub(crate) const MOST_BYTES: usize = 3_072;
    /// A second is learned from so long after its end: reports come each second, at any time of it, and take
    /// a while.
    pub(crate) const SETTLED: u64 = 1_500_000;
    /// Over about so many seconds the load is averaged to tell how many come.
    const CALM_SECONDS: f64 = 3.0;
    /// A tick, and a second for what is not exact.
    const AHEAD_SECONDS: f64 = 3.0;
    /// What is kept is kept for so much of the margin too.
    const KEPT_MARGIN: f64 = 0.5;
    /// After a longer pause nothing is learned from what lies between: it was silent.
    const LONGEST_PAUSE: u64 = 600;

    /// Takes what the platform says; `before` is what it said last.
    pub(crate) fn observe(&mut self, now: u64, before: &Observation, after: &Observation) {
        self.start_ups.observe(now, before, after);
    }
    /// Takes the request-seconds that waited in a replica's own line, of an interval that ended then.
    pub(crate) fn waited(&mut self, end: u64, request_seconds: f64) {
        self.offered.waited(end, request_seconds);
    }
    /// The next moment after `from`, `now` at the latest, at which a second settles. A long pause is jumped over.
    pub(crate) fn next_settled(from: u64, now: u64) -> Option<u64> {
        let number = |at: u64| (at + SECOND_MICROS - Self::SETTLED % SECOND_MICROS) / SECOND_MICROS;
        let last = number(now);
        let next = (number(from) + 1).max(last.saturating_sub(Self::LONGEST_PAUSE));
        (next <= last).then(|| next * SECOND_MICROS - SECOND_MICROS + Self::SETTLED % SECOND_MICROS)
    }
    /// Learns from the second that settles now; so many were held since it did last.
    pub(crate) fn pass(&mut self, now: u64, held: u64, history: &History, terms: &Terms) {
        self.offered.pass(now, held);
        let Some(second) = (now / SECOND_MICROS).checked_sub(1 + Self::SETTLED / SECOND_MICROS)
        else {
            return;
        };
        if self.last.is_some_and(|last| second > last + 1) {
            self.forecast.forget_the_last();
            self.calm = 0.0;
        }
        self.last = Some(second);
        let (load, requests) = match history.second(second) {
            Second::Known { load, requests } => (load, requests),
            Second::Empty => (0.0, 0),
            // What the silent ones do is not known, so nothing is learned.
            Second::Unknown => return self.forecast.forget_the_last(),
        };
        let load = self.offered.load(second, load, requests);
        let lead = self.lead_seconds();
        self.learn(second, load, lead, terms);
    }

    /// Requests that need a place now, with those that come while a replica starts. `calm` is the load over a longer
    /// time.
    pub(crate) fn spare(&self, load: f64, calm: f64, waiting: Waiting, terms: &Terms) -> Spare {
        let service_seconds = self.offered.service_seconds();
        let came = Spare::came(&waiting, service_seconds);
        let base = load.min(self.offered.lately()) + came;
        Spare::new(
            load,
            self.margin(base, calm.max(self.calm), terms.price),
            waiting,
            service_seconds,
            self.start_up(),
            terms.slots,
        )
    }
    /// Replicas that are worth keeping though they have nothing to do now.
    pub(crate) fn kept(&self, now: u64) -> Option<Kept> {
        self.keeping.kept(narrow(now / SECOND_MICROS))
    }
    /// The replica that ought to be there for the next request.
    pub(crate) fn ahead(&self, now: u64) -> Option<Ahead> {
        let lead = self.start_up().as_secs_f64() + Self::AHEAD_SECONDS;
        self.keeping.ahead(narrow(now / SECOND_MICROS), lead)
    }
    /// Whether a replica will be started ahead of the next request.
    pub(crate) fn foresees(&self, now: u64) -> bool {
        self.keeping.foresees(narrow(now / SECOND_MICROS))
    }
    /// From the last request to zero.
    pub(crate) fn idle_delay(&self, price: Price) -> Duration {
        self.keeping.idle_delay(self.costs(price))
    }
    /// How many were held up to a second ago.
    pub(crate) fn held_before(&self) -> f64 {
        self.offered.held_before()
    }
    /// From the creation of a replica until it answers: what 9 of 10 starts took at most.
    pub(crate) fn start_up(&self) -> Duration {
        self.start_ups.most_take()
    }
    /// How long replicas take to start.
    pub(crate) const fn start_ups(&self) -> &StartUps {
        &self.start_ups
    }
    /// What is worth keeping over a restart.
    pub(crate) fn learned(&self) -> LearnedLoad {
        LearnedLoad::of(
            &self.offered,
            &self.forecast,
            &self.start_ups,
            &self.keeping,
        )
    }
    /// Begins with what was learned before.
    pub(crate) fn recall(&mut self, learned: &LearnedLoad, price: Price) {
        learned.recall(
            &mut self.offered,
            &mut self.forecast,
            &mut self.start_ups,
            &mut self.keeping,
        );
        self.keeping.weigh(self.costs(price));
    }
    /// The thrift has changed.
    pub(crate) fn weigh(&mut self, price: Price) {
        self.keeping.weigh(self.costs(price));
    }
    /// Bytes that it takes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.keeping.bytes()
    }

    fn learn(&mut self, second: u64, load: f64, lead: usize, terms: &Terms) {
        let foreseen = self.forecast.add(load, lead);
        let places = load + Self::KEPT_MARGIN * self.unforeseen(load, self.calm, terms.price);
        let used = Use {
            replicas: places / terms.slots,
            filled: load / terms.slots,
            covered: foreseen.map_or(0.0, |foreseen| {
                (foreseen + self.unforeseen(foreseen, self.calm, terms.price)) / terms.slots
            }),
            requests_per_second: terms.slots / self.offered.service_seconds(),
            lead: lead as u32,
        };
        let costs = self.costs(terms.price);
        self.keeping.add(narrow(second), used, costs);
        self.calm += (load - self.calm) / Self::CALM_SECONDS;
    }
    /// What the load may become more within a start: where it is so large now, and so large over a longer time.
    fn margin(&self, load: f64, calm: f64, price: Price) -> f64 {
        let foreseen = self.forecast.foresee(load);
        (foreseen + self.unforeseen(foreseen, calm, price) - load).max(0.0)
    }
    /// What may come beyond what is foreseen.
    fn unforeseen(&self, foreseen: f64, calm: f64, price: Price) -> f64 {
        let requests_per_second = calm / self.offered.service_seconds();
        let one_in = price.one_in(self.start_up(), requests_per_second);
        self.forecast.deviations(one_in) * foreseen.sqrt()
    }
    fn costs(&self, price: Price) -> Costs {
        Costs {
            wait: price.of_a_wait(self.start_up()),
            cold_start: price.of_a_cold_start(),
            start: Price::of_a_start(self.start_up()),
            unproven: price.unproven(),
        }
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
        // From few to many at a second at which the levels may become narrower.
        let mut sudden = Capacity::default();
        for (second, load) in [(62, 2.0), (63, 2.0), (64, 30.0)] {
            sudden.learn(second, load, 2, &terms);
        }
        assert!(sudden.learned().check().is_ok(), "{:?}", sudden.learned());
        assert!(
            capacity.bytes() <= Capacity::MOST_BYTES,
            "{}",
            capacity.bytes()
        );
    }
}
