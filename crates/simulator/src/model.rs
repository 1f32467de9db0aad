// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::Moment;

use crate::{Curve, Law};

/// What stands between a load and its answers: replica, gateway, platform.
///
/// The gateway is ours: a request goes to a replica with room at once, by the policy's [`crate::Choice`]; where there is
/// none it is held, first in first out, and goes to the first place that comes free. Nothing waits before a replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Requests that a replica takes at once (the hard limit); `None`: any number.
    pub slots: Option<u32>,
    /// How requests at once in one replica slow each other.
    pub curve: Curve,
    /// From the wish for a replica until it answers requests.
    pub start_up: Law,
    /// From a decision until the platform has it; one at a time, the newest next, given up after 5 s.
    pub scaling: Law,
    /// How long a ready replica lives until it crashes, if it ever does: what is in flight in it fails, and another
    /// one starts in its place.
    pub crash: Option<Law>,
    /// What the gateway holds.
    pub hold: Hold,
    /// Replicas that are ready at the beginning.
    pub ready: u32,
    /// Whether a replica that drains is taken back when more are wanted (on one machine it is; a pod is not).
    pub recalls: bool,
    /// Pauses of each replica in which no work is done (a garbage collector).
    pub pauses: Option<Pauses>,
    /// Times in which one replica is slow, each on its own (somebody else is busy on its node).
    pub neighbours: Option<Neighbours>,
    /// Times in which all replicas are slow (a downstream that is).
    pub hindrances: Vec<Hindrance>,
    /// How long after the whole second reports and decisions come: a load that goes by the second may suit one phase
    /// better than another.
    pub phase: Duration,
    /// How long after that reports come, less than a second: what tells and what decides begin each at their own moment, so
    /// that what a decision goes by is so much younger or older.
    pub reports_after: Duration,
    /// Until when costs are counted, if that is later than the last arrival.
    pub end: Moment,
}

/// Bounds of what the gateway holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Requests at once; one more is refused.
    pub requests: usize,
    /// The longest wait; then the request is given up.
    pub wait: Duration,
}

/// Pauses of a replica.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pauses {
    /// From the end of one to the next.
    pub every: Law,
    /// How long one takes.
    pub length: Law,
}

/// Times in which a replica works at another speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbours {
    /// From the end of one to the next.
    pub every: Law,
    /// How long one takes.
    pub length: Law,
    /// The speed, of 1; above 0.
    pub speed: f64,
}

/// A time in which all replicas work at another speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hindrance {
    /// From then on.
    pub from: Moment,
    /// Until then.
    pub until: Moment,
    /// The speed, of 1; above 0.
    pub speed: f64,
}

impl Default for Hold {
    /// As the gateway: 10,000 requests, 5 minutes.
    fn default() -> Self {
        Self {
            requests: 10_000,
            wait: Duration::from_secs(300),
        }
    }
}

impl Default for Model {
    /// Replicas without limit or slowdown that are ready at once and never crash; none at the beginning.
    fn default() -> Self {
        Self {
            slots: None,
            curve: Curve::None,
            start_up: Law::NONE,
            scaling: Law::NONE,
            crash: None,
            hold: Hold::default(),
            ready: 0,
            recalls: false,
            pauses: None,
            neighbours: None,
            hindrances: Vec::new(),
            phase: Duration::ZERO,
            reports_after: Duration::ZERO,
            end: Moment::ZERO,
        }
    }
}

impl Model {
    /// Requests at once that a replica takes without making one of them much slower: the hard limit, or the width of
    /// the curve; `None`: any number.
    #[must_use]
    pub fn width(&self) -> Option<u32> {
        match (self.slots, self.curve.width()) {
            (Some(slots), Some(width)) => Some(slots.min(width)),
            (slots, width) => slots.or(width),
        }
    }
    /// At which speed of 1 replicas work at a time, and until when; the last hindrance that is on counts.
    pub(crate) fn speed(&self, now: u64) -> (f64, u64) {
        let mut speed = 1.0;
        let mut until = u64::MAX;
        for hindrance in &self.hindrances {
            let (from, end) = (hindrance.from.as_micros(), hindrance.until.as_micros());
            if (from..end).contains(&now) {
                speed = hindrance.speed.max(1e-9);
            }
            for edge in [from, end] {
                if edge > now {
                    until = until.min(edge);
                }
            }
        }
        (speed, until)
    }
}
