// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::{Spread, Timeline};

/// What became of a load: who waited, and what it cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The policy's name.
    pub policy: String,
    /// How long costs were counted: to the last arrival, or the model's end if that is later.
    pub seconds: f64,
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests refused, for too many were held.
    pub refused: u64,
    /// Requests given up after the longest wait.
    pub timed_out: u64,
    /// Requests that were in a replica when it crashed.
    pub failed: u64,
    /// Requests that found no place at once.
    pub held: u64,
    /// Requests that found no replica that answers requests.
    pub cold_starts: u64,
    /// Requests that waited longer than [`Outcome::LONG_WAIT`] for a place; exact.
    pub long_waits: u64,
    /// How long those that reached a replica waited for a place in it.
    pub waits: Spread,
    /// From arrival to answer.
    pub latencies: Spread,
    /// Replica-seconds from the wish for a replica until it is gone, starting and draining included: the cost.
    pub replica_seconds: f64,
    /// Of these, on the way.
    pub starting_seconds: f64,
    /// Of these, after it was taken out.
    pub draining_seconds: f64,
    /// Of these, with at least one request in it.
    pub busy_seconds: f64,
    /// Request-seconds in replicas.
    pub request_seconds: f64,
    /// Replicas that were started (those of the beginning are not).
    pub starts: u64,
    /// Replicas that crashed.
    pub crashes: u64,
    /// Most replicas there were at once, starting ones included.
    pub most_replicas: u32,
    /// Decisions made.
    pub decisions: u64,
    /// Changes of the wanted count.
    pub changes: u64,
    /// What was there over time.
    pub timeline: Timeline,
}

impl Outcome {
    /// A wait that somebody notices.
    pub const LONG_WAIT: Duration = Duration::from_millis(100);

    /// The share of requests that waited longer than [`Outcome::LONG_WAIT`], were refused or given up.
    #[must_use]
    pub fn long_wait_share(&self) -> f64 {
        share(
            self.long_waits + self.refused + self.timed_out,
            self.requests,
        )
    }
    /// The share of requests that found no replica.
    #[must_use]
    pub fn cold_start_share(&self) -> f64 {
        share(self.cold_starts, self.requests)
    }
    /// Replicas on average, starting and draining ones included.
    #[must_use]
    pub fn mean_replicas(&self) -> f64 {
        if self.seconds > 0.0 {
            self.replica_seconds / self.seconds
        } else {
            0.0
        }
    }
    /// The cost in times of another's: the clairvoyant's.
    #[must_use]
    pub fn cost_against(&self, other: &Self) -> f64 {
        self.replica_seconds / other.replica_seconds
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
