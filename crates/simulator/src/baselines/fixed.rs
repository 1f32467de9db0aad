// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Moment, Observation, Report};

use crate::{Choice, Policy, Reporting, Waiting};

/// Always the same count.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    replicas: u32,
}

impl Fixed {
    /// So many, from the beginning.
    #[must_use]
    pub const fn new(replicas: u32) -> Self {
        Self { replicas }
    }
}

impl Policy for Fixed {
    fn name(&self) -> String {
        format!("fixed {}", self.replicas)
    }
    fn reporting(&self) -> Reporting {
        Reporting::NONE
    }
    fn report(&mut self, _now: Moment, _report: &Report) {}
    fn holding(&mut self, _now: Moment, _waiting: &Waiting) {}
    fn observe(&mut self, _now: Moment, _observation: Observation) {}
    fn tick(&self) -> Duration {
        Duration::from_secs(3600)
    }
    fn decide(&mut self, _now: Moment) -> Option<u32> {
        Some(self.replicas)
    }
    fn choice(&self) -> Choice {
        Choice::LeastLoaded
    }
}
