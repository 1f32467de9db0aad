// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use cheerful_autoscaler::{Autoscaler, AutoscalerConfig, Input, Platform};
use cheerful_console::ConsoleCounts;
use cheerful_gateway::{Gateway, GatewayEvent};
use cheerful_processes::{ProcessEvent, Processes, ProcessesConfig};
use cheerful_scaling::{Moment, Paused, Start};
use cheerful_signals::scrape::{Pace, Scraper};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior},
};

use super::{
    Action, Door, Event, Feed, Rollout, Sources, Spec, Statsd, Versions, feed,
    listen::{Asked, listen},
    platform::SitePlatform,
};
use crate::otlp::OtlpCounts;

/// All revisions of this machine, with the processes that run them and the autoscaler that counts them.
#[derive(Debug)]
pub(crate) struct Site {
    orders: mpsc::Sender<Order>,
    /// For those who only ask.
    pub(crate) parts: Parts,
    tasks: JoinSet<()>,
    autoscaler_task: JoinHandle<()>,
    processes_task: JoinHandle<()>,
}

/// What a site is made of. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) autoscaler: Autoscaler,
    pub(crate) processes: Processes,
    pub(crate) versions: Arc<Versions>,
    pub(crate) sources: Sources,
    /// Times that what was learned could not be kept.
    pub(crate) memory_failures: Arc<AtomicU64>,
    /// What was sent to an OpenTelemetry collector.
    pub(crate) otlp: Arc<OtlpCounts>,
    /// What the console has no room for.
    pub(crate) console: Arc<ConsoleCounts>,
}

/// What the site's task is told.
#[derive(Debug)]
pub(crate) enum Order {
    Event(Event),
    /// [`Event::Apply`], answered when it has been carried out.
    Apply {
        specs: Vec<Spec>,
        restart: bool,
        done: oneshot::Sender<()>,
    },
    /// Hold a count in place of what the manifest says; see [`Hand::hold`].
    Hold {
        revision: String,
        paused: Option<Paused>,
        done: oneshot::Sender<Result<(), String>>,
    },
    End,
}

/// By which a person changes what the site does. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    orders: mpsc::Sender<Order>,
}

