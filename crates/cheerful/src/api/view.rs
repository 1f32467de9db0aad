// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_autoscaler::{DecisionLine, RevisionView};
use cheerful_processes::{ReplicaView, StartView};
use serde::{Deserialize, Serialize};

/// `GET /v1/revisions/{name}`: a revision with its decisions and its replicas.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevisionDetail {
    #[serde(flatten)]
    pub(crate) view: RevisionView,
    /// Those of the version that takes the requests, then those of the version that is about to.
    #[serde(default)]
    pub(crate) replicas: Vec<ReplicaLine>,
    /// The last starts of its replicas, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) starts: Vec<StartLine>,
}

/// One start of a replica that ended ready, by its parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartLine {
    pub(crate) replica: String,
    /// When it was asked for: milliseconds since 1970.
    pub(crate) asked_unix_millis: u64,
    /// Until its process ran.
    pub(crate) process_seconds: f64,
    /// From then until it answered its probe.
    pub(crate) ready_seconds: f64,
    /// From then until a request was passed to it, if one was answered: 0 for one that was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first_request_seconds: Option<f64>,
    /// From then until its answer began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first_answer_seconds: Option<f64>,
}

impl StartLine {
    pub(crate) fn new(start: StartView, now_unix_millis: u64) -> Self {
        let ago = Duration::from_secs_f64(start.asked_seconds_ago.max(0.0));
        let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        Self {
            replica: start.replica,
            asked_unix_millis: now_unix_millis.saturating_sub(ago),
            process_seconds: start.process_seconds,
            ready_seconds: start.ready_seconds,
            first_request_seconds: start.first_request_seconds,
            first_answer_seconds: start.first_answer_seconds,
        }
    }
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaLine {
    pub(crate) replica: String,
    pub(crate) pid: Option<u32>,
    pub(crate) port: u16,
    pub(crate) state: String,
    pub(crate) age_seconds: f64,
    pub(crate) restarts: u32,
    /// Requests in flight in it now.
    pub(crate) in_flight: u64,
    /// Bytes, of all its processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory_bytes: Option<f64>,
    /// The last lines that it wrote, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) last_output: Vec<String>,
}

impl ReplicaLine {
    pub(crate) fn new(replica: ReplicaView, in_flight: u64) -> Self {
        let ReplicaView {
            replica,
            pid,
            port,
            state,
            age_seconds,
            restarts,
            last_output,
        } = replica;
        Self {
            replica,
            pid,
            port,
            state,
            age_seconds,
            restarts,
            in_flight,
            memory_bytes: None,
            last_output,
        }
    }
}

/// `GET /v1/events`: one decision as it is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecisionEvent {
    pub(crate) revision: String,
    #[serde(flatten)]
    pub(crate) decision: DecisionLine,
}
