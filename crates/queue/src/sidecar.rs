// SPDX-License-Identifier: Apache-2.0
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use cheerful_proxy::{
    Drain, Line, Listener, ServerConfig, TimeLimits, Upstream, UpstreamConfig, serve,
};
use cheerful_wire::Downward;
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    DoorMetrics, Probe, Reports,
    door::{Door, Entrance},
    feed::Feed,
    health::Health,
    lifecycle::{Lifecycle, Seen},
    state::State,
};

/// What stands before the app in a pod. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Sidecar {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: SidecarConfig,
    door: Arc<Door>,
    begun: Instant,
    lifecycle: Mutex<Lifecycle>,
    state: watch::Sender<State>,
    /// The lifecycle has to be looked at.
    wake: Notify,
    probes: AtomicU64,
    probe_failures: AtomicU64,
    cut: AtomicU64,
}

/// How a [`Sidecar`] is made.
#[derive(Clone, Debug)]
pub struct SidecarConfig {
    /// The replica's name.
    pub pod: String,
    /// Where the app listens, on loopback.
    pub app_port: u16,
    /// Requests inside the app at most; `None`: no limit.
    pub concurrency: Option<u32>,
    /// Requests that may wait for the limit.
    pub waiting: usize,
    /// How the app is asked whether it answers.
    pub probe: Probe,
    /// How long a request may take.
    pub time_limits: TimeLimits,
    /// The longest that draining takes.
    pub drain: Duration,
    /// The number of the first report: above all that were sent under this name before, should the sidecar alone have
    /// been started again.
    pub first_report: u64,
    /// Bounds of the server.
    pub server: ServerConfig,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct SidecarMetrics {
    pub requests: DoorMetrics,
    /// In the buckets of `cheerful_scaling::Latency`.
    pub duration_buckets: Vec<u64>,
    pub request_seconds_total: f64,
    pub app_answers: bool,
    pub draining: bool,
    pub probes_total: u64,
    pub probe_failures_total: u64,
    /// Requests that were cut off when draining was over its limit.
    pub cut_total: u64,
}

/// Idle connections kept to the app, where no lower concurrency limit says less.
const MAX_IDLE: usize = 1024;

/// When it is quiet, connections get so long to close.
const CLOSE: Duration = Duration::from_millis(500);

/// For the last report to leave.
const LAST_REPORT: Duration = Duration::from_millis(100);

/// Doubts about the app lead to no more than one probe in this time.
const DOUBT: Duration = Duration::from_millis(100);

impl Sidecar {
    /// Nothing runs before [`Sidecar::serve`].
    #[must_use]
    pub fn new(config: SidecarConfig) -> Self {
        let limit = config
            .concurrency
            .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let upstream = Upstream::new(UpstreamConfig {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, config.app_port)),
            max_idle: limit.map_or(MAX_IDLE, |limit| limit.min(MAX_IDLE)),
        });
        let line = limit.map(|limit| Line::new(limit, config.waiting));
        let door = Door::new(config.pod.clone(), upstream, line, config.time_limits);
        Self {
            inner: Arc::new(Inner {
                door,
                begun: Instant::now(),
                lifecycle: Mutex::new(Lifecycle::new(config.drain)),
                state: watch::Sender::default(),
                wake: Notify::new(),
                probes: AtomicU64::new(0),
                probe_failures: AtomicU64::new(0),
                cut: AtomicU64::new(0),
                config,
            }),
        }
    }

    /// Takes requests, probes the app and reports, until it is told to stop and has drained. On a tokio runtime.
    ///
    /// # Errors
    /// Only what makes accepting impossible for good.
    pub async fn serve(
        &self,
        listener: TcpListener,
        reports: impl Reports,
        down: mpsc::Receiver<Downward>,
    ) -> io::Result<()> {
        let inner = &*self.inner;
        let drain = Drain::new();
        let mut feed = Feed::new(reports, Arc::clone(&inner.door), inner.config.first_report);
        {
            let mut served = pin!(serve(
                Listener::Tcp(listener),
                Arc::new(Entrance(Arc::clone(&inner.door))),
                inner.config.server.clone(),
                drain.clone(),
            ));
            let background = async {
                tokio::join!(inner.probe(), feed.run(inner.state.subscribe(), down),);
            };
            let mut background = pin!(background);
            tokio::select! {
                served = served.as_mut() => return served,
                () = inner.live(&drain) => {}
                () = background.as_mut() => {}
            }
            drain.begin();
            let patience = if inner.door.inside() == 0 {
                CLOSE
            } else {
                Duration::ZERO
            };
            tokio::select! {
                served = served.as_mut() => served?,
                () = sleep(patience) => {}
                () = background.as_mut() => {}
            }
            inner.cut.fetch_add(inner.door.inside(), Relaxed);
        }
        feed.last();
        sleep(LAST_REPORT).await;
        Ok(())
    }

    /// SIGTERM: unready at once; ends when it is quiet. A second one ends at once.
    pub fn terminate(&self) {
        self.inner.change(Lifecycle::terminate);
    }

    /// The app's preStop hook: unready at once; returns when it is quiet, or after the limit.
    pub async fn wait_for_drain(&self) {
        let mut states = self.inner.state.subscribe();
        self.inner.change(Lifecycle::ask);
        // The sender lives as long as `self`.
        drop(states.wait_for(|state| state.drained).await);
    }

    /// Whether requests should be sent here.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        self.inner.state.borrow().ready()
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> SidecarMetrics {
        let inner = &*self.inner;
        let (duration_buckets, request_seconds_total) = inner.door.durations();
        let state = inner.state.borrow();
        SidecarMetrics {
            requests: inner.door.metrics(),
            duration_buckets,
            request_seconds_total,
            app_answers: state.answering,
            draining: state.draining,
            probes_total: inner.probes.load(Relaxed),
            probe_failures_total: inner.probe_failures.load(Relaxed),
            cut_total: inner.cut.load(Relaxed),
        }
    }
}

