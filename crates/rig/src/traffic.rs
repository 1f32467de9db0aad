// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Clients that ask again and again, each one request at a time on a connection of its own, as a Service spreads
/// connections and not requests.
#[derive(Debug)]
pub struct Traffic {
    address: SocketAddr,
    host: String,
    path: String,
    tally: Arc<Mutex<Tally>>,
    clients: JoinSet<()>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Answers with status 200.
    pub answered: u64,
    /// Anything else, by what it was: at most a hundred are kept.
    pub failed: Vec<String>,
    /// The longest wait for an answer.
    pub longest: Duration,
}

/// No request hangs for longer.
const HANGS: Duration = Duration::from_secs(120);
const KEPT: usize = 100;

impl Traffic {
    /// None yet. Requests are GETs of `path` with this Host.
    #[must_use]
    pub fn new(address: SocketAddr, host: &str, path: &str) -> Self {
        Self {
            address,
            host: host.to_owned(),
            path: path.to_owned(),
            tally: Arc::default(),
            clients: JoinSet::new(),
        }
    }

    /// So many more clients that ask without an end, with a pause between two requests.
    pub fn add(&mut self, clients: usize, pause: Duration) {
        for _ in 0..clients {
            let (address, host, path) = (self.address, self.host.clone(), self.path.clone());
            let tally = Arc::clone(&self.tally);
            self.clients.spawn(async move {
                loop {
                    ask(address, &host, &path, &tally).await;
                    sleep(pause).await;
                }
            });
        }
    }

    /// So many clients that ask once.
    pub fn once(&mut self, clients: usize) {
        for _ in 0..clients {
            let (address, host, path) = (self.address, self.host.clone(), self.path.clone());
            let tally = Arc::clone(&self.tally);
            self.clients
                .spawn(async move { ask(address, &host, &path, &tally).await });
        }
    }

    /// What came of it so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    /// Ends the clients where they stand.
    pub async fn end(mut self) -> Tally {
        self.clients.shutdown().await;
        self.tally()
    }

    /// Waits for the clients that ask once.
    pub async fn finish(mut self) -> Tally {
        while let Some(done) = self.clients.join_next().await {
            done.unwrap();
        }
        self.tally()
    }
}

#[expect(clippy::disallowed_methods, reason = "measures real requests")]
async fn ask(address: SocketAddr, host: &str, path: &str, tally: &Mutex<Tally>) {
    let since = Instant::now();
    let outcome = match timeout(HANGS, get(address, host, path)).await {
        Ok(outcome) => outcome,
        Err(_) => Err("no answer: it hangs".to_owned()),
    };
    let mut tally = tally.lock().unwrap();
    tally.longest = tally.longest.max(since.elapsed());
    match outcome {
        Ok(()) => tally.answered += 1,
        Err(why) if tally.failed.len() < KEPT => tally.failed.push(why),
        Err(_) => {}
    }
}

async fn get(address: SocketAddr, host: &str, path: &str) -> Result<(), String> {
    let say = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    let connect = TcpStream::connect(address);
    let mut connection = connect.await.map_err(say("connect"))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let write = connection.write_all(request.as_bytes());
    write.await.map_err(say("write"))?;
    let mut answer = Vec::new();
    connection
        .read_to_end(&mut answer)
        .await
        .map_err(say("read"))?;
    if answer.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer);
    Err(if text.is_empty() {
        "closed without an answer".to_owned()
    } else {
        format!("answer: {}", text.lines().next().unwrap_or_default())
    })
}
