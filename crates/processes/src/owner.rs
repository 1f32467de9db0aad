// SPDX-License-Identifier: Apache-2.0
//! The task that owns all revisions' processes: carries out what the [`crate::lifecycle`] says.
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use cheerful_scaling::Moment;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use crate::{
    FrontDoor, ProcessEvent, ProcessMetrics, ProcessRevision, ProcessesConfig, ReplicaView,
    child::{self, Ending, Order, Shared},
    guard::{self, Groups},
    lifecycle::{Action, Event, Number, Wait, WaitEnd},
    output::Output,
    ports::Ports,
    probe,
    replica::{Live, Running},
};

/// Processes that are being forked at the same time.
const STARTS_AT_ONCE: usize = 8;
/// Probes that are under way at the same time.
const PROBES_AT_ONCE: usize = 50;
/// Crashes that wait to be told; over it the oldest is not told.
const WAITING_EVENTS: usize = 1024;
/// News of started processes that wait for the owner.
const WAITING_NEWS: usize = 64;

/// What is asked of the owner.
#[derive(Debug)]
pub(crate) enum Request {
    Add(Arc<ProcessRevision>),
    Scale {
        revision: String,
        replicas: u32,
        taken: oneshot::Sender<bool>,
    },
    Failed {
        revision: String,
        replica: String,
    },
    Remove {
        revision: String,
        done: oneshot::Sender<()>,
    },
    Replicas {
        revision: String,
        answer: oneshot::Sender<Vec<ReplicaView>>,
    },
    Metrics(oneshot::Sender<ProcessMetrics>),
    ShutDown(oneshot::Sender<()>),
    KillNow(oneshot::Sender<()>),
}

/// A replica and which of its processes.
#[derive(Clone, Debug)]
struct Whose {
    revision: Arc<str>,
    number: Number,
    process: u64,
}

#[derive(Debug)]
struct Spawned {
    whose: Whose,
    pid: u32,
    port: u16,
}

/// What a task of the owner ended with.
#[derive(Debug)]
enum Ended {
    Process(Whose, Ending),
    Wait {
        revision: Arc<str>,
        number: Number,
        ticket: u64,
        end: WaitEnd,
    },
}

struct Owner<D> {
    door: Arc<D>,
    shared: Shared,
    origin: Instant,
    revisions: BTreeMap<Arc<str>, Running>,
    tasks: JoinSet<Ended>,
    probes: Arc<Semaphore>,
    news: mpsc::Sender<Spawned>,
    outbox: VecDeque<ProcessEvent>,
    metrics: ProcessMetrics,
    /// Who waits for the end of everything. Once there is somebody, nothing new is taken.
    ending: Vec<oneshot::Sender<()>>,
    is_ending: bool,
}

pub(crate) fn start<D: FrontDoor>(
    config: ProcessesConfig,
    door: Arc<D>,
    events: mpsc::Sender<ProcessEvent>,
    requests: mpsc::Receiver<Request>,
) -> io::Result<JoinHandle<()>> {
    let run = guard::new_run()?;
    let (groups, warden) = match config.warden {
        Some(command) => {
            let (groups, warden) = guard::post(command, run.clone())?;
            (groups, Some(warden))
        }
        None => (Groups::default(), None),
    };
    let (output, printer) = match config.lines {
        Some(sink) => {
            let (output, thread) = Output::to(sink)?;
            (output, Some(thread))
        }
        None => (Output::default(), None),
    };
    let (news, told) = mpsc::channel(WAITING_NEWS);
    let owner = Owner {
        door,
        shared: Shared {
            starts: Arc::new(Semaphore::new(STARTS_AT_ONCE)),
            ports: Ports::default(),
            groups,
            output,
            run: run.into(),
        },
        origin: read_clock(),
        revisions: BTreeMap::new(),
        tasks: JoinSet::new(),
        probes: Arc::new(Semaphore::new(PROBES_AT_ONCE)),
        news,
        outbox: VecDeque::new(),
        metrics: ProcessMetrics::default(),
        ending: Vec::new(),
        is_ending: false,
    };
    let whole = async move {
        let mut warden_task = JoinSet::new();
        warden_task.spawn(async move {
            if let Some(warden) = warden {
                warden.await;
            }
        });
        // The groups and the output end with the owner, and then the warden and the printer do.
        let ending = owner.run(requests, told, events).await;
        while warden_task.join_next().await.is_some() {}
        if let Some(printer) = printer {
            // It may be printing its last lines.
            tokio::task::spawn_blocking(move || printer.join().ok())
                .await
                .ok();
        }
        for waiting in ending {
            waiting.send(()).ok();
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the caller owns and awaits the task"
    )]
    Ok(tokio::spawn(whole))
}

