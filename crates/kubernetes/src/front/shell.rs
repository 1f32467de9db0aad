// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cheerful_gateway::{Bursts, Collected, Gateway, GatewayEvent};
use cheerful_scaling::Moment;
use cheerful_wire::{Downward, Holding, Upward, WorkloadKind};
use futures_util::StreamExt as _;
use kube::Client;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    directory::{Action, Counts, Directory, Event},
    links::Autoscalers,
    slice::{Place, key, workload},
    watch::watch,
};

/// Keeps a [`Gateway`] true to the cluster, and the autoscaler told of what it holds. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Front {
    shared: Arc<Shared>,
}

/// What a [`Front`] stands between.
pub struct FrontConfig {
    /// The API server.
    pub client: Client,
    /// The one namespace that it serves; `None`: all.
    pub watch_namespace: Option<String>,
    /// What is told where requests go.
    pub gateway: Arc<Gateway>,
    /// What it tells.
    pub gateway_events: mpsc::Receiver<GatewayEvent>,
    /// What the autoscaler tells.
    pub news: mpsc::Receiver<Downward>,
    /// Who is told of what is held.
    pub autoscalers: Arc<dyn Autoscalers>,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrontMetrics {
    /// By the directory, up to a second ago.
    pub directory: Counts,
    /// Messages about what is held.
    pub holding_sent_total: u64,
    /// Replicas that are drained now.
    pub draining: u64,
}

#[derive(Debug, Default)]
struct Shared {
    complete: AtomicBool,
    metrics: Mutex<FrontMetrics>,
}

/// Between two messages about what is held.
const INTERVAL: Duration = Duration::from_secs(1);
/// For a failed replica to accept a connection.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// Failed replicas that are tried at once; one more counts as not answering.
const PROBES: usize = 256;

impl Front {
    /// Whether every revision has been seen once: from then on a request for an unknown host is wrong.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.shared.complete.load(Ordering::Relaxed)
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> FrontMetrics {
        self.metrics_mut().clone()
    }

    /// Runs until the gateway's events end, or until dropped.
    pub async fn run(self, config: FrontConfig) {
        let FrontConfig {
            client,
            watch_namespace,
            gateway,
            mut gateway_events,
            mut news,
            autoscalers,
        } = config;
        let mut slices = std::pin::pin!(watch(&client, watch_namespace.as_deref()));
        let mut second = interval(INTERVAL);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bursts = Bursts::default();
        let mut keeper = Keeper::new(self, gateway, autoscalers);
        loop {
            let next_look = keeper.next_look();
            tokio::select! {
                Some(event) = slices.next() => keeper.step(event),
                Some(message) = news.recv() => keeper.hear(message),
                event = gateway_events.recv() => match event {
                    Some(GatewayEvent::Held { revision, by }) => keeper.held(&revision, by),
                    Some(GatewayEvent::Burst { revision }) => bursts.add(revision),
                    Some(GatewayEvent::ReplicaFailed { revision, replica }) => keeper.step(Event::Failed {
                        revision: revision.into(),
                        pod: replica.into(),
                    }),
                    None => break,
                },
                Some(Ok((revision, place))) = keeper.probes.join_next() => {
                    keeper.step(Event::Probed { revision, place });
                }
                Some(_) = keeper.drains.join_next() => {}
                revision = bursts.due() => keeper.tell(Some(&revision), true, None),
                () = sleep_until(next_look) => keeper.step(Event::Tick),
                _ = second.tick() => keeper.second(),
            }
        }
    }

    fn metrics_mut(&self) -> std::sync::MutexGuard<'_, FrontMetrics> {
        self.shared
            .metrics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FrontConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FrontConfig")
            .field("watch_namespace", &self.watch_namespace)
            .finish_non_exhaustive()
    }
}

/// Carries out what the directory says.
struct Keeper {
    front: Front,
    gateway: Arc<Gateway>,
    autoscalers: Arc<dyn Autoscalers>,
    directory: Directory,
    origin: Instant,
    probes: JoinSet<(Arc<str>, Place)>,
    drains: JoinSet<()>,
}

impl Keeper {
    fn new(front: Front, gateway: Arc<Gateway>, autoscalers: Arc<dyn Autoscalers>) -> Self {
        Self {
            front,
            gateway,
            autoscalers,
            directory: Directory::default(),
            origin: Instant::now(),
            probes: JoinSet::new(),
            drains: JoinSet::new(),
        }
    }

    fn next_look(&self) -> Instant {
        let never = || Instant::now() + Duration::from_secs(3600);
        let at = |look: Moment| self.origin + look.since(Moment::ZERO);
        self.directory.next_look().map_or_else(never, at)
    }

