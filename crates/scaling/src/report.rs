// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

use crate::{Latency, Refusal};

/// What one replica saw over one interval. Concurrency is `request_seconds / seconds`, a true time
/// average. By Little's law the mean latency is `request_seconds / requests`. The default is of no time, and is refused
/// as it is: it stands for what a source does not know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// The replica's name, unique within its revision and over time: a replica that starts anew and
    /// counts from 0 again needs a new name. At most 256 bytes.
    pub replica: String,
    /// Counts a replica's reports from 0. Lets a receiver tell a late report from one that came twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// How long before its arrival the interval ended, by the sender's own count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub age_seconds: f64,
    /// Length of the interval. More than 0, at most the stable window.
    pub seconds: f64,
    /// Request-seconds in flight inside the app during the interval.
    pub request_seconds: f64,
    /// Request-seconds spent waiting in the replica's line.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting_seconds: f64,
    /// Requests finished in the interval.
    #[serde(default)]
    pub requests: u64,
    /// Requests refused in the interval.
    #[serde(default, skip_serializing_if = "is_none_refused")]
    pub refused: u64,
    /// Requests in flight at the end of the interval. Given only by a report that is sent at once
    /// because of a burst; a regular report leaves it out, for a sample is no average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<f64>,
    /// How long the finished requests took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}
fn is_none_refused(value: &u64) -> bool {
    *value == 0
}

impl Report {
    /// Most requests in flight (and waiting) in one replica that are believed.
    pub const MAX_CONCURRENCY: f64 = 1e6;
    /// Most requests finished or refused in one interval that are believed.
    pub const MAX_COUNT: u64 = 1_000_000_000;
    /// Longest name of a replica.
    pub const MAX_NAME_BYTES: usize = 256;
    /// The least longest interval: a report a little late is no fault, even with a stable window of 1 s.
    const LEAST_LONGEST_SECONDS: f64 = 2.0;

    /// Requests in flight and waiting, averaged over the interval.
    pub(crate) fn concurrency(&self) -> f64 {
        (self.request_seconds + self.waiting_seconds) / self.seconds
    }

    /// Whether a request was in flight at any time in the interval.
    pub(crate) fn shows_activity(&self) -> bool {
        self.request_seconds > 0.0
            || self.waiting_seconds > 0.0
            || self.requests > 0
            || self.in_flight.is_some_and(|requests| requests > 0.0)
    }

    /// Refuses what no replica can have seen, whatever the time is.
    pub(crate) fn check(&self, stable_window_seconds: f64) -> Result<(), Refusal> {
        let values = [
            self.seconds,
            self.request_seconds,
            self.waiting_seconds,
            self.in_flight.unwrap_or(0.0),
        ];
        if !values.iter().all(|value| value.is_finite()) || !self.age_seconds.is_finite() {
            return Err(Refusal::NotFinite);
        }
        // An interval that rounds to no microsecond has no average.
        if values.iter().any(|value| *value < 0.0) || self.seconds < 1e-6 {
            return Err(Refusal::Negative);
        }
        if self.age_seconds < 0.0 {
            return Err(Refusal::Future);
        }
        let longest = stable_window_seconds.max(Self::LEAST_LONGEST_SECONDS);
        if self.seconds > longest
            || self.concurrency() > Self::MAX_CONCURRENCY
            || self.in_flight.unwrap_or(0.0) > Self::MAX_CONCURRENCY
            || self.requests > Self::MAX_COUNT
            || self.refused > Self::MAX_COUNT
            || self.replica.len() > Self::MAX_NAME_BYTES
        {
            return Err(Refusal::TooLarge);
        }
        Ok(())
    }
}