impl<D: FrontDoor> Owner<D> {
    async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut told: mpsc::Receiver<Spawned>,
        events: mpsc::Sender<ProcessEvent>,
    ) -> Vec<oneshot::Sender<()>> {
        while !(self.is_ending && self.revisions.is_empty() && self.tasks.is_empty()) {
            tokio::select! {
                request = requests.recv(), if !(requests.is_closed() && self.is_ending) => {
                    match request {
                        Some(request) => self.take(request),
                        // Every handle is gone: nobody wants anything any more.
                        None => self.end_all(),
                    }
                }
                Some(spawned) = told.recv() => self.spawned(&spawned),
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(ended) => self.ended(ended),
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => tracing::error!(%error, "a task of the processes failed"),
                },
                permit = events.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => if let Some(event) = self.outbox.pop_front() {
                        permit.send(event);
                    },
                    // Nobody listens.
                    Err(_) => self.outbox.clear(),
                },
            }
        }
        self.ending
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Add(spec) => self.add(spec),
            Request::Scale {
                revision,
                replicas,
                taken,
            } => {
                let known = self.scale(&revision, replicas);
                taken.send(known).ok();
            }
            Request::Failed { revision, replica } => {
                let found = self.revisions.get_key_value(revision.as_str());
                let found = found.and_then(|(name, running)| {
                    Some((Arc::clone(name), running.number_of(&replica)?))
                });
                if let Some((name, number)) = found {
                    self.step(&name, Event::Failing(number));
                }
            }
            Request::Remove { revision, done } => match self.revisions.get_mut(revision.as_str()) {
                Some(running) => {
                    running.removed.push(done);
                    self.let_all_go(&revision);
                }
                None => {
                    done.send(()).ok();
                }
            },
            Request::Replicas { revision, answer } => {
                let now = self.now();
                let running = self.revisions.get(revision.as_str());
                answer
                    .send(
                        running
                            .map(|running| running.views(now))
                            .unwrap_or_default(),
                    )
                    .ok();
            }
            Request::Metrics(answer) => {
                self.metrics.dropped_lines = self.shared.output.dropped();
                answer.send(self.metrics.clone()).ok();
            }
            Request::ShutDown(done) => {
                self.ending.push(done);
                self.end_all();
            }
            Request::KillNow(done) => {
                self.ending.push(done);
                self.end_all();
                for name in self.names() {
                    self.step(&name, Event::KillAll);
                }
            }
        }
    }

    fn add(&mut self, spec: Arc<ProcessRevision>) {
        if self.is_ending {
            return;
        }
        match self.revisions.get_mut(spec.name.as_str()) {
            Some(running) => {
                running.lifecycle.set_limits(spec.drain, spec.grace);
                running.spec = spec;
            }
            None => {
                self.revisions
                    .insert(spec.name.as_str().into(), Running::new(spec));
            }
        }
    }

    fn scale(&mut self, revision: &str, replicas: u32) -> bool {
        let running = self.revisions.get_key_value(revision);
        let Some((name, running)) = running.filter(|(_, running)| running.removed.is_empty())
        else {
            return false;
        };
        let (name, replicas) = (Arc::clone(name), if self.is_ending { 0 } else { replicas });
        let in_flight = running.replicas.iter();
        let in_flight = in_flight
            .map(|(number, live)| (*number, self.door.in_flight(&name, &live.name)))
            .collect();
        self.step(
            &name,
            Event::Wanted {
                replicas,
                in_flight,
            },
        );
        true
    }

    fn end_all(&mut self) {
        self.is_ending = true;
        for name in self.names() {
            self.let_all_go(&name);
        }
    }

    fn let_all_go(&mut self, revision: &str) {
        self.step(
            revision,
            Event::Wanted {
                replicas: 0,
                in_flight: BTreeMap::new(),
            },
        );
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.revisions.keys().cloned().collect()
    }

    fn spawned(&mut self, spawned: &Spawned) {
        let Spawned { whose, pid, port } = spawned;
        if let Some(live) = self.live(whose) {
            (live.pid, live.port) = (Some(*pid), *port);
            self.step(&whose.revision, Event::Spawned(whose.number));
        }
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Process(whose, ending) => {
                let Some(live) = self.live(&whose) else {
                    return;
                };
                (live.pid, live.port) = (None, 0);
                self.step_with(&whose.revision, Event::Ended(whose.number), Some(&ending));
            }
            Ended::Wait {
                revision,
                number,
                ticket,
                end,
            } => {
                self.step(
                    &revision,
                    Event::Waited {
                        number,
                        ticket,
                        end,
                    },
                );
            }
        }
    }

    /// The replica, if that process is its present one.
    fn live(&mut self, whose: &Whose) -> Option<&mut Live> {
        let live = self
            .revisions
            .get_mut(&whose.revision)?
            .replicas
            .get_mut(&whose.number)?;
        (live.process == whose.process).then_some(live)
    }

    fn step(&mut self, revision: &str, event: Event) {
        self.step_with(revision, event, None);
    }

    fn step_with(&mut self, revision: &str, event: Event, ending: Option<&Ending>) {
        let now = self.now();
        let Some((name, running)) = self.revisions.get_key_value(revision) else {
            return;
        };
        let name = Arc::clone(name);
        debug_assert_eq!(&*running.spec.name, revision);
        let Some(running) = self.revisions.get_mut(revision) else {
            return;
        };
        for action in running.lifecycle.step(event, now) {
            self.act(&name, action, ending);
        }
        let Some(running) = self.revisions.get(revision) else {
            return;
        };
        let leaves = self.is_ending || !running.removed.is_empty();
        if leaves && running.lifecycle.is_empty() {
            for waiting in self
                .revisions
                .remove(revision)
                .into_iter()
                .flat_map(|gone| gone.removed)
            {
                waiting.send(()).ok();
            }
        }
    }

    fn act(&mut self, revision: &Arc<str>, action: Action, ending: Option<&Ending>) {
        if let Action::Observe(observation) = action {
            self.tell(ProcessEvent::Observed {
                revision: revision.to_string(),
                observation,
            });
            return;
        }
        let Some(running) = self.revisions.get_mut(revision) else {
            return;
        };
        let spec = Arc::clone(&running.spec);
        if let Action::Spawn(number) = action {
            let name = || Live::new(format!("{revision}-{number}").into());
            let live = running.replicas.entry(number).or_insert_with(name);
            live.process += 1;
            live.orders.send_replace(Order::Run);
            // A new channel: an order to the old process is none to the new one.
            live.orders = tokio::sync::watch::Sender::new(Order::Run);
            let whose = Whose {
                revision: Arc::clone(revision),
                number,
                process: live.process,
            };
            let (replica, orders) = (Arc::clone(&live.name), live.orders.subscribe());
            let (shared, news) = (self.shared.clone(), self.news.clone());
            self.metrics.starts += 1;
            self.tasks.spawn(async move {
                let spawned = {
                    let whose = whose.clone();
                    async move |pid, port| {
                        // The owner ends after this task.
                        news.send(Spawned { whose, pid, port }).await.ok();
                    }
                };
                let ending = child::run(spec, replica, shared, orders, spawned).await;
                Ended::Process(whose, ending)
            });
            return;
        }
        let Some(number) = action.number() else {
            return;
        };
        let Some(live) = running.replicas.get_mut(&number) else {
            return;
        };
        let name = Arc::clone(&live.name);
        match action {
            Action::Open { first_after, .. } => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, live.port));
                self.door.open(revision, &name, address);
                if let Some(took) = first_after {
                    self.metrics.count_startup(took);
                }
            }
            Action::TakeOut(_) => self.door.take_out(revision, &name),
            Action::Forget(_) => self.door.forget(revision, &name),
            Action::Terminate(_) => live.order(Order::Terminate),
            Action::Kill(_) => {
                if *live.orders.borrow() == Order::Terminate {
                    self.metrics.kills_after_grace += 1;
                }
                live.order(Order::Kill);
            }
            Action::Recall(_) => {
                if let Some(recall) = live.recall.take() {
                    recall.send(()).ok();
                }
            }
            Action::Wait { ticket, wait, .. } => self.wait(revision, number, ticket, wait),
            Action::Crashed { restart_in, .. } => {
                self.crashed(revision, &name, ending, restart_in);
            }
            Action::Gone { lost, .. } => {
                if lost {
                    self.metrics.lost += 1;
                    tracing::error!(replica = %name, "the process did not end on SIGKILL");
                }
                if let Some(wait) = running.replicas.remove(&number).and_then(|live| live.wait) {
                    wait.abort();
                }
            }
            Action::Spawn(_) | Action::Observe(_) => {}
        }
    }

    fn wait(&mut self, revision: &Arc<str>, number: Number, ticket: u64, wait: Wait) {
        let Some(running) = self.revisions.get_mut(revision) else {
            return;
        };
        let probe = running.spec.readiness.clone();
        let Some(live) = running.replicas.get_mut(&number) else {
            return;
        };
        if let Some(earlier) = live.wait.take() {
            earlier.abort();
        }
        let (revision, name) = (Arc::clone(revision), Arc::clone(&live.name));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, live.port));
        let (door, probes) = (Arc::clone(&self.door), Arc::clone(&self.probes));
        let (recall, recalled) = oneshot::channel();
        live.recall = matches!(wait, Wait::Drain(_)).then_some(recall);
        live.wait = Some(self.tasks.spawn(async move {
            let end = match wait {
                Wait::Time(time) => {
                    sleep(time).await;
                    WaitEnd::TimeOver
                }
                Wait::Probe(after) => {
                    sleep(after).await;
                    // Never closed: the owner keeps it.
                    let _permit = probes.acquire().await.ok();
                    if probe::is_ready(&probe, address).await {
                        WaitEnd::Answered
                    } else {
                        WaitEnd::NotAnswered
                    }
                }
                Wait::Drain(limit) => tokio::select! {
                    biased;
                    Ok(()) = recalled => WaitEnd::Recalled,
                    drained = timeout(limit, door.drained(&revision, &name)) => match drained {
                        Ok(()) => WaitEnd::Drained,
                        Err(_) => WaitEnd::TimeOver,
                    },
                },
            };
            Ended::Wait {
                revision,
                number,
                ticket,
                end,
            }
        }));
    }

    fn crashed(&mut self, revision: &str, replica: &str, ending: Option<&Ending>, after: Duration) {
        let count = match ending {
            Some(Ending::Ended {
                status: Ok(status), ..
            }) if status.code().is_none() => &mut self.metrics.crashes_signal,
            Some(Ending::Ended { .. }) => &mut self.metrics.crashes_exit,
            _ => &mut self.metrics.crashes_start,
        };
        *count += 1;
        self.tell(ProcessEvent::Crashed {
            revision: revision.to_owned(),
            replica: replica.to_owned(),
            why: ending.map_or_else(|| "it ended".to_owned(), Ending::why),
            restart_in: Some(after),
        });
    }

    /// Puts an event into the bounded outbox: of a revision's counts only the newest is kept.
    fn tell(&mut self, event: ProcessEvent) {
        if let ProcessEvent::Observed {
            revision: whose, ..
        } = &event
        {
            self.outbox.retain(|waiting| {
                !matches!(waiting, ProcessEvent::Observed { revision, .. } if revision == whose)
            });
        } else if self.outbox.len() >= WAITING_EVENTS {
            let oldest = self
                .outbox
                .iter()
                .position(|waiting| matches!(waiting, ProcessEvent::Crashed { .. }));
            oldest.and_then(|at| self.outbox.remove(at));
        }
        self.outbox.push_back(event);
    }

    fn now(&self) -> Moment {
        Moment::ZERO.plus(read_clock().duration_since(self.origin))
    }
}

impl Action {
    fn number(&self) -> Option<Number> {
        match self {
            Self::Spawn(number)
            | Self::TakeOut(number)
            | Self::Forget(number)
            | Self::Terminate(number)
            | Self::Kill(number)
            | Self::Recall(number)
            | Self::Open { number, .. }
            | Self::Wait { number, .. }
            | Self::Crashed { number, .. }
            | Self::Gone { number, .. } => Some(*number),
            Self::Observe(_) => None,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell of this room reads the clock, here alone"
)]
fn read_clock() -> Instant {
    Instant::now()
}