impl Inner {
    /// Since the sidecar began.
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn lifecycle(&self) -> MutexGuard<'_, Lifecycle> {
        self.lifecycle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Lifecycle, Duration)) {
        let mut lifecycle = self.lifecycle();
        change(&mut lifecycle, self.now());
        self.publish(&lifecycle);
        drop(lifecycle);
        self.wake.notify_one();
    }

    fn publish(&self, lifecycle: &Lifecycle) {
        self.state.send_if_modified(|state| {
            let now = (lifecycle.is_draining(), lifecycle.is_drained());
            let changed = (state.draining, state.drained) != now;
            (state.draining, state.drained) = now;
            changed
        });
    }

    /// Steps the lifecycle until it has stopped.
    async fn live(&self, drain: &Drain) {
        let mut arrived = self.door.arrived();
        loop {
            let answering = self.state.borrow().answering;
            let arrived_before = std::mem::replace(&mut arrived, self.door.arrived());
            let upgraded = self.door.upgraded();
            let seen = Seen {
                busy: self.door.inside() > upgraded || arrived != arrived_before,
                upgraded: upgraded > 0,
                answering,
            };
            let (next, drained) = {
                let mut lifecycle = self.lifecycle();
                let was_drained = lifecycle.is_drained();
                let next = lifecycle.step(self.now(), seen);
                self.publish(&lifecycle);
                drain.announce(lifecycle.is_draining());
                if lifecycle.is_stopped() {
                    return;
                }
                (next, lifecycle.is_drained() && !was_drained)
            };
            if drained {
                tracing::info!("drained: nothing is in flight");
                // From now on it is watched more closely.
                self.door.doubt.notify_one();
            }
            match next {
                None => self.wake.notified().await,
                Some(next) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = sleep_until(self.begun + next) => {}
                },
            }
        }
    }

    /// Asks the app whether it answers, for ever.
    async fn probe(&self) {
        let probe = &self.config.probe;
        let mut health = Health::new(probe.thresholds);
        sleep(probe.initial_delay).await;
        loop {
            let outcome = probe.ask(self.config.app_port).await;
            let asked = Instant::now();
            self.probes.fetch_add(1, Relaxed);
            let silence = outcome.as_ref().err().map(|silence| silence.why.clone());
            if silence.is_some() {
                self.probe_failures.fetch_add(1, Relaxed);
            }
            let changed = health.take(self.now(), &outcome);
            self.tell(health.is_answering(), changed, silence);
            let watched = self.state.borrow().drained;
            tokio::select! {
                () = sleep(health.wait(self.now(), watched)) => {}
                () = self.door.doubt.notified() => sleep_until(asked + DOUBT).await,
            }
        }
    }

    fn tell(&self, answering: bool, changed: bool, silence: Option<String>) {
        if answering {
            self.door.open();
        }
        self.state.send_if_modified(|state| {
            state.answering = answering;
            state.has_answered |= answering;
            if silence.is_some() {
                state.silence = silence;
            }
            changed
        });
        if changed {
            self.wake.notify_one();
            if answering {
                tracing::info!("the app answers");
            } else {
                let why = self.state.borrow().silence.clone().unwrap_or_default();
                tracing::warn!("the app does not answer any more: {why}");
            }
        }
    }
}
