// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write as _;

use super::fluid::{Flow, Fluid, Passed};
use crate::{Holding, Moment, Report};

/// What the replicas that there would be report, and what the gateway would hold for them.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    /// Until when the replicas have reported.
    told_until: u64,
    /// Those that became ready since: when, and how many. They have the highest numbers.
    young: Vec<(u64, u32)>,
    /// Request-seconds in replicas since.
    served: f64,
    /// Of requests that ended, what was not told: less than one, after each report.
    finished: f64,
    arrived: f64,
    /// In replicas now.
    in_flight: f64,
    held: u64,
    held_told: u64,
    /// Whether a burst is to be told, and from how many on one shows.
    is_armed: bool,
    threshold: f64,
}

impl Telling {
    pub(super) fn new(now: u64) -> Self {
        Self {
            told_until: now,
            young: Vec::new(),
            served: 0.0,
            finished: 0.0,
            arrived: 0.0,
            in_flight: 0.0,
            held: 0,
            held_told: 0,
            is_armed: true,
            threshold: f64::INFINITY,
        }
    }
    /// In replicas now, on average.
    pub(super) const fn in_flight(&self) -> f64 {
        self.in_flight
    }
    /// A time in which nothing was there.
    pub(super) fn jump(&mut self, now: u64) {
        *self = Self::new(now);
    }
    /// So many became ready.
    pub(super) fn rise(&mut self, now: u64, count: u32) {
        self.young.push((now, count));
    }
    /// So many ready ones are left: the newest have gone.
    pub(super) fn shrink(&mut self, ready: u32) {
        let mut old = ready;
        for (_, count) in &mut self.young {
            *count = (*count).min(old);
            old -= *count;
        }
        self.young.retain(|(_, count)| *count > 0);
    }
    /// A part of a second has passed; so many wait at its end.
    pub(super) fn pass(&mut self, passed: &Passed, flow: &Flow, waiting: f64, ready: u32) {
        self.served += passed.served * super::PART;
        self.finished += passed.served * super::PART / flow.service_seconds;
        self.in_flight = passed.served;
        // Who finds no replica at all is a whole request.
        self.held = if ready == 0 {
            (waiting - Fluid::NOBODY).max(0.0).ceil() as u64
        } else {
            waiting.round() as u64
        };
        if self.held > 0 {
            self.arrived += passed.arrivals;
        }
    }
    /// Whether something is held while nothing was.
    pub(super) const fn holds_anew(&self) -> bool {
        self.held > 0 && self.held_told == 0
    }
    /// Whether so many that are there are a burst that is to be told: as the gateway does, once until fewer are there, all
    /// have reported in their turn, or the threshold is another one.
    pub(super) fn shows_burst(&mut self, present: f64, threshold: f64) -> bool {
        let is_burst = present > threshold;
        let is_armed = self.is_armed || threshold != self.threshold;
        (self.is_armed, self.threshold) = (!is_burst, threshold);
        is_armed && is_burst
    }
    /// What all replicas report of the time since the last round, one after the other: the oldest are as full as the
    /// gateway fills them, to `full` requests at once, and the others idle.
    pub(super) fn round(&mut self, now: Moment, ready: u32, full: f64, burst: bool) -> Round {
        let until = now.as_micros();
        let young: u32 = self.young.iter().map(|(_, count)| count).sum();
        let mut groups = std::mem::take(&mut self.young);
        groups.insert(0, (self.told_until, ready.saturating_sub(young)));
        self.told_until = until;
        self.is_armed |= !burst;
        let seconds = |(since, count): &(u64, u32)| {
            f64::from(*count) * until.saturating_sub(*since) as f64 / 1e6
        };
        let all: f64 = groups.iter().map(seconds).sum();
        let (mut served, mut finished) = (0.0, 0);
        if all > 0.0 {
            served = std::mem::take(&mut self.served);
            finished = self.finished as u64;
            self.finished -= finished as f64;
        }
        Round {
            groups: groups.into_iter(),
            group: (0, 0),
            until,
            number: 0,
            served: Filling::new(served, all, full),
            burst: burst.then(|| Filling::new(self.in_flight, f64::from(ready), full)),
            finished,
        }
    }
    /// What the gateway holds.
    pub(super) fn holding(&mut self) -> Option<Holding> {
        let arrived = self.arrived as u64;
        self.arrived -= arrived as f64;
        let told = std::mem::replace(&mut self.held_told, self.held);
        (self.held > 0 || told > 0 || arrived > 0).then_some(Holding {
            held: self.held,
            arrived,
        })
    }
}

