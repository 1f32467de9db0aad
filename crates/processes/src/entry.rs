// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use cheerful_scaling::Moment;
use tokio::{
    sync::{oneshot, watch},
    task::AbortHandle,
};

use crate::{
    FrontDoor, ProcessRevision, ReplicaView, StartView,
    child::Order,
    lifecycle::{Lifecycle, Number},
    output::LastLines,
};

/// Starts that are kept of one revision.
const STARTS: usize = 20;

/// What the owner has of one revision.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) revision: Arc<ProcessRevision>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) live: BTreeMap<Number, Live>,
    /// The last ones, oldest first.
    starts: VecDeque<Start>,
    /// Who waits for its removal; it is being removed if there is anybody.
    pub(crate) removed: Vec<oneshot::Sender<()>>,
}

/// What the owner has of one replica.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) name: Arc<str>,
    /// Process id and port while a process runs.
    pub(crate) process: Option<(u32, u16)>,
    /// The way to the task that owns the process.
    pub(crate) orders: Option<watch::Sender<Order>>,
    /// The present wait, and how a drain is called off.
    pub(crate) wait: Option<AbortHandle>,
    pub(crate) recall: Option<oneshot::Sender<()>>,
    last_lines: LastLines,
    /// When the present process was asked for, and since when it runs.
    asked: Moment,
    runs_since: Option<Moment>,
    long_start_told: bool,
}

/// A start that ended ready.
#[derive(Debug)]
struct Start {
    replica: Arc<str>,
    asked: Moment,
    ran: Moment,
    ready: Moment,
    /// When its first request was passed to it, and when that was answered.
    first_answer: Option<(Moment, Moment)>,
}

impl Entry {
    pub(crate) fn new(revision: ProcessRevision) -> Self {
        Self {
            lifecycle: Lifecycle::new(revision.drain, revision.grace),
            revision: Arc::new(revision),
            live: BTreeMap::new(),
            starts: VecDeque::new(),
            removed: Vec::new(),
        }
    }

    /// New settings for what is started from now on.
    pub(crate) fn change(&mut self, revision: ProcessRevision) {
        self.lifecycle.set_limits(revision.drain, revision.grace);
        self.revision = Arc::new(revision);
        for done in self.removed.drain(..) {
            // Who waits may have given up.
            done.send(()).ok();
        }
    }

    pub(crate) fn at(&mut self, number: Number, act: impl FnOnce(&mut Live)) {
        if let Some(live) = self.live.get_mut(&number) {
            act(live);
        }
    }

    pub(crate) fn number_of(&self, replica: &str) -> Option<Number> {
        let number = replica
            .strip_prefix(self.revision.name.as_str())?
            .strip_prefix('-')?;
        number.parse().ok()
    }

    /// The requests in flight of those replicas that the front door knows.
    pub(crate) fn in_flight(&self, door: &impl FrontDoor) -> BTreeMap<Number, u64> {
        let known = self
            .lifecycle
            .replicas()
            .filter(|(_, replica)| replica.state.known_at_door());
        known
            .filter_map(|(number, _)| {
                let name = &self.live.get(&number)?.name;
                Some((number, door.in_flight(&self.revision.name, name)))
            })
            .collect()
    }

    pub(crate) fn views(&self, now: Moment) -> Vec<ReplicaView> {
        let views = self.lifecycle.replicas().filter_map(|(number, replica)| {
            let live = self.live.get(&number)?;
            Some(ReplicaView {
                replica: live.name.to_string(),
                pid: live.process.map(|(pid, _)| pid),
                port: live.process.map_or(0, |(_, port)| port),
                state: replica.state.name().to_owned(),
                age_seconds: now.since(replica.born).as_secs_f64(),
                restarts: replica.restarts,
                last_output: live.last_lines.all(),
            })
        });
        views.collect()
    }

