// SPDX-License-Identifier: Apache-2.0
//! A hop under test: our server before one upstream, on sockets of its own.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code, of which each test file uses its part"
)]
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use cheerful_proxy::{
    Drain, Line, Listener, ServerConfig, SingleUpstream, TimeLimits, Upstream, UpstreamConfig,
    serve,
};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

pub(crate) struct Hop {
    pub(crate) address: SocketAddr,
    pub(crate) choose: Arc<SingleUpstream>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) drain: Drain,
    served: JoinSet<io::Result<()>>,
}

#[derive(Default)]
pub(crate) struct Setting {
    pub(crate) limits: TimeLimits,
    pub(crate) server: ServerConfig,
    pub(crate) line: Option<Line>,
}

impl Hop {
    pub(crate) async fn to(app: SocketAddr) -> Self {
        Self::with(app, Setting::default()).await
    }

    pub(crate) async fn with(app: SocketAddr, setting: Setting) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Upstream::new(UpstreamConfig {
            address: app,
            max_idle: 64,
        });
        let choose = Arc::new(SingleUpstream::new(
            Arc::clone(&upstream),
            setting.line,
            setting.limits,
        ));
        let drain = Drain::new();
        let mut served = JoinSet::new();
        served.spawn(serve(
            Listener::Tcp(listener),
            Arc::clone(&choose),
            setting.server,
            drain.clone(),
        ));
        Self {
            address,
            choose,
            upstream,
            drain,
            served,
        }
    }

    /// Waits until the server has ended by itself.
    pub(crate) async fn ended(mut self) {
        timeout(Duration::from_secs(20), self.served.join_next())
            .await
            .expect("the server did not end")
            .unwrap()
            .unwrap()
            .unwrap();
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.choose.accounting().in_flight()
    }
}

/// Waits for something to become true.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not become true");
}

/// An address at which nothing listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
