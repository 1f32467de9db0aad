// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write as _;

use super::fluid::{Flow, Fluid, Passed};
use crate::{Holding, Moment, Report, Scaler};

/// What the replicas that there would be report, and what the gateway would hold for them.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    report: Report,
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
    /// Whether a burst is to be told.
    armed: bool,
}

impl Telling {
    pub(super) fn new(now: u64) -> Self {
        Self {
            report: Report {
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
            },
            told_until: now,
            young: Vec::new(),
            served: 0.0,
            finished: 0.0,
            arrived: 0.0,
            in_flight: 0.0,
            held: 0,
            held_told: 0,
            armed: true,
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
    /// Whether so many that are there are a burst that is to be told.
    pub(super) fn shows_burst(&mut self, present: f64, threshold: f64) -> bool {
        let is_burst = present > threshold;
        std::mem::replace(&mut self.armed, !is_burst) && is_burst
    }
    /// All replicas report, then the gateway.
    pub(super) fn tell(&mut self, scaler: &mut Scaler, now: Moment, ready: u32, burst: bool) {
        let until = now.as_micros();
        let young: u32 = self.young.iter().map(|(_, count)| count).sum();
        let old = ready.saturating_sub(young);
        let groups = std::iter::once((self.told_until, old)).chain(self.young.iter().copied());
        let seconds = |since: u64| until.saturating_sub(since) as f64 / 1e6;
        let all: f64 = groups
            .clone()
            .map(|(since, count)| f64::from(count) * seconds(since))
            .sum();
        if all > 0.0 {
            let concurrency = self.served / all;
            let report = &mut self.report;
            report.in_flight = burst.then(|| self.in_flight / f64::from(ready));
            // By whom a request was ended does not matter.
            report.requests = self.finished as u64;
            self.finished -= report.requests as f64;
            let each = groups.flat_map(|(since, count)| (0..count).map(move |_| since));
            for (number, since) in each.enumerate() {
                report.seconds = seconds(since);
                if report.seconds <= 0.0 {
                    continue;
                }
                report.request_seconds = concurrency * report.seconds;
                report.replica.clear();
                let named = write!(report.replica, "{number}");
                let taken = scaler.report_untaught(now, report);
                debug_assert!(named.is_ok() && taken.is_ok(), "{report:?}: {taken:?}");
                report.requests = 0;
            }
            self.served = 0.0;
        }
        self.told_until = until;
        self.young.clear();
        let arrived = self.arrived as u64;
        self.arrived -= arrived as f64;
        if self.held > 0 || self.held_told > 0 || arrived > 0 {
            scaler.holding(
                now,
                Holding {
                    held: self.held,
                    arrived,
                },
            );
        }
        self.held_told = self.held;
    }
}
