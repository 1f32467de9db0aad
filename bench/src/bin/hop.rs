// SPDX-License-Identifier: Apache-2.0
//! Our hop alone, as `cheerful run` has it: the gateway with one replica, on one thread.
//!
//!     hop LISTEN UPSTREAM        for instance: hop 127.0.0.1:8080 127.0.0.1:9000
use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use cheerful_gateway::{Gateway, HoldLimits, RevisionConfig, Route, WakingRules};
use cheerful_proxy::{Drain, Listener, ServerConfig, TimeLimits, serve};

fn main() -> anyhow::Result<()> {
    let mut addresses = std::env::args().skip(1);
    let mut next = |name: &str| -> anyhow::Result<SocketAddr> {
        let text = addresses
            .next()
            .with_context(|| format!("{name} is missing: hop LISTEN UPSTREAM"))?;
        text.parse()
            .with_context(|| format!("{name} {text:?} is no address like 127.0.0.1:8080"))
    };
    let (listen, upstream) = (next("LISTEN")?, next("UPSTREAM")?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (events, _kept) = tokio::sync::mpsc::channel(16);
        let gateway = Gateway::new(events);
        open(&gateway, upstream)?;
        let listener = tokio::net::TcpListener::bind(listen)
            .await
            .with_context(|| listen.to_string())?;
        serve(
            Listener::Tcp(listener),
            Arc::clone(&gateway),
            ServerConfig::default(),
            Drain::new(),
        )
        .await?;
        Ok(())
    })
}

fn open(gateway: &Gateway, upstream: SocketAddr) -> anyhow::Result<()> {
    gateway.add(RevisionConfig {
        name: "bench".into(),
        routes: vec![Route::default()],
        limit: None,
        target: 10.0,
        hold: HoldLimits {
            requests: 10_000,
            bytes: 64 << 20,
            wait: Duration::from_secs(300),
        },
        time_limits: TimeLimits::default(),
        waking: WakingRules::default(),
    });
    gateway.route(&["bench".into()])?;
    gateway.open("bench", "bench-1", upstream)?;
    Ok(())
}
