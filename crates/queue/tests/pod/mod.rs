// SPDX-License-Identifier: Apache-2.0
//! A sidecar under test: on sockets of its own, its reports seen by the test.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code, of which each test file uses its part"
)]
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use cheerful_proxy::{ServerConfig, TimeLimits};
use cheerful_queue::{Probe, Reports, Sidecar, SidecarConfig};
use cheerful_rig::{Peer, Reply};
use cheerful_wire::{Downward, Pace, ReplicaReport};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

pub(crate) struct Pod {
    pub(crate) sidecar: Sidecar,
    pub(crate) address: SocketAddr,
    pub(crate) reports: mpsc::Receiver<ReplicaReport>,
    pub(crate) down: mpsc::Sender<Downward>,
    served: JoinSet<io::Result<()>>,
}

/// Takes what is sent, until it is told that nobody is there.
struct Taken {
    reports: mpsc::Sender<ReplicaReport>,
    away: Arc<AtomicBool>,
}

impl Reports for Taken {
    fn send(&self, report: ReplicaReport) {
        if !self.away.load(SeqCst) {
            // When the test has stopped looking there is nobody.
            drop(self.reports.try_send(report));
        }
    }
}

/// Longer than anything that a test waits for on purpose.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn config(app: SocketAddr) -> SidecarConfig {
    SidecarConfig {
        pod: "cart-1".to_owned(),
        app_port: app.port(),
        concurrency: None,
        waiting: 100,
        probe: Probe::default(),
        time_limits: TimeLimits::default(),
        drain: Duration::from_secs(29),
        first_report: 0,
        server: ServerConfig::default(),
    }
}

impl Pod {
    /// Before an app, with all defaults.
    pub(crate) async fn before(app: SocketAddr) -> Self {
        Self::start(config(app)).await
    }

    pub(crate) async fn start(config: SidecarConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sidecar = Sidecar::new(config);
        let (to_test, reports) = mpsc::channel(1024);
        let (down, from_test) = mpsc::channel(16);
        let taken = Taken {
            reports: to_test,
            away: Arc::default(),
        };
        let mut served = JoinSet::new();
        let serving = sidecar.clone();
        served.spawn(async move { serving.serve(listener, taken, from_test).await });
        Self {
            sidecar,
            address,
            reports,
            down,
            served,
        }
    }

    pub(crate) async fn is_ready(&self) {
        until(|| self.sidecar.ready().is_ok()).await;
    }

    pub(crate) async fn is_unready(&self) -> String {
        until(|| self.sidecar.ready().is_err()).await;
        self.sidecar.ready().unwrap_err()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Peer::ask(self.address, &get(path)).await
    }

    /// A request that is sent now; its reply is for later.
    pub(crate) async fn send(&self, path: &str) -> Peer {
        let mut peer = Peer::connect(self.address).await;
        peer.send(&get(path)).await;
        peer
    }

    pub(crate) async fn report(&mut self) -> ReplicaReport {
        timeout(PATIENCE, self.reports.recv())
            .await
            .expect("no report in time")
            .expect("the sidecar has ended")
    }

    /// The first report that fits.
    pub(crate) async fn report_where(
        &mut self,
        fits: impl Fn(&ReplicaReport) -> bool,
    ) -> ReplicaReport {
        loop {
            let report = self.report().await;
            if fits(&report) {
                return report;
            }
        }
    }

    pub(crate) async fn pace(&self, millis: u64, burst_threshold: Option<f64>) {
        let pace = Pace {
            workload: None,
            interval: Duration::from_millis(millis),
            burst_threshold,
        };
        self.down.send(pace.into()).await.unwrap();
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.sidecar.metrics().requests.in_flight
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) {
        timeout(PATIENCE, self.served.join_next())
            .await
            .expect("the sidecar did not end")
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Waits for something to become true.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..4000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not become true");
}

/// A port that nobody has at the moment.
pub(crate) async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