    fn step(&mut self, event: Event) {
        let now = Moment::ZERO.plus(self.origin.elapsed());
        for action in self.directory.step(event, now) {
            self.carry_out(action);
        }
        if self.directory.is_complete() && !self.front.is_complete() {
            tracing::info!(
                revisions = self.directory.counts().revisions,
                "all revisions are known"
            );
            self.front.shared.complete.store(true, Ordering::Relaxed);
        }
    }

    fn carry_out(&mut self, action: Action) {
        let gateway = &self.gateway;
        let done = match action {
            Action::Add(config) => {
                gateway.add(*config);
                Ok(())
            }
            Action::Change(config) => gateway.change(*config),
            Action::Remove(revision) => {
                gateway.remove(&revision);
                Ok(())
            }
            Action::Route(revisions) => {
                if let Err(error) = gateway.route(&revisions) {
                    tracing::error!("the routes stay as they were: {error}");
                }
                Ok(())
            }
            Action::SetBurst { revision, requests } => {
                gateway.set_burst_threshold(&revision, requests)
            }
            Action::Open {
                revision,
                pod,
                address,
            } => {
                tracing::debug!(revision = &*revision, pod = &*pod, %address, "opened");
                gateway.open(&revision, &pod, address)
            }
            Action::Drain { revision, pod } => {
                tracing::debug!(revision = &*revision, pod = &*pod, "taken out");
                gateway.take_out(&revision, &pod);
                let gateway = Arc::clone(gateway);
                self.drains
                    .spawn(async move { gateway.drained(&revision, &pod).await });
                Ok(())
            }
            Action::Probe {
                revision,
                pod,
                address,
            } => {
                self.probe(revision, pod, address);
                Ok(())
            }
            Action::Dedicate {
                revision,
                dedicated,
            } => {
                self.autoscalers.dedicate(&revision, dedicated);
                Ok(())
            }
            Action::Say { revision, text } => {
                tracing::warn!(revision = &*revision, "{text}");
                Ok(())
            }
        };
        if let Err(unknown) = done {
            tracing::error!("{unknown}");
        }
    }

    fn probe(&mut self, revision: Arc<str>, pod: Arc<str>, address: SocketAddr) {
        let full = self.probes.len() >= PROBES;
        self.probes.spawn(async move {
            let tried = timeout(PROBE_LIMIT, TcpStream::connect(address));
            let ready = !full && matches!(tried.await, Ok(Ok(_)));
            let place = Place {
                pod,
                address,
                ready,
            };
            (revision, place)
        });
    }

    fn hear(&mut self, message: Downward) {
        match message {
            Downward::Replica(news) if news.workload.kind == WorkloadKind::Revision => {
                self.step(Event::News {
                    revision: key(&news.workload.namespace, &news.workload.name),
                    place: Place {
                        pod: news.pod.into(),
                        address: news.address,
                        ready: news.ready,
                    },
                });
            }
            // A stream has come up: that autoscaler knows of nothing yet.
            Downward::Pace(pace) if pace.workload.is_none() => self.tell(None, false, None),
            Downward::Pace(pace) => {
                let of_one = pace
                    .workload
                    .filter(|workload| workload.kind == WorkloadKind::Revision);
                if let Some(workload) = of_one {
                    self.step(Event::Burst {
                        revision: key(&workload.namespace, &workload.name),
                        requests: pace.burst_threshold,
                    });
                }
            }
            // The pods of a workload that an Autoscaler scales are reached without this gateway.
            Downward::Replica(_) => {}
        }
    }

    fn held(&self, revision: &str, by: String) {
        self.tell(Some(revision), false, Some(by));
    }

    /// Tells the autoscaler what is held.
    fn tell(&self, only: Option<&str>, burst: bool, mut woken_by: Option<String>) {
        let collected = self.gateway.collect_held(only, burst);
        self.front.metrics_mut().holding_sent_total += collected.len() as u64;
        for Collected {
            revision,
            holding,
            last_request,
            ..
        } in collected
        {
            if let Some(workload) = workload(&revision) {
                self.autoscalers.send(Upward::Holding(Holding {
                    workload,
                    held: holding.held,
                    arrived: holding.arrived,
                    woken_by: woken_by.take(),
                    last_request,
                }));
            }
        }
    }

    fn second(&self) {
        self.tell(None, false, None);
        let counts = self.directory.counts();
        let mut metrics = self.front.metrics_mut();
        metrics.directory = counts;
        metrics.draining = self.drains.len() as u64;
    }
}