/// The reports of all replicas at one moment.
pub(super) struct Round {
    /// Those that report of the same time: since when, and how many.
    groups: std::vec::IntoIter<(u64, u32)>,
    /// The one whose turn it is, and how many of it are left.
    group: (u64, u32),
    until: u64,
    number: u32,
    served: Filling,
    burst: Option<Filling>,
    finished: u64,
}

impl Round {
    /// To be filled in.
    pub(super) const fn blank() -> Report {
        Report {
            replica: String::new(),
            sequence: None,
            age_seconds: 0.0,
            seconds: 0.0,
            request_seconds: 0.0,
            waiting_seconds: 0.0,
            requests: 0,
            refused: 0,
            in_flight: None,
            latency: None,
        }
    }
    /// Fills in the report of the next replica; false after the last.
    pub(super) fn next(&mut self, report: &mut Report) -> bool {
        while self.group.1 == 0 || self.group.0 >= self.until {
            let Some(next) = self.groups.next() else {
                return false;
            };
            self.group = next;
        }
        self.group.1 -= 1;
        report.seconds = (self.until - self.group.0) as f64 / 1e6;
        report.request_seconds = self.served.take(report.seconds);
        report.in_flight = self.burst.as_mut().map(|burst| burst.take(1.0));
        // By whom a request was ended does not matter.
        report.requests = std::mem::take(&mut self.finished);
        report.replica.clear();
        let named = write!(report.replica, "{}", self.number);
        debug_assert!(named.is_ok(), "{report:?}");
        self.number += 1;
        true
    }
}

/// Requests that are spread over replicas: the first are filled, and where all are full all have the same.
struct Filling {
    left: f64,
    each: f64,
}

impl Filling {
    fn new(requests: f64, replicas: f64, full: f64) -> Self {
        let even = if replicas > 0.0 {
            requests / replicas
        } else {
            0.0
        };
        Self {
            left: requests,
            each: full.max(even),
        }
    }
    fn take(&mut self, share: f64) -> f64 {
        let taken = (self.each * share).min(self.left);
        self.left -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second in which so many are in the replicas.
    fn after(served: f64, ready: u32) -> Telling {
        let mut telling = Telling::new(0);
        let passed = Passed {
            served,
            ..Passed::default()
        };
        let flow = Flow {
            service_seconds: 0.5,
            ..Flow::default()
        };
        for _ in 0..super::super::PARTS {
            telling.pass(&passed, &flow, 0.0, ready);
        }
        telling
    }
    fn each(mut round: Round) -> Vec<(f64, u64, Option<f64>)> {
        let mut report = Round::blank();
        let mut all = Vec::new();
        while round.next(&mut report) {
            let request_seconds = (report.request_seconds * 1e6).round() / 1e6;
            all.push((request_seconds, report.requests, report.in_flight));
        }
        all
    }

    #[test]
    fn the_oldest_are_full_and_where_all_are_they_are_alike() {
        let now = Moment::from_micros(1_000_000);
        let filled = each(after(12.0, 4).round(now, 4, 8.0, false));
        assert_eq!(
            filled,
            [
                (8.0, 24, None),
                (4.0, 0, None),
                (0.0, 0, None),
                (0.0, 0, None)
            ]
        );
        let over = each(after(20.0, 2).round(now, 2, 8.0, true));
        assert_eq!(over, [(10.0, 40, Some(10.0)), (10.0, 0, Some(10.0))]);
    }

    #[test]
    fn who_became_ready_since_reports_of_that_time() {
        let mut telling = after(8.0, 2);
        telling.rise(750_000, 1);
        let now = Moment::from_micros(1_000_000);
        let filled = each(telling.round(now, 2, 7.0, false));
        assert_eq!(
            [filled[0].0, filled[1].0, filled.len() as f64],
            [7.0, 1.0, 2.0]
        );
        // Nobody reports of no time at all.
        assert_eq!(each(telling.round(now, 2, 7.0, true)), []);
    }

    #[test]
    fn a_burst_shows_once_until_all_have_reported() {
        let mut telling = Telling::new(0);
        let mut shows = |present| telling.shows_burst(present, 20.0);
        assert_eq!(
            [19.0, 21.0, 30.0, 20.0, 21.0].map(&mut shows),
            [false, true, false, false, true]
        );
        telling.round(Moment::from_micros(1_000_000), 1, 8.0, false);
        assert!(telling.shows_burst(30.0, 20.0));
        assert!(!telling.shows_burst(30.0, 20.0) && telling.shows_burst(30.0, 25.0));
    }
}
