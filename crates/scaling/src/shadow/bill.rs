// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

use super::fluid::Passed;

/// What one policy costs and who waits with it, by the estimate that is the same for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bill {
    /// Replica-seconds from the wish for a replica until it is gone, starting and draining included: the cost.
    pub replica_seconds: f64,
    /// Replicas that were started.
    pub starts: u64,
    /// Requests that wait longer than 0.1 s for a place.
    pub long_waits: f64,
    /// Of these, those that find no replica that answers requests.
    pub cold_starts: f64,
    /// Request-seconds waited for a place.
    pub waiting_seconds: f64,
}

/// What two policies make of the same load: the one that acts, and the one beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Compared {
    /// How long they are compared already. It ends about 5 s ago, for reports take their time.
    pub seconds: f64,
    /// Of these, seconds of which a replica said nothing: the load was taken to be what it was before.
    pub silent_seconds: f64,
    /// Requests that came.
    pub requests: f64,
    /// Request-seconds that were measured to wait, at the gateway and in the replicas' lines, with the one that acts.
    pub measured_waiting_seconds: f64,
    /// Whether a live replica was ever seen to start. Else a start is taken to last 5 s.
    pub start_up_known: bool,
    /// Requests at once that a replica is taken to have places for. `None`: any number.
    pub places: Option<f64>,
    /// The one that acts: its replicas are those that were there.
    pub acting: Bill,
    /// The one beside it.
    pub shadow: Bill,
}

impl Compared {
    /// The cost of the one beside it in times of the one that acts; `None` where that one had no replica.
    #[must_use]
    pub fn cost(&self) -> Option<f64> {
        let acting = self.acting.replica_seconds;
        (acting > 0.0).then(|| self.shadow.replica_seconds / acting)
    }
    /// The share of the requests that wait longer than 0.1 s.
    #[must_use]
    pub fn long_wait_share(&self, bill: &Bill) -> f64 {
        if self.requests > 0.0 {
            (bill.long_waits / self.requests).min(1.0)
        } else {
            0.0
        }
    }
}

impl Bill {
    pub(super) fn inhabit(&mut self, replicas: u32, seconds: f64) {
        self.replica_seconds += f64::from(replicas) * seconds;
    }
    pub(super) fn enter(&mut self, passed: &Passed, ready: u32, seconds: f64) {
        self.waiting_seconds += passed.waiting * seconds;
        self.long_waits += passed.long_waits;
        if ready == 0 {
            self.cold_starts += passed.long_waits;
        }
    }
}
