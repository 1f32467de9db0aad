// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc, time::Duration};

use cheerful_wire::{
    Admit, Downward, Hello, Holding, Refusal, ServerConfig, ServerMetrics, Session, Upward, serve,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// The autoscaler's end of the wire, on loopback and without TLS.
pub(crate) struct Desk {
    pub(crate) address: SocketAddr,
    /// What gateways hold, and the way to the one who said it.
    pub(crate) holding: mpsc::Receiver<(Holding, mpsc::Sender<Downward>)>,
    _tasks: JoinSet<()>,
}

struct Clerk {
    holding: mpsc::Sender<(Holding, mpsc::Sender<Downward>)>,
}

struct Talk {
    holding: mpsc::Sender<(Holding, mpsc::Sender<Downward>)>,
    down: mpsc::Sender<Downward>,
}

impl Admit for Clerk {
    type Session = Talk;

    async fn admit(&self, _hello: Hello, down: mpsc::Sender<Downward>) -> Result<Talk, Refusal> {
        let holding = self.holding.clone();
        Ok(Talk { holding, down })
    }
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl Session for Talk {
    async fn take(&mut self, message: Upward) -> Result<(), Refusal> {
        if let Upward::Holding(holding) = message {
            self.holding.send((holding, self.down.clone())).await.ok();
        }
        Ok(())
    }
}

impl Desk {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, holding) = mpsc::channel(100_000);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let clerk = Arc::new(Clerk { holding: sender });
            let stop = CancellationToken::new();
            let metrics = Arc::new(ServerMetrics::default());
            serve(
                listener,
                None,
                clerk,
                ServerConfig::default(),
                metrics,
                stop,
            )
            .await
            .unwrap();
        });
        Self {
            address,
            holding,
            _tasks: tasks,
        }
    }
}
