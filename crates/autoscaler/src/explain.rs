// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Bound, Why};
use serde::{Deserialize, Serialize};

use crate::ShadowView;

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
    /// The signals that are no requests in flight, and those of the others that cannot be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalView>,
    /// The schedule that is on: `office: min 5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The policy beside the one that acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowView>,
    /// Where the target is learned: what is known of it. Only of one revision that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedView>,
    /// Newest last; at most 100 are kept; consecutive decisions with the same count and mode are kept once, with `times`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionLine>,
}

/// What is known of a target that is learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LearnedView {
    pub why: Why,
    /// Requests in flight per replica to aim for.
    pub target: f64,
    /// Up to so many in flight in a replica the latency keeps to the budget, or is known to; 0: nothing is known.
    pub limit: f64,
    /// Of data.
    pub seconds: f64,
    /// By rising requests in flight; at most 24 points.
    pub curve: Vec<CurvePoint>,
}

/// How many times as long as alone a request takes with so many in flight in a replica.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct CurvePoint {
    pub in_flight: f64,
    pub times: f64,
    /// Two standard errors steeper.
    pub at_worst: f64,
}

impl From<[f64; 3]> for CurvePoint {
    fn from([in_flight, times, at_worst]: [f64; 3]) -> Self {
        Self {
            in_flight,
            times,
            at_worst,
        }
    }
}

/// One signal at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SignalView {
    pub name: String,
    /// The newest value; none where it was never read, or counts requests, which are told beside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How long ago it was so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
    /// How many replicas it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wants: Option<u32>,
    /// It has not been read for so long that it holds what it last asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Why it could not be read, when that was last so, and how many times since it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble_seconds_ago: Option<f64>,
    #[serde(skip_serializing_if = "is_zero")]
    pub trouble_times: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
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
    /// What the demand alone would have.
    #[serde(default)]
    pub wanted: u32,
    /// What bounded the count, in the order in which it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<Bound>,
    pub sentence: String,
    pub times: u32,
    /// When the first of the `times` was made, where that is not the one told: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_unix_millis: Option<u64>,
}

impl DecisionLine {
    /// From when on it was so decided: milliseconds since 1970.
    #[must_use]
    pub fn began_unix_millis(&self) -> u64 {
        self.since_unix_millis.unwrap_or(self.unix_millis)
    }
}
