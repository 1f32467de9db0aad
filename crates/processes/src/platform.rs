// SPDX-License-Identifier: Apache-2.0
use std::{io, sync::Arc, time::Duration};

use cheerful_autoscaler::{Platform, ScaleError, ScaleErrorKind};
use cheerful_scaling::Observation;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{FrontDoor, LineSink, ProcessMetrics, ProcessRevision, WardenCommand, owner};

/// Requests to the owner that wait; who has one more waits for room.
const WAITING_COMMANDS: usize = 256;

/// The platform of one machine: a handle on the one task that owns all replicas. Cheap to clone.
/// When the last handle is dropped it shuts down as by [`Processes::shut_down`].
#[derive(Clone, Debug)]
pub struct Processes {
    commands: mpsc::Sender<Command>,
}

/// How the platform runs. Replicas listen on ports of 127.0.0.1 that the kernel names.
#[derive(Clone, Debug, Default)]
pub struct ProcessesConfig {
    /// Where each line of a replica's output goes; without it only the last ten are kept.
    pub lines: Option<LineSink>,
    /// What kills the replicas should this process be killed; without it they would go on.
    pub warden: Option<WardenCommand>,
}

/// What happened to a revision's processes.
#[derive(Clone, Debug, PartialEq)]
pub enum ProcessEvent {
    /// The counts have changed; its moments count from [`Processes::start`]. A reader that is slow
    /// gets the newest only.
    Observed {
        /// Whose.
        revision: String,
        /// The counts now.
        observation: Observation,
    },
    /// A replica could not be started, or ended on its own. A reader that is slow loses the oldest
    /// beyond 256.
    Crashed {
        /// Whose.
        revision: String,
        /// Which one.
        replica: String,
        /// How it ended, in one line; the last lines of its output below it.
        why: String,
        /// When it is started again.
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
    /// Its port, 0 before it has one.
    pub port: u16,
    /// `starting`, `ready`, `draining`, `stopping`, `waiting to restart`.
    pub state: String,
    /// Since it was first asked for.
    pub age_seconds: f64,
    /// How often it was started again.
    pub restarts: u32,
    /// The last lines that its present process wrote, or while there is none the one before, oldest first: at most ten of
    /// 500 bytes.
    pub last_output: Vec<String>,
}

/// One start that ended ready, by its parts.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartView {
    /// Whose.
    pub replica: String,
    /// When the process was asked for.
    pub asked_seconds_ago: f64,
    /// From then until it ran: others start too, and forking takes its time.
    pub process_seconds: f64,
    /// From then until it answered its probe.
    pub ready_seconds: f64,
    /// From then until a request was passed to it, if one was answered: 0 for one that was held.
    pub first_request_seconds: Option<f64>,
    /// From then until its answer began.
    pub first_answer_seconds: Option<f64>,
}

/// What the owner is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    Add(Box<ProcessRevision>),
    Remove(String, oneshot::Sender<()>),
    Scale(String, u32, oneshot::Sender<Result<(), String>>),
    Failed(String, String),
    Replicas(String, oneshot::Sender<Vec<ReplicaView>>),
    Starts(String, oneshot::Sender<Vec<StartView>>),
    Metrics(oneshot::Sender<ProcessMetrics>),
    ShutDown,
    KillNow,
}

impl Processes {
    /// The most replicas of one revision: of a bigger wish the rest is left out.
    pub const MOST_REPLICAS: u32 = 1000;

    /// Starts the room on the present tokio runtime, and the warden. The second value is the task; it
    /// ends when everything has been shut down.
    ///
    /// # Errors
    /// When there is no runtime, or the warden or the thread for output cannot be started.
    pub fn start<D: FrontDoor>(
        config: ProcessesConfig,
        door: Arc<D>,
        events: mpsc::Sender<ProcessEvent>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let (commands, asked) = mpsc::channel(WAITING_COMMANDS);
        let task = runtime.spawn(owner::own(config, door, events, asked)?);
        Ok((Self { commands }, task))
    }

    /// Makes a revision known, with no process. If it is known already, replicas started from now on
    /// get the new settings, and a removal that has not ended is called off.
    pub async fn add(&self, revision: ProcessRevision) {
        // Here and below: an owner that has ended has nothing left to do it with.
        self.commands
            .send(Command::Add(Box::new(revision)))
            .await
            .ok();
    }

    /// Drains and ends all replicas of a revision, then forgets it; returns when the last has ended.
    pub async fn remove(&self, revision: &str) {
        self.ask(|done| Command::Remove(revision.to_owned(), done))
            .await;
    }

    /// A replica refused or dropped a connection and the front door has taken it out: it is probed
    /// and opened again as soon as it answers.
    pub async fn failed(&self, revision: &str, replica: &str) {
        let command = Command::Failed(revision.to_owned(), replica.to_owned());
        self.commands.send(command).await.ok();
    }

    /// The replicas of a revision, oldest first.
    pub async fn replicas(&self, revision: &str) -> Vec<ReplicaView> {
        let answer = self
            .ask(|answer| Command::Replicas(revision.to_owned(), answer))
            .await;
        answer.unwrap_or_default()
    }

    /// The last 20 starts of a revision that ended ready, oldest first.
    pub async fn starts(&self, revision: &str) -> Vec<StartView> {
        let answer = self
            .ask(|answer| Command::Starts(revision.to_owned(), answer))
            .await;
        answer.unwrap_or_default()
    }

    /// Counts since the start.
    pub async fn metrics(&self) -> ProcessMetrics {
        self.ask(Command::Metrics).await.unwrap_or_default()
    }

    /// Drains and ends everything at the same time; returns when the last child has ended: at most
    /// the longest drain and grace, and a few seconds, later.
    pub async fn shut_down(&self) {
        self.commands.send(Command::ShutDown).await.ok();
        self.commands.closed().await;
    }

    /// Kills everything at once; returns when the last child has ended.
    pub async fn kill_now(&self) {
        self.commands.send(Command::KillNow).await.ok();
        self.commands.closed().await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        answered.await.ok()
    }
}

impl Platform for Processes {
    async fn scale(&self, revision: &str, replicas: u32) -> Result<(), ScaleError> {
        let asked = self
            .ask(|answer| Command::Scale(revision.to_owned(), replicas, answer))
            .await;
        let taken = asked.unwrap_or_else(|| Err("the processes have been shut down".to_owned()));
        taken.map_err(|why| ScaleError {
            kind: ScaleErrorKind::Failed,
            revision: revision.to_owned(),
            replicas,
            why,
        })
    }
}
