// SPDX-License-Identifier: Apache-2.0
//! The one task that owns all revisions: it feeds their machines and does what they ask for.
use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use cheerful_scaling::Moment;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::sleep,
};

use crate::{
    FrontDoor, ProcessEvent, ProcessMetrics, Processes, ProcessesConfig,
    child::{self, Begun, Ending, Order, Shared},
    entry::{Entry, Live},
    guard::{self, Groups},
    lifecycle::{Action, Event, WaitEnd},
    news::{News, Reporter, What},
    outbox::Outbox,
    output::Output,
    platform::Command,
    ports::Ports,
    waiting::Waits,
};

/// News from tasks that wait for the owner; a task with more waits for room.
const WAITING_NEWS: usize = 1024;
/// Processes that are being started at the same time.
const STARTS_AT_ONCE: usize = 8;
/// After so long without readiness the log says so, once for each process.
const LONG_START: Duration = Duration::from_secs(30);
/// How long the end waits for a sink that blocks.
const SINK_LIMIT: Duration = Duration::from_secs(1);

struct Owner<D> {
    door: Arc<D>,
    origin: Instant,
    shared: Shared,
    waits: Waits<D>,
    news: mpsc::Sender<News>,
    tasks: JoinSet<()>,
    revisions: BTreeMap<Arc<str>, Entry>,
    outbox: Outbox,
    metrics: ProcessMetrics,
    closing: bool,
}

/// Starts what must be there from the beginning; the future is the owner.
pub(crate) fn own<D: FrontDoor>(
    config: ProcessesConfig,
    door: Arc<D>,
    events: mpsc::Sender<ProcessEvent>,
    mut commands: mpsc::Receiver<Command>,
) -> io::Result<impl Future<Output = ()> + Send> {
    let run = guard::new_run()?;
    let mut warden = JoinSet::new();
    let groups = match config.warden {
        Some(command) => {
            let (groups, keep) = guard::post(command, run.clone())?;
            warden.spawn(keep);
            groups
        }
        None => Groups::default(),
    };
    let (output, sink) = match config.lines {
        Some(sink) => Output::to(sink).map(|(output, thread)| (output, Some(thread)))?,
        None => (Output::default(), None),
    };
    let starts = Arc::new(Semaphore::new(STARTS_AT_ONCE));
    let shared = Shared {
        starts,
        ports: Ports::default(),
        groups,
        output,
        run: run.into(),
    };
    let (news, heard) = mpsc::channel(WAITING_NEWS);
    let owner = Owner {
        waits: Waits::new(Arc::clone(&door), news.clone()),
        door,
        origin: read_clock(),
        shared,
        news,
        tasks: JoinSet::new(),
        revisions: BTreeMap::new(),
        outbox: Outbox::default(),
        metrics: ProcessMetrics::default(),
        closing: false,
    };
    Ok(async move {
        owner.go_on(&mut commands, heard, events).await;
        while warden.join_next().await.is_some() {}
        end_sink(sink).await;
        // Who waits for the end waits for this channel to close.
        drop(commands);
    })
}

impl<D: FrontDoor> Owner<D> {
    async fn go_on(
        mut self,
        commands: &mut mpsc::Receiver<Command>,
        mut heard: mpsc::Receiver<News>,
        events: mpsc::Sender<ProcessEvent>,
    ) {
        let mut has_handles = true;
        let mut has_reader = true;
        while !(self.closing && self.revisions.is_empty()) {
            tokio::select! {
                command = commands.recv(), if has_handles => match command {
                    Some(command) => self.obey(command),
                    None => {
                        has_handles = false;
                        self.obey(Command::ShutDown);
                    }
                },
                Some(news) = heard.recv() => self.hear(news),
                Some(_) = self.tasks.join_next() => {}
                permit = events.reserve(), if has_reader && !self.outbox.is_empty() => match permit {
                    Ok(permit) => if let Some(event) = self.outbox.take() {
                        permit.send(event);
                    },
                    Err(_) => has_reader = false,
                },
            }
            if !has_reader {
                self.outbox.clear();
            }
            while !self.outbox.is_empty()
                && let Ok(permit) = events.try_reserve()
                && let Some(event) = self.outbox.take()
            {
                permit.send(event);
            }
        }
        self.tasks.shutdown().await;
    }