    /// Keeps that a replica's process is ready for the first time.
    pub(crate) fn ready(&mut self, number: Number, now: Moment) {
        let Some(live) = self.live.get(&number) else {
            return;
        };
        if self.starts.len() == STARTS {
            self.starts.pop_front();
        }
        self.starts.push_back(Start {
            replica: Arc::clone(&live.name),
            asked: live.asked,
            ran: live.runs_since.unwrap_or(live.asked),
            ready: now,
            first_answer: None,
        });
    }

    /// Keeps when those replicas answered first of which it is not known yet; who is forgotten at the front door cannot
    /// be asked about any more. `origin` is the moment zero.
    pub(crate) fn learn_first_answers(&mut self, door: &impl FrontDoor, origin: Instant) {
        let moment = |at: Instant| Moment::ZERO.plus(at.saturating_duration_since(origin));
        // A replica that was started again stands here more than once: the door knows the last of them.
        let mut asked = BTreeSet::new();
        for start in self.starts.iter_mut().rev() {
            if asked.insert(Arc::clone(&start.replica)) && start.first_answer.is_none() {
                let first = door.first_answer(&self.revision.name, &start.replica);
                start.first_answer = first.map(|it| (moment(it.asked), moment(it.answered)));
            }
        }
    }

    /// The last starts, oldest first.
    pub(crate) fn starts(&self, now: Moment) -> Vec<StartView> {
        let view = |start: &Start| StartView {
            replica: start.replica.to_string(),
            asked_seconds_ago: now.since(start.asked).as_secs_f64(),
            process_seconds: start.ran.since(start.asked).as_secs_f64(),
            ready_seconds: start.ready.since(start.ran).as_secs_f64(),
            first_request_seconds: start
                .first_answer
                .map(|(asked, _)| asked.since(start.ready).as_secs_f64()),
            first_answer_seconds: start
                .first_answer
                .map(|(asked, answered)| answered.since(asked).as_secs_f64()),
        };
        self.starts.iter().map(view).collect()
    }

    /// Says once for each process that it has not been ready for so long.
    pub(crate) fn warn_of_long_start(&mut self, number: Number, now: Moment, limit: Duration) {
        let replica = self.lifecycle.replicas().find(|(at, _)| *at == number);
        let is_long = replica.is_some_and(|(_, replica)| now.since(replica.spawned) >= limit);
        if let Some(live) = self.live.get_mut(&number)
            && is_long
            && !live.long_start_told
        {
            live.long_start_told = true;
            let address = live.address();
            tracing::warn!(
                replica = %live.name, ?address, probe = ?self.revision.readiness,
                "not ready after {} s: does it listen on the port that {{port}} and PORT name?",
                limit.as_secs(),
            );
        }
    }
}

impl Live {
    pub(crate) fn new(revision: &str, number: Number) -> Self {
        Self {
            name: format!("{revision}-{number}").into(),
            process: None,
            orders: None,
            wait: None,
            recall: None,
            last_lines: LastLines::default(),
            asked: Moment::ZERO,
            runs_since: None,
            long_start_told: false,
        }
    }

    /// Begins with a new process.
    pub(crate) fn begin(&mut self, now: Moment) -> (watch::Receiver<Order>, LastLines) {
        let (orders, ordered) = watch::channel(Order::Run);
        self.orders = Some(orders);
        self.asked = now;
        self.runs_since = None;
        self.long_start_told = false;
        self.last_lines = LastLines::default();
        (ordered, self.last_lines.clone())
    }

    /// The process runs.
    pub(crate) fn runs(&mut self, pid: u32, port: u16, now: Moment) {
        self.process = Some((pid, port));
        self.runs_since = Some(now);
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.process
            .map(|(_, port)| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    pub(crate) fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            orders.send_if_modified(|present| {
                let grows = *present < order;
                *present = (*present).max(order);
                grows
            });
        }
    }

    pub(crate) fn recall(&mut self) {
        if let Some(recall) = self.recall.take() {
            // The wait may just have ended: then its end is on the way.
            recall.send(()).ok();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(wait) = &self.wait {
            wait.abort();
        }
    }
}
