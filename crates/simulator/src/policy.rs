// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Holding, Moment, Observation, Report};

/// Who says how many replicas there should be. It is fed with what an autoscaler gets, at the moment it gets it, and
/// knows nothing else.
pub trait Policy {
    /// For the table: `knative 70 %`.
    fn name(&self) -> String;
    /// How it is fed.
    fn reporting(&self) -> Reporting {
        Reporting::default()
    }
    /// A replica's report.
    fn report(&mut self, now: Moment, report: &Report);
    /// What the gateway holds; after the reports of the same moment.
    fn holding(&mut self, now: Moment, waiting: &Waiting);
    /// What the platform says is there; when that has changed.
    fn observe(&mut self, now: Moment, observation: Observation);
    /// From one decision to the next.
    fn tick(&self) -> Duration;
    /// Whether what was just told cannot wait for the tick.
    fn wants_decision_now(&self, _now: Moment) -> bool {
        false
    }
    /// How many there should be; `None`: it does not say.
    fn decide(&mut self, now: Moment) -> Option<u32>;
    /// Whether its ticks may be left out until it hears something: nothing is there and nothing will change.
    fn is_at_rest(&self, _now: Moment) -> bool {
        false
    }
    /// Requests in flight and held, over all replicas, from which on a burst shows; asked for after each decision and
    /// each observation.
    fn burst_threshold(&self) -> f64 {
        f64::INFINITY
    }
    /// Which replica takes a request; asked for with the threshold.
    fn choice(&self) -> Choice {
        Choice::LeastLoaded
    }
    /// Which of the replicas with the fewest requests goes first.
    fn leaving(&self) -> Leaving {
        Leaving::Newest
    }
}

/// Which of the replicas with the fewest requests goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Ours: the newest.
    Newest,
    /// The one whose last request ended first.
    LongestIdle,
}

/// How a policy is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// From one report of each replica to the next; `None`: no reports.
    pub interval: Option<Duration>,
    /// Whether all report at once when a request comes to be held.
    pub on_hold: OnHold,
}

/// Which requests that come to be held are told at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnHold {
    /// None.
    #[default]
    Nothing,
    /// One that comes while none is held.
    First,
    /// Each.
    Each,
}

impl Default for Reporting {
    /// Each second, and nothing between.
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(1)),
            on_hold: OnHold::Nothing,
        }
    }
}

impl Reporting {
    /// Nothing is told.
    pub const NONE: Self = Self {
        interval: None,
        on_hold: OnHold::Nothing,
    };
}

/// What waits at the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waiting {
    /// Now, and how many came to wait since the last such line.
    pub holding: Holding,
    /// Length of the time since the last such line.
    pub seconds: f64,
    /// Request-seconds waited in it.
    pub request_seconds: f64,
}

/// Which replica takes a request. Never one at its hard limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// Ours: the busiest that is below so many in flight, so that spare ones fall idle; when all are at it, the least
    /// loaded. The oldest among equals.
    Fill(f64),
    /// The one with the fewest in flight, the oldest among equals.
    LeastLoaded,
    /// The oldest that has room.
    Oldest,
    /// The newest that has room.
    Newest,
    /// One after the other.
    InTurn,
    /// The less loaded of two at random.
    TwoAtRandom,
}
