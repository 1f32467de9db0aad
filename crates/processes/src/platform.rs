// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use cheerful_autoscaler::{Platform, ScaleError};
use cheerful_scaling::Observation;
use tokio::sync::mpsc;

use crate::{FrontDoor, ProcessRevision};

/// The platform of one machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Processes {}

/// How the platform runs.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ProcessesConfig {
    /// Replicas listen on ports of 127.0.0.1 that the kernel gives.
    pub label_output: bool,
}

/// What happened to a revision's processes.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum ProcessEvent {
    /// The counts have changed.
    Observed { revision: String, observation: Observation },
    /// A replica could not be started, or ended on its own; with the last lines of its output.
    Crashed { revision: String, replica: String, why: String, restart_in: Option<std::time::Duration> },
}

/// One replica, for `top` and the API.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[allow(missing_docs)]
pub struct ReplicaView {
    pub replica: String,
    pub pid: Option<u32>,
    pub port: u16,
    /// `starting`, `ready`, `draining`, `stopping`, `waiting to restart`.
    pub state: String,
    pub age_seconds: f64,
    pub restarts: u32,
}

#[allow(clippy::missing_errors_doc)]
impl Processes {
    /// Starts the room on the present runtime; all child processes are started from threads that live as long.
    /// The task ends after [`Processes::shut_down`].
    pub fn start<D: FrontDoor>(
        _config: ProcessesConfig,
        _door: Arc<D>,
        _events: mpsc::Sender<ProcessEvent>,
    ) -> std::io::Result<(Self, tokio::task::JoinHandle<()>)> {
        todo!()
    }
    /// Makes a revision known, with no process.
    pub async fn add(&self, _revision: ProcessRevision) {}
    /// Drains and ends all replicas of a revision, then forgets it; returns when the last has ended.
    pub async fn remove(&self, _revision: &str) {}
    /// The replicas of a revision.
    pub async fn replicas(&self, _revision: &str) -> Vec<ReplicaView> {
        vec![]
    }
    /// Drains and ends everything; returns when the last child has ended.
    pub async fn shut_down(&self) {}
}

impl Platform for Processes {
    async fn scale(&self, _revision: &str, _replicas: u32) -> Result<(), ScaleError> {
        todo!()
    }
}
