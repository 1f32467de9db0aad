// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cheerful_scaling::{
    Floor, Holding, Memory, Moment, Observation, Reading, Report, Scaling, Start,
};
use tokio::{
    runtime::Handle,
    sync::{broadcast, mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    DecisionLine, Metrics, Platform, RevisionView, Tape,
    recording::Recorder,
    task::{Message, Task},
};

/// Inputs that wait for the task at most; then [`Autoscaler::offer`] drops.
const INPUTS: usize = 32_768;
/// Decisions that a slow follower may lag behind.
const FOLLOWED: usize = 1_024;

/// How the service runs.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct AutoscalerConfig {
    /// Between two decisions when nothing urges: 10 ms to 60 s. Default 2 s.
    pub tick: Duration,
    /// Where to record, if anywhere. A file that is there is replaced.
    pub record: Option<PathBuf>,
}

impl Default for AutoscalerConfig {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(2),
            record: None,
        }
    }
}

/// What comes in for a revision.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Input {
    /// A revision is there from now on. For a known one the same as `Change`. It is decided at once.
    Add {
        scaling: Scaling,
        start: Start,
    },
    /// New settings; what is known of the load is kept. It is decided at once.
    Change {
        scaling: Scaling,
    },
    /// A policy beside the one that acts, from now on: it sees the same load, and writes nothing. `None`: there is none any
    /// more. With other settings, of either, what is compared begins anew. Settings like those of the one that acts are
    /// right where nothing of that one is written.
    Shadow(Option<Box<Scaling>>),
    /// The revision is forgotten. Nothing is scaled: that is for whoever removes it.
    Remove,
    Report(Report),
    Holding(Holding),
    Observation(Observation),
    /// The value of a signal that is no request in flight.
    Reading(Reading),
    /// The least that a schedule asks for from now on; `None`: none is on. It is decided at once.
    Floor(Option<Floor>),
    /// A signal could not be read: for `explain`, and counted. Over 200 characters are cut. What was read last holds.
    SignalTrouble {
        signal: String,
        /// The word by which it is counted: one of a few.
        reason: &'static str,
        why: String,
    },
    /// What the platform has as the wanted count, whoever wrote it: another than the last decision's is put right with
    /// the next.
    Written {
        replicas: u32,
    },
    /// The way to write is free from now on: it is decided at once.
    Decide,
    /// What was learned of it before a restart, so long ago. What is of no use is told and forgotten.
    Recall {
        memory: Box<Memory>,
        age: Duration,
    },
    /// A held request woke it: for `explain`. Over 200 characters are cut.
    Woken {
        by: String,
    },
    /// The last counted request: for `explain`. Over 200 characters are cut.
    LastRequest {
        by: String,
    },
}

/// The service has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the autoscaler has ended")]
pub struct Stopped;

/// A handle on the one task that owns every revision's [`cheerful_scaling::Scaler`]. Cheap to clone.
#[derive(Clone)]
pub struct Autoscaler {
    inbox: mpsc::Sender<Message>,
    decisions: broadcast::Sender<(String, DecisionLine)>,
    dropped: Arc<AtomicU64>,
    origin: Instant,
}

#[allow(clippy::missing_errors_doc)]
impl Autoscaler {
    /// Starts the service on the present tokio runtime. The second value is the task: it ends when every handle is
    /// dropped, after the recording is flushed; await it at shutdown.
    ///
    /// # Errors
    /// Outside a runtime, for a tick out of its bounds, or when the recording cannot be created.
    pub fn start<P: Platform>(
        config: AutoscalerConfig,
        platform: Arc<P>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let ticks = Duration::from_millis(10)..=Duration::from_secs(60);
        if !ticks.contains(&config.tick) {
            let why = format!("tick: {:?} is not within 10ms and 60s", config.tick);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let recorder = config.record.as_deref().map(Recorder::create).transpose()?;
        Ok(Self::start_with(&runtime, config.tick, platform, recorder))
    }

    pub(crate) fn start_with<P: Platform>(
        runtime: &Handle,
        tick: Duration,
        platform: Arc<P>,
        recorder: Option<Recorder>,
    ) -> (Self, JoinHandle<()>) {
        let (inbox, messages) = mpsc::channel(INPUTS);
        let (decisions, _) = broadcast::channel(FOLLOWED);
        let origin = Instant::now();
        let task = Task::new(platform, recorder, decisions.clone(), (tick, origin));
        let running = runtime.spawn(task.run(tick, messages));
        (
            Self {
                inbox,
                decisions,
                dropped: Arc::default(),
                origin,
            },
            running,
        )
    }

    /// The moment that it is now: those of an [`Observation`] count from the same origin.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::ZERO.plus(self.origin.elapsed())
    }

