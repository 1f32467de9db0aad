// SPDX-License-Identifier: Apache-2.0
use cheerful_autoscaler::{DecisionLine, RevisionView};
use cheerful_processes::ReplicaView;
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
        } = replica;
        Self {
            replica,
            pid,
            port,
            state,
            age_seconds,
            restarts,
            in_flight,
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
