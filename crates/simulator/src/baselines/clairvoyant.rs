// SPDX-License-Identifier: Apache-2.0
use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{Arrival, Model, Outcome, engine::micros, timeline::Sums};

/// Who knows the future: the floor of cost. No request ever waits.
///
/// Requests in flight are what they are when each is begun as it arrives and none slows another; with n of them there
/// are ceil(n / width) replicas ([`Model::width`]: the hard limit, or the width of the curve; one replica where both are
/// without bound). Each replica is started exactly one mean start-up D before it is needed, and that time is paid. The
/// k-th replica is let go when fewer than k are needed, unless it is needed again within D: then it is kept, for that is
/// cheaper than another start. As the requests of a replica cannot move to another, no real schedule reaches this.
#[must_use]
pub fn clairvoyant(load: impl IntoIterator<Item = Arrival>, model: &Model) -> Outcome {
    let mut schedule = Schedule::new(model);
    let mut last = 0;
    for arrival in load {
        last = arrival.at.as_micros().max(last);
        schedule.arrive(last, micros(arrival.work).max(1));
    }
    schedule.end(last.max(model.end.as_micros()))
}

struct Schedule {
    width: usize,
    start_up: u64,
    /// When the requests in flight end.
    ends: BinaryHeap<Reverse<u64>>,
    /// For each replica that is not needed now: since when.
    idle_since: Vec<Option<u64>>,
    needed: usize,
    at: u64,
    step: Sums,
    step_end: u64,
    outcome: Outcome,
    cost: u64,
    busy: u64,
    request_micros: u64,
}

impl Schedule {
    fn new(model: &Model) -> Self {
        let outcome = Outcome {
            policy: "clairvoyant".to_owned(),
            ..Outcome::default()
        };
        Self {
            width: model
                .width()
                .map_or(usize::MAX, |width| width.max(1) as usize),
            start_up: micros(model.start_up.mean()),
            ends: BinaryHeap::new(),
            idle_since: Vec::new(),
            needed: 0,
            at: 0,
            step: Sums::default(),
            step_end: outcome.timeline.step_micros(),
            outcome,
            cost: 0,
            busy: 0,
            request_micros: 0,
        }
    }

    fn arrive(&mut self, at: u64, work: u64) {
        self.pass(at);
        self.outcome.requests += 1;
        self.outcome.answered += 1;
        self.outcome.waits.add(0);
        self.outcome.latencies.add(work);
        self.step.arrivals += 1;
        self.ends.push(Reverse(at + work));
        self.need();
    }

    /// Lets requests end until then.
    fn pass(&mut self, until: u64) {
        while let Some(Reverse(end)) = self.ends.peek().copied()
            && end <= until
        {
            self.advance(end);
            self.ends.pop();
            self.need();
        }
        self.advance(until);
    }

    /// As many replicas as the requests in flight need.
    fn need(&mut self) {
        let needed = self.ends.len().div_ceil(self.width);
        while self.needed < needed {
            let gap = match self.idle_since.get(self.needed) {
                Some(since) => since.map(|since| self.at - since),
                None => {
                    self.idle_since.push(None);
                    None
                }
            };
            // Kept through the gap, or started anew.
            match gap.filter(|gap| *gap <= self.start_up) {
                Some(gap) => self.cost += gap,
                None => {
                    self.cost += self.start_up;
                    self.outcome.starts += 1;
                    self.outcome.starting_seconds += self.start_up as f64 / 1e6;
                }
            }
            self.idle_since[self.needed] = None;
            self.needed += 1;
        }
        while self.needed > needed {
            self.needed -= 1;
            self.idle_since[self.needed] = Some(self.at);
        }
        self.outcome.most_replicas = self.outcome.most_replicas.max(needed as u32);
    }

    fn advance(&mut self, until: u64) {
        while until >= self.step_end {
            self.enter(self.step_end);
            self.outcome.timeline.push(self.step);
            self.step = Sums::default();
            self.step_end += self.outcome.timeline.step_micros();
        }
        self.enter(until);
    }

    fn enter(&mut self, until: u64) {
        let micros = until.saturating_sub(self.at);
        let (needed, in_flight) = (self.needed as u64, self.ends.len() as u64);
        self.cost += needed * micros;
        self.busy += needed * micros;
        self.request_micros += in_flight * micros;
        self.step.micros += micros;
        self.step.ready += needed * micros;
        self.step.busy += needed * micros;
        self.step.in_flight += in_flight * micros;
        self.at = self.at.max(until);
    }

    fn end(mut self, horizon: u64) -> Outcome {
        self.pass(horizon);
        if self.step.micros > 0 {
            self.outcome.timeline.push(self.step);
        }
        let seconds = |micros: u64| micros as f64 / 1e6;
        Outcome {
            seconds: seconds(horizon),
            replica_seconds: seconds(self.cost),
            busy_seconds: seconds(self.busy),
            request_seconds: seconds(self.request_micros),
            ..self.outcome
        }
    }
}