    fn now(&self) -> Moment {
        Moment::ZERO.plus(read_clock().saturating_duration_since(self.origin))
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add(revision) => {
                if self.closing {
                    return;
                }
                let name: Arc<str> = revision.name.as_str().into();
                match self.revisions.get_mut(&name) {
                    Some(entry) => entry.change(*revision),
                    None => {
                        self.revisions.insert(name, Entry::new(*revision));
                    }
                }
            }
            Command::Remove(name, done) => {
                if let Some(entry) = self.revisions.get_mut(name.as_str()) {
                    entry.removed.push(done);
                    self.want(&name.into(), 0);
                }
            }
            Command::Scale(name, replicas, answer) => {
                let taken = self.scale(&name.into(), replicas);
                // Who asks may have given the wish up meanwhile.
                answer.send(taken).ok();
            }
            Command::Failed(name, replica) => {
                let name = name.into();
                let entry = self.revisions.get(&name);
                if let Some(number) = entry.and_then(|entry| entry.number_of(&replica)) {
                    self.step(&name, Event::Failing(number), None);
                }
            }
            Command::Replicas(name, answer) => {
                let entry = self.revisions.get(name.as_str());
                let views = entry
                    .map(|entry| entry.views(self.now()))
                    .unwrap_or_default();
                answer.send(views).ok();
            }
            Command::Starts(name, answer) => {
                let now = self.now();
                let entry = self.revisions.get_mut(name.as_str());
                let starts = entry.map(|entry| {
                    entry.learn_first_answers(&*self.door, self.origin);
                    entry.starts(now)
                });
                answer.send(starts.unwrap_or_default()).ok();
            }
            Command::Metrics(answer) => {
                let dropped_lines = self.shared.output.dropped();
                answer
                    .send(ProcessMetrics {
                        dropped_lines,
                        ..self.metrics.clone()
                    })
                    .ok();
            }
            Command::ShutDown => self.close(|owner, name| owner.want(name, 0)),
            Command::KillNow => self.close(|owner, name| owner.step(name, Event::KillAll, None)),
        }
    }

    fn close(&mut self, end: impl Fn(&mut Self, &Arc<str>)) {
        self.closing = true;
        let names: Vec<_> = self.revisions.keys().cloned().collect();
        for name in names {
            end(self, &name);
        }
    }

    fn scale(&mut self, name: &Arc<str>, replicas: u32) -> Result<(), String> {
        let entry = self.revisions.get(name).ok_or("no such revision")?;
        if self.closing || !entry.removed.is_empty() {
            return Err("it is being removed".to_owned());
        }
        if replicas > Processes::MOST_REPLICAS {
            tracing::warn!(revision = %name, replicas, "more replicas than one machine runs");
        }
        self.want(name, replicas.min(Processes::MOST_REPLICAS));
        Ok(())
    }

    fn want(&mut self, name: &Arc<str>, replicas: u32) {
        let Some(entry) = self.revisions.get(name) else {
            return;
        };
        let in_flight = entry.in_flight(&*self.door);
        self.step(
            name,
            Event::Wanted {
                replicas,
                in_flight,
            },
            None,
        );
    }

    fn hear(&mut self, news: News) {
        let News {
            revision: name,
            number,
            what,
        } = news;
        let now = self.now();
        let Some(entry) = self.revisions.get_mut(&name) else {
            return;
        };
        match what {
            What::Spawned { pid, port } => {
                if let Some(live) = entry.live.get_mut(&number) {
                    live.runs(pid, port, now);
                }
                self.step(&name, Event::Spawned(number), None);
            }
            What::Ended(ending) => {
                if let Some(live) = entry.live.get_mut(&number) {
                    live.process = None;
                    live.orders = None;
                }
                self.step(&name, Event::Ended(number), Some(&ending));
            }
            What::Waited { ticket, end } => {
                if end == WaitEnd::NotAnswered {
                    entry.warn_of_long_start(number, now, LONG_START);
                }
                self.step(
                    &name,
                    Event::Waited {
                        number,
                        ticket,
                        end,
                    },
                    None,
                );
            }
        }
    }

    /// Feeds a revision's machine and does what it asks for. `ending`: how a process ended, if this
    /// is what has happened.
    fn step(&mut self, name: &Arc<str>, event: Event, ending: Option<&Ending>) {
        let now = self.now();
        let Some(entry) = self.revisions.get_mut(name) else {
            return;
        };
        for action in entry.lifecycle.step(event, now) {
            self.act(name, action, ending);
        }
        // A revision that is to go goes with its last replica.
        if let Some(entry) = self.revisions.get_mut(name)
            && entry.lifecycle.is_empty()
            && (self.closing || !entry.removed.is_empty())
        {
            for done in std::mem::take(&mut entry.removed) {
                done.send(()).ok();
            }
            self.revisions.remove(name);
        }
    }

    fn act(&mut self, name: &Arc<str>, action: Action, ending: Option<&Ending>) {
        let now = self.now();
        let Some(entry) = self.revisions.get_mut(name) else {
            return;
        };
        let door = &*self.door;
        match action {
            Action::Spawn(number) => {
                self.metrics.starts += 1;
                let live = entry
                    .live
                    .entry(number)
                    .or_insert_with(|| Live::new(name, number));
                let (orders, last) = live.begin(now);
                let news = Reporter {
                    revision: Arc::clone(name),
                    number,
                    news: self.news.clone(),
                };
                let begun = Begun {
                    revision: Arc::clone(&entry.revision),
                    replica: Arc::clone(&live.name),
                    orders,
                    last,
                };
                self.tasks
                    .spawn(child::run(begun, self.shared.clone(), news));
            }
            Action::Open {
                number,
                first_after,
            } => {
                if let Some(live) = entry.live.get(&number)
                    && let Some(address) = live.address()
                {
                    door.open(name, &live.name, address);
                    tracing::debug!(replica = %live.name, %address, ?first_after, "ready");
                }
                if let Some(took) = first_after {
                    entry.ready(number, now);
                    self.metrics.count_startup(took);
                }
            }
            Action::TakeOut(number) => {
                entry.learn_first_answers(door, self.origin);
                entry.at(number, |live| door.take_out(name, &live.name));
            }
            Action::Forget(number) => {
                entry.learn_first_answers(door, self.origin);
                entry.at(number, |live| door.forget(name, &live.name));
            }
            Action::Terminate(number) => entry.at(number, |live| live.order(Order::Terminate)),
            Action::Kill {
                number,
                after_grace,
            } => {
                self.metrics.kills_after_grace += u64::from(after_grace);
                entry.at(number, |live| {
                    if after_grace {
                        tracing::warn!(replica = %live.name, "killed: it outlived its grace");
                    }
                    live.order(Order::Kill);
                });
            }
            Action::Wait {
                number,
                ticket,
                wait,
            } => {
                let probe = entry.revision.readiness.clone();
                entry.at(number, |live| {
                    self.waits
                        .begin(&mut self.tasks, (name, number, ticket), wait, &probe, live);
                });
            }
            Action::Recall(number) => entry.at(number, Live::recall),
            Action::Crashed { number, restart_in } => {
                if let (Some(live), Some(ending)) = (entry.live.get(&number), ending) {
                    self.metrics.count_crash(ending);
                    self.outbox.put(ProcessEvent::Crashed {
                        revision: name.to_string(),
                        replica: live.name.to_string(),
                        why: ending.why(),
                        restart_in: Some(restart_in),
                    });
                }
            }
            Action::Gone { number, lost } => {
                let gone = entry.live.remove(&number);
                if let (true, Some(live)) = (lost, gone) {
                    self.metrics.lost += 1;
                    let pid = live.process.map(|(pid, _)| pid);
                    tracing::error!(replica = %live.name, pid, "did not vanish on SIGKILL");
                }
            }
            Action::Observe(observation) => {
                let revision = name.to_string();
                self.outbox.put(ProcessEvent::Observed {
                    revision,
                    observation,
                });
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell of this room reads the clock"
)]
fn read_clock() -> Instant {
    Instant::now()
}

/// Waits for the thread that feeds the sink, but not for a sink that blocks.
async fn end_sink(sink: Option<JoinHandle<()>>) {
    let look = Duration::from_millis(5);
    let mut left = SINK_LIMIT;
    while sink.as_ref().is_some_and(|thread| !thread.is_finished()) && !left.is_zero() {
        sleep(look).await;
        left = left.saturating_sub(look);
    }
}
