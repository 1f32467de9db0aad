// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

use crate::Latency;

/// What one replica saw over one interval. Concurrency is `request_seconds / seconds`, a true time
/// average. By Little's law the mean latency is `request_seconds / requests`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// The replica's name, unique within its revision.
    pub replica: String,
    /// Counts a replica's reports from 0. Lets a receiver tell a late report from one that came twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// How long before its arrival the interval ended, by the sender's own count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub age_seconds: f64,
    /// Length of the interval.
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

/// Why a report did not enter the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// NaN or infinite.
    NotFinite,
    /// Negative.
    Negative,
    /// Beyond what any replica can have seen.
    TooLarge,
    /// Ends after its arrival, or later than a moment already seen allows.
    Future,
    /// Ends before the stable window begins.
    TooOld,
    /// Already counted.
    Duplicate,
    /// More replicas reported than are kept apart.
    TooManyReplicas,
}

/// How many reports were refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusedCounts {
    // one counter for each refusal; `get(Refusal) -> u64`, `iter()`
}
