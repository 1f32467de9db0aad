// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Moment, Observation, Report};

use super::hpa::{HpaSync, ceil};
use crate::{Choice, OnHold, Policy, Reporting, Waiting};

/// KEDA's HTTP add-on: its interceptor counts what is in flight and what waits, an HPA divides that by the target (no
/// share of it) every 15 s with the HPA's own limits, KEDA itself goes from zero to one when a request waits and from
/// any count to zero 300 s after the last one.
///
/// What is taken as given: the interceptor's count is that of the last second; the first request at zero is told at once
/// (its push scaler).
#[derive(Clone, Debug)]
pub struct Keda {
    target: f64,
    sync: HpaSync,
    present: u32,
    /// In flight and waiting, over the last second or the part of it that is counted so far.
    in_flight: f64,
    counting: f64,
    last_active: Option<Moment>,
    looked: Option<Moment>,
    poked: bool,
}

impl Keda {
    /// From the last request to zero.
    const COOLDOWN: Duration = Duration::from_secs(300);

    /// With so many requests in flight per pod to aim for; its default is 100.
    #[must_use]
    pub fn with_target(target: f64) -> Self {
        Self {
            target: target.max(0.01),
            sync: HpaSync::default(),
            present: 0,
            in_flight: 0.0,
            counting: 0.0,
            last_active: None,
            looked: None,
            poked: false,
        }
    }
}

impl Policy for Keda {
    fn name(&self) -> String {
        format!("KEDA http target {}", self.target)
    }
    fn reporting(&self) -> Reporting {
        Reporting {
            on_hold: OnHold::First,
            ..Reporting::default()
        }
    }
    fn report(&mut self, _now: Moment, report: &Report) {
        self.counting += report.request_seconds / report.seconds;
    }
    fn holding(&mut self, now: Moment, waiting: &Waiting) {
        self.in_flight = std::mem::take(&mut self.counting) + waiting.holding.held as f64;
        if self.in_flight > 0.0 {
            self.last_active = Some(now);
        }
        self.poked |= waiting.holding.held > 0 && self.present == 0;
    }
    fn observe(&mut self, _now: Moment, observation: Observation) {
        self.present = observation.present();
    }
    fn tick(&self) -> Duration {
        HpaSync::PERIOD
    }
    fn wants_decision_now(&self, _now: Moment) -> bool {
        self.poked
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        if self.present == 0 {
            self.sync = HpaSync::default();
            return std::mem::take(&mut self.poked).then_some(1);
        }
        let last = self.last_active.unwrap_or(Moment::ZERO);
        if now.since(last) >= Self::COOLDOWN {
            return Some(0);
        }
        let is_look = self
            .looked
            .is_none_or(|looked| now.since(looked) >= HpaSync::PERIOD);
        if !is_look {
            return None;
        }
        self.looked = Some(now);
        let ratio = self.in_flight / self.target / f64::from(self.present);
        let desired = if HpaSync::is_within_tolerance(ratio) {
            self.present
        } else {
            ceil(self.in_flight / self.target)
        };
        Some(self.sync.settle(now, self.present, desired))
    }
    fn is_at_rest(&self, _now: Moment) -> bool {
        self.present == 0 && !self.poked
    }
    fn choice(&self) -> Choice {
        Choice::InTurn
    }
}
