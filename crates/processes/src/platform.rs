// SPDX-License-Identifier: Apache-2.0
use std::{io, sync::Arc, time::Duration};

use cheerful_autoscaler::{Platform, ScaleError};
use cheerful_scaling::Observation;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    FrontDoor, LineSink, ProcessMetrics, ProcessRevision, WardenCommand,
    owner::{self, Request},
};

/// Requests that wait for the owner; who has more to say waits for room.
const WAITING_REQUESTS: usize = 1024;

/// The platform of one machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Processes {
    requests: mpsc::Sender<Request>,
}

/// How the platform runs. Replicas listen on ports of 127.0.0.1 that the kernel gives.
#[derive(Clone, Debug, Default)]
pub struct ProcessesConfig {
    /// Where each line of a replica's output goes; `None`: nowhere.
    pub lines: Option<LineSink>,
    /// Who kills the replicas when this process is killed; `None`: nobody.
    pub warden: Option<WardenCommand>,
}

/// What happened to a revision's processes.
#[derive(Clone, Debug, PartialEq)]
pub enum ProcessEvent {
    /// The counts have changed. When several change before this is taken, only the newest is told.
    Observed {
        /// Whose.
        revision: String,
        /// The counts now.
        observation: Observation,
    },
    /// A replica could not be started, or ended on its own.
    Crashed {
        /// Whose.
        revision: String,
        /// Which.
        replica: String,
        /// In words, with the last lines of its output.
        why: String,
        /// When it is started again; `None`: not at all, for it is no longer wanted.
        restart_in: Option<Duration>,
    },
}

/// One replica, for `top` and the API.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaView {
    /// Its name.
    pub replica: String,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// Where it listens; 0 while there is no process.
    pub port: u16,
    /// `starting`, `ready`, `draining`, `stopping`, `waiting to restart`.
    pub state: String,
    /// Since it was first asked for.
    pub age_seconds: f64,
    /// How often its process was started again.
    pub restarts: u32,
}

impl Processes {
    /// Starts the room on the present runtime. The task ends after [`Processes::shut_down`] or
    /// [`Processes::kill_now`], or once every handle is dropped; no child is left then.
    ///
    /// # Errors
    /// When the warden or the thread for the output cannot be started.
    pub fn start<D: FrontDoor>(
        config: ProcessesConfig,
        door: Arc<D>,
        events: mpsc::Sender<ProcessEvent>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (requests, taken) = mpsc::channel(WAITING_REQUESTS);
        let task = owner::start(config, door, events, taken)?;
        Ok((Self { requests }, task))
    }

    /// Makes a revision known, with no process; or gives a known one a new command, environment, probe
    /// or limit, which hold for processes that are started from now on.
    pub async fn add(&self, revision: ProcessRevision) {
        self.say(Request::Add(Arc::new(revision))).await;
    }

    /// Drains and ends all replicas of a revision, then forgets it; returns when the last has ended.
    pub async fn remove(&self, revision: &str) {
        let revision = revision.to_owned();
        self.ask(|done| Request::Remove { revision, done }).await;
    }

    /// The front door has taken a replica out because it refused or dropped connections: it is probed
    /// and opened again when it answers.
    pub async fn failed(&self, revision: &str, replica: &str) {
        let (revision, replica) = (revision.to_owned(), replica.to_owned());
        self.say(Request::Failed { revision, replica }).await;
    }

    /// The replicas of a revision, oldest first; none if it is not known.
    pub async fn replicas(&self, revision: &str) -> Vec<ReplicaView> {
        let revision = revision.to_owned();
        self.ask(|answer| Request::Replicas { revision, answer })
            .await
            .unwrap_or_default()
    }

    /// Counts since the start; zeros once it has ended.
    pub async fn metrics(&self) -> ProcessMetrics {
        self.ask(Request::Metrics).await.unwrap_or_default()
    }

    /// Drains and ends everything; returns when the last child has ended, after the longest drain and
    /// grace of any revision at the latest.
    pub async fn shut_down(&self) {
        self.ask(Request::ShutDown).await;
    }

    /// Kills everything; returns when the last child has ended.
    pub async fn kill_now(&self) {
        self.ask(Request::KillNow).await;
    }

    /// Hands a request over. When the owner has ended there is nothing left to do it to.
    async fn say(&self, request: Request) {
        if self.requests.send(request).await.is_err() {
            tracing::debug!("the processes have ended");
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.say(request(answer)).await;
        answered.await.ok()
    }
}

impl Platform for Processes {
    async fn scale(&self, revision: &str, replicas: u32) -> Result<(), ScaleError> {
        let name = revision.to_owned();
        let taken = self
            .ask(|taken| Request::Scale {
                revision: name,
                replicas,
                taken,
            })
            .await;
        let why = match taken {
            Some(true) => return Ok(()),
            Some(false) => "no such revision runs here",
            None => "the processes have ended",
        };
        Err(ScaleError {
            revision: revision.to_owned(),
            replicas,
            why: why.to_owned(),
        })
    }
}
