// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cheerful_gateway::Gateway;
use cheerful_kubernetes::front::{Autoscalers, Front, FrontConfig};
use cheerful_proxy::{Drain, Listener, ServerConfig, serve};
use cheerful_rig::{App, cluster::eventually};
use cheerful_wire::{Downward, Holding, Replica, Upward, Workload, WorkloadKind};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet, time::timeout};

use crate::slices::Slices;

/// A gateway in this process, between a real API server and an autoscaler that the test plays.
pub(crate) struct Stand {
    pub(crate) front: Front,
    address: SocketAddr,
    gateway: Arc<Gateway>,
    news: mpsc::Sender<Downward>,
    told: mpsc::Receiver<Holding>,
    _tasks: JoinSet<()>,
}

/// What the autoscaler is told.
struct Told {
    holding: mpsc::Sender<Holding>,
    dedicated: AtomicU64,
    other: Mutex<Vec<Upward>>,
}

impl Autoscalers for Told {
    fn send(&self, message: Upward) {
        match message {
            Upward::Holding(holding) => self.holding.try_send(holding).unwrap(),
            other => self.other.lock().unwrap().push(other),
        }
    }
    fn dedicate(&self, _revision: &str, _dedicated: bool) {
        self.dedicated.fetch_add(1, Ordering::SeqCst);
    }
}

impl Stand {
    pub(crate) async fn start(slices: &Slices) -> Self {
        let (events, gateway_events) = mpsc::channel(4096);
        let gateway = Gateway::new(events);
        let (news, from_autoscaler) = mpsc::channel(1024);
        let (holding, told) = mpsc::channel(100_000);
        let front = Front::default();
        let autoscalers = Told {
            holding,
            dedicated: AtomicU64::new(0),
            other: Mutex::default(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(front.clone().run(FrontConfig {
            client: slices.client(),
            watch_namespace: Some(slices.namespace().to_owned()),
            gateway: Arc::clone(&gateway),
            gateway_events,
            news: from_autoscaler,
            autoscalers: Arc::new(autoscalers),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = serve(
            Listener::Tcp(listener),
            Arc::clone(&gateway),
            ServerConfig::default(),
            Drain::new(),
        );
        tasks.spawn(async move { serving.await.unwrap() });
        eventually("all revisions are known", async || {
            front.is_complete().then_some(())
        })
        .await;
        Self {
            front,
            address,
            gateway,
            news,
            told,
            _tasks: tasks,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until a revision is known and routed.
    pub(crate) async fn knows(&self, slices: &Slices, revision: &str) {
        let name = format!("{}/{revision}", slices.namespace());
        eventually("the revision is known", async || {
            self.gateway
                .set_burst_threshold(&name, f64::INFINITY)
                .ok()?;
            Some(())
        })
        .await;
        // Routes follow within a tenth of a second.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    pub(crate) async fn news(
        &self,
        slices: &Slices,
        revision: &str,
        pod: &str,
        app: &App,
        ready: bool,
    ) {
        let news = Downward::from(Replica {
            workload: Workload {
                namespace: slices.namespace().to_owned(),
                kind: WorkloadKind::Revision,
                name: revision.to_owned(),
            },
            pod: pod.to_owned(),
            address: app.address(),
            ready,
        });
        self.news.send(news).await.unwrap();
    }

    pub(crate) async fn next_holding(&mut self) -> Holding {
        let next = timeout(Duration::from_secs(30), self.told.recv());
        next.await.expect("what is held is told").unwrap()
    }

    /// What is told last, within two rounds.
    pub(crate) async fn last_holding(&mut self) -> Holding {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let mut last = self.next_holding().await;
        while let Ok(next) = self.told.try_recv() {
            last = next;
        }
        last
    }
}