    /// Hands an input over; never waits. When the bounded channel (32,768) is full it is dropped and counted: right
    /// for a [`Report`], a [`Holding`] and the inputs for `explain`, which are soon followed by newer ones.
    /// What is said only once goes by the waiting [`Autoscaler::tell`].
    pub fn offer(&self, revision: &str, input: Input) {
        if self.inbox.try_send(message(revision, input)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands an input over, waiting for room.
    pub async fn tell(&self, revision: &str, input: Input) -> Result<(), Stopped> {
        self.inbox
            .send(message(revision, input))
            .await
            .map_err(|_| Stopped)
    }

    /// All revisions (without their decisions), sorted by name.
    pub async fn overview(&self) -> Result<Vec<RevisionView>, Stopped> {
        self.ask(Message::Overview).await
    }

    /// Those revisions that are not at rest, and those of these that are known, without their decisions: all that may
    /// have changed since the last time, if `also` names what was given then. Its cost follows what is at work, not how
    /// many revisions there are.
    pub async fn awake(&self, also: Vec<String>) -> Result<Vec<RevisionView>, Stopped> {
        self.ask(|answer| Message::Awake(also, answer)).await
    }

    /// One revision with its decisions.
    pub async fn explain(&self, revision: &str) -> Result<Option<RevisionView>, Stopped> {
        self.ask(|answer| Message::Explain(revision.to_owned(), answer))
            .await
    }

    /// Decisions as they are made (those with another count or mode than the one before), with the revision's name.
    /// A slow reader loses the oldest: over 1,024.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<(String, DecisionLine)> {
        self.decisions.subscribe()
    }

    /// The burst threshold of a revision. [`Platform::burst_threshold`] is told each change of it.
    pub async fn burst_threshold(&self, revision: &str) -> Result<Option<f64>, Stopped> {
        self.ask(|answer| Message::BurstThreshold(revision.to_owned(), answer))
            .await
    }

    /// The target of a revision. [`Platform::target`] is told each change of it.
    pub async fn target(&self, revision: &str) -> Result<Option<f64>, Stopped> {
        self.ask(|answer| Message::Target(revision.to_owned(), answer))
            .await
    }

    /// What was learned of each revision, by name: of those of which anything is. Given back by [`Input::Recall`].
    pub async fn memories(&self) -> Result<Vec<(String, Memory)>, Stopped> {
        self.ask(Message::Memories).await
    }

    /// What a revision heard over the last minutes, to be decided on anew; `None` if there is none of that name, or
    /// nothing of it is kept: over 60,000 reports and the like of all revisions.
    pub async fn tape(&self, revision: &str) -> Result<Option<Tape>, Stopped> {
        self.ask(|answer| Message::Tape(revision.to_owned(), answer))
            .await
    }

    /// What was counted so far.
    pub async fn metrics(&self) -> Result<Metrics, Stopped> {
        let mut metrics = self.ask(Message::Metrics).await?;
        metrics.inputs_dropped = self.dropped.load(Ordering::Relaxed);
        Ok(metrics)
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, Stopped> {
        let (sender, answer) = oneshot::channel();
        self.inbox
            .send(question(sender))
            .await
            .map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

impl fmt::Debug for Autoscaler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Autoscaler").finish_non_exhaustive()
    }
}

fn message(revision: &str, input: Input) -> Message {
    Message::Input {
        revision: revision.to_owned(),
        input: Box::new(input),
        arrived: Instant::now(),
    }
}
