// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

/// A revision at a glance: what `top`, `explain` and the console show. All of it is JSON (camelCase).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct RevisionView {
    pub revision: String,
    pub ready: u32,
    pub starting: u32,
    pub draining: u32,
    pub wanted: u32,
    /// `stable`, `panic`, `paused`, `zero`.
    pub mode: String,
    pub in_flight: f64,
    pub stable: f64,
    pub panic: f64,
    pub held: u64,
    pub target: f64,
    /// The last decision that changed the count, or the last one.
    pub why: String,
    /// Who woke it last: request and when, seconds ago.
    pub woken_by: Option<String>,
    pub woken_seconds_ago: Option<f64>,
    /// One sentence: `2 requests in flight`, `min 1`, `last request 12 s ago, idle delay 60 s`.
    pub kept_awake_by: Option<String>,
    pub refused_reports: u64,
    /// Newest last; at most 100 are kept; consecutive decisions with the same count and mode are kept once, with `times`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionLine>,
}

/// One decision that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct DecisionLine {
    /// Seconds since the autoscaler began.
    pub at: f64,
    /// Milliseconds since 1970 (wall clock of the shell; for people).
    pub unix_millis: u64,
    pub from: u32,
    pub replicas: u32,
    pub mode: String,
    pub stable: f64,
    pub panic: f64,
    pub held: u64,
    pub target: f64,
    pub spare_capacity: i64,
    pub sentence: String,
    pub times: u32,
}
