// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Requests in flight all the time, each on a connection of its own so that a Service spreads them.
pub(crate) struct Load {
    address: SocketAddr,
    host: String,
    clients: JoinSet<()>,
    counts: Arc<Counts>,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Load {
    pub(crate) fn new(address: SocketAddr, host: String) -> Self {
        Self {
            address,
            host,
            clients: JoinSet::new(),
            counts: Arc::default(),
        }
    }

    /// So many more clients, each with a pause between two requests.
    pub(crate) fn add(&mut self, clients: usize, pause: Duration) {
        for _ in 0..clients {
            let (address, host, counts) =
                (self.address, self.host.clone(), Arc::clone(&self.counts));
            self.clients.spawn(async move {
                loop {
                    let counter = match get(address, &host).await {
                        Ok(_) => &counts.answered,
                        Err(error) => {
                            if counts.failed.load(Ordering::Relaxed) < 3 {
                                println!("failed: {error:#}");
                            }
                            &counts.failed
                        }
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                    sleep(pause).await;
                }
            });
        }
    }

    /// Ends it, and says how many were answered and how many failed.
    pub(crate) async fn end(mut self) -> (u64, u64) {
        self.clients.shutdown().await;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.counts.answered), read(&self.counts.failed))
    }
}

/// One GET; how long it took. Anything but 200 is a failure.
pub(crate) async fn get(address: SocketAddr, host: &str) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let answer = timeout(Duration::from_secs(120), async {
        let mut connection = TcpStream::connect(address).await.context("no connection")?;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        anyhow::Ok(answer)
    });
    let answer = answer.await.context("no answer")??;
    ensure!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    Ok(since.elapsed())
}
