// SPDX-License-Identifier: Apache-2.0
//! The shell of the machine: the channel, the timer, the clock, the scale calls. No policy.
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cheerful_scaling::{Memory, Moment};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval_at, timeout_at},
};

use crate::{
    DecisionLine, Input, Metrics, Platform, RevisionView, ScaleErrorKind, Tape,
    machine::{Action, Call, Event, Machine, Name, Outcome},
    recording::Recorder,
};

/// What the task is sent.
#[derive(Debug)]
pub(crate) enum Message {
    Input {
        revision: String,
        input: Box<Input>,
        arrived: Instant,
    },
    Overview(oneshot::Sender<Vec<RevisionView>>),
    Awake(Vec<String>, oneshot::Sender<Vec<RevisionView>>),
    Explain(String, oneshot::Sender<Option<RevisionView>>),
    BurstThreshold(String, oneshot::Sender<Option<f64>>),
    Target(String, oneshot::Sender<Option<f64>>),
    Tape(String, oneshot::Sender<Option<Tape>>),
    Memories(oneshot::Sender<Vec<(String, Memory)>>),
    Metrics(oneshot::Sender<Metrics>),
}

/// The one task that owns all revisions.
pub(crate) struct Task<P> {
    machine: Machine,
    platform: Arc<P>,
    recorder: Option<Recorder>,
    decisions: broadcast::Sender<(String, DecisionLine)>,
    calls: JoinSet<(Call, Outcome)>,
    under_way: BTreeMap<Name, AbortHandle>,
    origin: Instant,
}

impl<P: Platform> Task<P> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell tells people the wall clock"
    )]
    pub(crate) fn new(
        platform: Arc<P>,
        recorder: Option<Recorder>,
        decisions: broadcast::Sender<(String, DecisionLine)>,
        (tick, origin): (Duration, Instant),
    ) -> Self {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let unix_millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        Self {
            machine: Machine::new(unix_millis, recorder.is_some(), tick),
            platform,
            recorder,
            decisions,
            calls: JoinSet::new(),
            under_way: BTreeMap::new(),
            origin,
        }
    }

    /// Runs until every sender of `messages` is gone. Ticks and answers go before messages, so that a flood of them
    /// holds up no decision.
    pub(crate) async fn run(mut self, tick: Duration, mut messages: mpsc::Receiver<Message>) {
        let mut ticks = interval_at(Instant::now() + tick, tick);
        // One that is late delays none after it: on a busy machine they would drift by seconds an hour.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                _ = ticks.tick() => self.step(Event::Tick),
                Some(ended) = self.calls.join_next() => {
                    // A call that was aborted has nothing to say; one that panicked is given up by a tick.
                    if let Ok((call, outcome)) = ended {
                        self.step(Event::Answered(call, outcome));
                    }
                }
                message = messages.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                }
            }
        }
        self.calls.shutdown().await;
        if let Some(recorder) = self.recorder.take() {
            recorder.finish().await;
        }
    }

    fn take(&mut self, message: Message) {
        let now = self.now();
        match message {
            Message::Input {
                revision,
                input,
                arrived,
            } => {
                let arrived = self.moment(arrived);
                self.step(Event::Input {
                    revision,
                    input,
                    arrived,
                });
            }
            Message::Overview(asker) => answer(asker, self.machine.overview(now)),
            Message::Awake(also, asker) => answer(asker, self.machine.awake(&also, now)),
            Message::Explain(name, asker) => answer(asker, self.machine.explain(&name, now)),
            Message::BurstThreshold(name, asker) => {
                answer(asker, self.machine.burst_threshold(&name));
            }
            Message::Target(name, asker) => answer(asker, self.machine.target(&name)),
            Message::Tape(name, asker) => answer(asker, self.machine.tape(&name)),
            Message::Memories(asker) => answer(asker, self.machine.memories()),
            Message::Metrics(asker) => {
                let mut metrics = self.machine.metrics();
                metrics.recording_lines_lost = self.recorder.as_ref().map_or(0, Recorder::lost);
                answer(asker, metrics);
            }
        }
    }

    fn step(&mut self, event: Event) {
        let now = self.now();
        for action in self.machine.step(event, now) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Scale(call, deadline) => self.call(call, deadline),
            Action::GiveUp(revision) => {
                if let Some(call) = self.under_way.remove(&revision) {
                    call.abort();
                }
            }
            Action::BurstThreshold { revision, requests } => {
                self.platform.burst_threshold(&revision, requests);
            }
            Action::Target { revision, requests } => self.platform.target(&revision, requests),
            Action::Decided { revision, decision } => {
                self.platform.decided(&revision, &decision);
            }
            Action::Record(line) => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.record(line);
                }
            }
            // Nobody follows: nothing to do.
            Action::Follow { revision, line } => {
                drop(self.decisions.send((revision.to_string(), line)));
            }
            Action::Failing {
                revision,
                replicas,
                why,
            } => {
                tracing::warn!(%revision, replicas, "cannot scale: {why}; tried again with each decision");
            }
            Action::WorksAgain { revision } => tracing::info!(%revision, "can be scaled again"),
            Action::Forgotten { revision, why } => {
                tracing::warn!(%revision, "what was learned before is of no use, and is learned anew: {why}");
            }
            Action::TooMany { revision } => {
                tracing::warn!(%revision, "not taken: 65536 revisions are known already");
            }
        }
    }

    fn call(&mut self, call: Call, deadline: Moment) {
        let platform = Arc::clone(&self.platform);
        let revision = Arc::clone(&call.revision);
        let deadline = self.origin + deadline.since(Moment::ZERO);
        let running = self.calls.spawn(async move {
            let scale = platform.scale(&call.revision, call.replicas);
            let outcome = match timeout_at(deadline, scale).await {
                Ok(Ok(())) => Outcome::Done,
                Ok(Err(error)) if error.kind == ScaleErrorKind::Withheld => Outcome::Withheld,
                Ok(Err(error)) => Outcome::Failed(error.why),
                Err(_) => Outcome::GaveUp,
            };
            (call, outcome)
        });
        if let Some(earlier) = self.under_way.insert(revision, running) {
            earlier.abort();
        }
    }

    fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    fn moment(&self, instant: Instant) -> Moment {
        Moment::ZERO.plus(instant.saturating_duration_since(self.origin))
    }
}

/// Whoever has stopped waiting for an answer does not need it.
fn answer<T>(asker: oneshot::Sender<T>, value: T) {
    drop(asker.send(value).err());
}