impl Hand {
    /// Holds a revision's count in place of what its manifest says; `None`: from now on it is as the manifest says.
    ///
    /// # Errors
    /// In words, when there is no such revision, its settings do not allow it, or the site has ended.
    pub(crate) async fn hold(&self, revision: &str, paused: Option<Paused>) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        let order = Order::Hold {
            revision: revision.to_owned(),
            paused,
            done,
        };
        let ended = || Ended.to_string();
        self.orders.send(order).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// The site's task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the site has ended")]
pub(crate) struct Ended;

/// Orders that wait for the site's task; those who give more wait.
const ORDERS: usize = 1024;
/// Events of the processes that wait for the site's task; what comes on top is kept by the processes.
const PROCESS_EVENTS: usize = 1024;

impl Site {
    /// Starts with no revision on the present runtime.
    ///
    /// # Errors
    /// When the recording or the first process cannot be made.
    pub(crate) fn start(
        gateway: Arc<Gateway>,
        gateway_events: mpsc::Receiver<GatewayEvent>,
        autoscaler: AutoscalerConfig,
        processes: ProcessesConfig,
        statsd: Statsd,
    ) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (process_events, from_processes) = mpsc::channel::<ProcessEvent>(PROCESS_EVENTS);
        let versions = Arc::new(Versions::default());
        let seed = std::process::id().into();
        let sources = Sources::new(Scraper::new(Pace::default(), seed), statsd);
        let platform = SitePlatform {
            orders: orders.clone(),
            gateway: Arc::clone(&gateway),
            versions: Arc::clone(&versions),
            sources: sources.clone(),
        };
        let door = Arc::new(Door {
            gateway: Arc::clone(&gateway),
            sources: sources.clone(),
        });
        let (processes, processes_task) = Processes::start(processes, door, process_events)?;
        let (autoscaler, autoscaler_task) = Autoscaler::start(autoscaler, Arc::new(platform))?;
        let parts = Parts {
            gateway,
            autoscaler,
            processes,
            versions,
            sources,
            memory_failures: Arc::default(),
            console: Arc::default(),
            otlp: Arc::default(),
        };
        let feed = Feed {
            gateway: Arc::clone(&parts.gateway),
            autoscaler: parts.autoscaler.clone(),
            processes: parts.processes.clone(),
            versions: Arc::clone(&parts.versions),
            sources: parts.sources.clone(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(feed.run(gateway_events));
        let (read, to) = (parts.sources.clone(), parts.autoscaler.clone());
        let versions = Arc::clone(&parts.versions);
        let scraper = read.scraper.clone();
        tasks.spawn(scraper.run(move |said| read.say(said, &to, &versions)));
        tasks.spawn(Owner::new(parts.clone()).run(inbox, from_processes));
        Ok(Self {
            orders,
            parts,
            tasks,
            autoscaler_task,
            processes_task,
        })
    }

    /// By which a person changes what it does.
    pub(crate) fn hand(&self) -> Hand {
        Hand {
            orders: self.orders.clone(),
        }
    }

    /// Makes these the revisions from now on; returns when their routes are live and new versions are on their way.
    pub(crate) async fn apply(&self, specs: Vec<Spec>, restart: bool) -> Result<(), Ended> {
        let (done, answer) = oneshot::channel();
        self.orders
            .send(Order::Apply {
                specs,
                restart,
                done,
            })
            .await
            .map_err(|_| Ended)?;
        answer.await.map_err(|_| Ended)
    }

    /// Drains and ends every process, then the autoscaler, whose recording is flushed.
    pub(crate) async fn shut_down(self) {
        let Self {
            orders,
            parts,
            mut tasks,
            autoscaler_task,
            processes_task,
        } = self;
        // Nothing starts a process any more.
        if orders.send(Order::End).await.is_err() {
            tracing::debug!("the site's task had ended before");
        }
        parts.processes.shut_down().await;
        tasks.shutdown().await;
        drop((orders, parts));
        for (name, task) in [
            ("processes", processes_task),
            ("autoscaler", autoscaler_task),
        ] {
            if let Err(error) = task.await {
                tracing::error!("the task of the {name} failed: {error}");
            }
        }
    }
}

/// Owns the machine and carries out what it says.
#[derive(Debug)]
struct Owner {
    rollout: Rollout,
    parts: Parts,
    /// Versions that are being ended.
    retiring: JoinSet<String>,
    /// What listens to the signals of each revision that has some.
    listening: BTreeMap<String, JoinSet<()>>,
    asked: Asked,
}

impl Owner {
    fn new(parts: Parts) -> Self {
        Self {
            rollout: Rollout::default(),
            parts,
            retiring: JoinSet::new(),
            listening: BTreeMap::new(),
            asked: Asked::default(),
        }
    }

    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Order>,
        mut events: mpsc::Receiver<ProcessEvent>,
    ) {
        let start = Instant::now();
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut done = None;
            let event = tokio::select! {
                order = inbox.recv() => match order {
                    Some(Order::Event(event)) => event,
                    Some(Order::Apply { specs, restart, done: answer }) => {
                        done = Some(answer);
                        self.parts.sources.apply(&specs, &self.parts.versions);
                        Event::Apply { specs, restart }
                    }
                    Some(Order::Hold { revision, paused, done }) => {
                        self.hold(&revision, paused, done).await;
                        continue;
                    }
                    Some(Order::End) | None => break,
                },
                Some(event) = events.recv() => seen(event),
                Some(ended) = self.retiring.join_next() => match ended {
                    Ok(version) => Event::Retired { version },
                    Err(error) => {
                        tracing::error!("ending a version failed: {error}");
                        continue;
                    }
                },
                _ = second.tick() => Event::Tick,
            };
            let now = Moment::ZERO.plus(start.elapsed());
            for action in self.rollout.step(event, now) {
                self.carry_out(action).await;
            }
            if let Some(done) = done
                && done.send(()).is_err()
            {
                tracing::debug!("whoever changed the revisions did not wait for it");
            }
        }
    }

    async fn hold(
        &mut self,
        revision: &str,
        paused: Option<Paused>,
        done: oneshot::Sender<Result<(), String>>,
    ) {
        let held = self.rollout.hold(revision, paused);
        let answer = match held {
            Ok(actions) => {
                for action in actions {
                    self.carry_out(action).await;
                }
                Ok(())
            }
            Err(why) => Err(why),
        };
        if done.send(answer).is_err() {
            tracing::debug!("whoever held {revision} did not wait for it");
        }
    }

