// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cheerful_wire::{Downward, Link, LinkConfig, LinkMetrics, Upward, Workload};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use super::slice::workload;
use crate::names;

/// The ways to the autoscalers: that to the shared one, and one to each that serves a revision alone.
pub struct Links {
    base: LinkConfig,
    shared: Way,
    dedicated: Mutex<BTreeMap<Workload, Way>>,
    news: mpsc::Sender<Downward>,
    over_bound: AtomicU64,
}

/// Who is told of what is held.
pub trait Autoscalers: Send + Sync {
    /// Tells the one whose it is; never waits.
    fn send(&self, message: Upward);
    /// A revision (`namespace/name`) has an autoscaler of its own from now on, or (`false`) no more.
    fn dedicate(&self, revision: &str, dedicated: bool);
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinksMetrics {
    /// By all links together; what a link that is no more has counted is left out.
    pub all: LinkMetrics,
    /// Dedicated autoscalers over the bound, which are not told of anything.
    pub over_bound_total: u64,
}

/// News that waits to be taken; when it is full, the links drop and count.
const NEWS: usize = 1024;
/// Dedicated autoscalers at most.
const DEDICATED: usize = 1024;
/// After the identity's files could not be read: the controller may not have made them yet.
const RETRY: Duration = Duration::from_secs(1);

/// One link, once it could be made.
struct Way {
    link: Arc<OnceLock<Link>>,
    _task: JoinSet<()>,
}

impl Links {
    /// Starts the one to the shared autoscaler, on the present runtime. Without the files of the identity it is tried
    /// again and again.
    #[must_use]
    pub fn start(base: LinkConfig) -> (Arc<Self>, mpsc::Receiver<Downward>) {
        let (news, receiver) = mpsc::channel(NEWS);
        let links = Self {
            shared: Way::start(base.clone(), None, news.clone()),
            base,
            dedicated: Mutex::default(),
            news,
            over_bound: AtomicU64::new(0),
        };
        (Arc::new(links), receiver)
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> LinksMetrics {
        let mut all = LinkMetrics::default();
        let dedicated = self.lock();
        let ways = dedicated.values().chain([&self.shared]);
        for seen in ways.filter_map(|way| way.link.get()).map(Link::metrics) {
            all.connected += seen.connected;
            all.connects_total += seen.connects_total;
            all.failures_total += seen.failures_total;
            all.refused_total += seen.refused_total;
            all.sent_total += seen.sent_total;
            all.dropped_total += seen.dropped_total;
            all.down_dropped_total += seen.down_dropped_total;
        }
        LinksMetrics {
            all,
            over_bound_total: self.over_bound.load(Ordering::Relaxed),
        }
    }

    /// That name is the revision's own, whatever anybody writes: the token goes nowhere else.
    fn config(&self, workload: &Workload) -> LinkConfig {
        let service = names::dedicated_autoscaler(&workload.name);
        let host = format!("{service}.{}.svc", workload.namespace);
        LinkConfig {
            autoscaler: format!("{host}:{}", names::REPORTS_PORT),
            server_name: self.base.server_name.is_some().then_some(host),
            ..self.base.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Workload, Way>> {
        self.dedicated
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Autoscalers for Links {
    fn send(&self, message: Upward) {
        let dedicated = self.lock();
        let own = match &message {
            Upward::Holding(holding) => dedicated.get(&holding.workload),
            Upward::Report(_) | Upward::Token(_) => None,
        };
        if let Some(link) = own.unwrap_or(&self.shared).link.get() {
            link.send(message);
        }
    }

    fn dedicate(&self, revision: &str, dedicated: bool) {
        let Some(workload) = workload(revision) else {
            return;
        };
        let mut all = self.lock();
        if !dedicated {
            all.remove(&workload);
        } else if all.len() >= DEDICATED {
            self.over_bound.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                revision,
                "more dedicated autoscalers than {DEDICATED}: it is not told of what is held"
            );
        } else {
            let config = self.config(&workload);
            let only = Some(workload.clone());
            all.entry(workload)
                .or_insert_with(|| Way::start(config, only, self.news.clone()));
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Links")
            .field("autoscaler", &self.base.autoscaler)
            .finish_non_exhaustive()
    }
}

impl Way {
    /// `only`: what comes down of other workloads is not for this autoscaler to say.
    fn start(config: LinkConfig, only: Option<Workload>, news: mpsc::Sender<Downward>) -> Self {
        let link = Arc::new(OnceLock::new());
        let mut task = JoinSet::new();
        task.spawn(keep(config, only, news, Arc::clone(&link)));
        Self { link, _task: task }
    }
}

async fn keep(
    config: LinkConfig,
    only: Option<Workload>,
    news: mpsc::Sender<Downward>,
    slot: Arc<OnceLock<Link>>,
) {
    let mut told = false;
    let mut down = loop {
        match Link::start(config.clone()) {
            Ok((link, down)) => {
                drop(slot.set(link));
                break down;
            }
            Err(error) => {
                if !told {
                    tracing::warn!(
                        "the autoscaler is not told of what is held until this is right: {error}"
                    );
                }
                told = true;
                sleep(RETRY).await;
            }
        }
    };
    while let Some(message) = down.recv().await {
        let of = match &message {
            Downward::Pace(pace) => pace.workload.as_ref(),
            Downward::Replica(replica) => Some(&replica.workload),
        };
        let is_its = only.is_none() || of.is_none() || of == only.as_ref();
        if is_its && news.send(message).await.is_err() {
            break;
        }
    }
}