    async fn carry_out(&mut self, action: Action) {
        let Parts {
            gateway,
            autoscaler,
            processes,
            versions,
            sources,
            ..
        } = &self.parts;
        match action {
            Action::Make { door, process } => {
                gateway.add(*door);
                processes.add(*process).await;
            }
            Action::ChangeDoor(door) => log_unknown(gateway.change(*door)),
            Action::Route { versions } => log_unknown(gateway.route(&versions)),
            Action::Stand {
                revision,
                current,
                next,
            } => self.stand(&revision, &current, next.as_deref()).await,
            Action::MoveHeld { from, to } => log_unknown(gateway.move_held(&from, &to)),
            Action::Scale { version, replicas } => {
                if let Err(error) = processes.scale(&version, replicas).await {
                    tracing::error!(version, "{error}");
                }
            }
            Action::Retire { version } => {
                let processes = processes.clone();
                self.retiring.spawn(async move {
                    processes.remove(&version).await;
                    version
                });
            }
            Action::Forget { version } => {
                gateway.remove(&version);
                sources.forget_version(&version);
            }
            Action::Begin { revision, scaling } => {
                let input = Input::Add {
                    scaling: *scaling,
                    start: Start {
                        new: true,
                        ..Start::default()
                    },
                };
                tell(autoscaler, &revision, input).await;
            }
            Action::Rescale { revision, scaling } => {
                tell(autoscaler, &revision, Input::Change { scaling: *scaling }).await;
            }
            Action::Shadow { revision, scaling } => {
                tell(autoscaler, &revision, Input::Shadow(scaling)).await;
            }
            Action::End { revision } => {
                self.listening.remove(&revision);
                versions.forget(&revision);
                sources.forget_revision(&revision);
                tell(autoscaler, &revision, Input::Remove).await;
            }
            Action::Listen { revision, signals } => {
                // What listened before is ended first.
                self.listening.remove(&revision);
                let tasks = listen(&self.parts, &self.asked, &revision, &signals);
                self.listening.insert(revision, tasks);
            }
            Action::Observe {
                revision,
                observation,
            } => {
                let version = versions.current(&revision);
                let observation = sources.observed(&revision, &version, observation);
                tell(autoscaler, &revision, Input::Observation(observation)).await;
            }
            Action::Say {
                revision,
                sentence,
                failed: false,
            } => tracing::info!(revision, "{sentence}"),
            Action::Say {
                revision,
                sentence,
                failed: true,
            } => tracing::error!(revision, "{sentence}"),
        }
    }

    /// What the old version has counted up to now is told, what the new one has counted before it takes over is not.
    async fn stand(&self, revision: &str, current: &str, next: Option<&str>) {
        let Parts {
            gateway,
            autoscaler,
            versions,
            ..
        } = &self.parts;
        let old = versions.current(revision);
        versions.set(revision, current, next);
        if old == current {
            return;
        }
        for collected in gateway.collect(Some(&old), false) {
            feed::offer(autoscaler, &self.parts.sources, collected);
        }
        let before = gateway.collect(Some(current), false).len();
        tracing::trace!(revision, before, "counted before it took over");
        if let Ok(Some(threshold)) = autoscaler.burst_threshold(revision).await {
            log_unknown(gateway.set_burst_threshold(current, threshold));
        }
        if let Ok(Some(target)) = autoscaler.target(revision).await {
            log_unknown(gateway.set_target(current, target));
        }
    }
}

/// A crash is told at once, whatever comes of it.
fn seen(event: ProcessEvent) -> Event {
    match event {
        ProcessEvent::Observed {
            revision,
            observation,
        } => Event::Observed {
            version: revision,
            observation,
        },
        ProcessEvent::Crashed {
            revision,
            replica,
            why,
            restart_in,
        } => {
            let restart_in_seconds = restart_in.map(|wait| wait.as_secs_f64());
            tracing::warn!(
                revision,
                replica,
                restart_in_seconds,
                "{replica} ended: {why}"
            );
            Event::Crashed {
                version: revision,
                why,
            }
        }
    }
}

async fn tell(autoscaler: &Autoscaler, revision: &str, input: Input) {
    if let Err(stopped) = autoscaler.tell(revision, input).await {
        tracing::error!(revision, "{stopped}");
    }
}

/// The machine only names versions that it has made known and not yet forgotten.
fn log_unknown<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::error!("{error}");
    }
}
