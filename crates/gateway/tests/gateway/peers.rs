// SPDX-License-Identifier: Apache-2.0
//! Apps, the front door's server and clients, with real sockets.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use cheerful_gateway::{Gateway, GatewayEvent, RevisionConfig};
use cheerful_proxy::{Drain, Listener, ServerConfig, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::door::gateway;

/// Longer than anything here takes on a loaded machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A replica's app: answers each request with its name after a while. Dropping it kills it.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl App {
    pub(crate) async fn start(name: &'static str, latency: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream, name, latency));
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

async fn answer(mut stream: TcpStream, name: &'static str, latency: Duration) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            sleep(latency).await;
            let response = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}",
                name.len()
            );
            if stream.write_all(response.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// A gateway behind a server of its own.
pub(crate) struct Site {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) events: mpsc::Receiver<GatewayEvent>,
    pub(crate) door: SocketAddr,
    pub(crate) tasks: JoinSet<()>,
}

impl Site {
    pub(crate) async fn start(revisions: impl IntoIterator<Item = RevisionConfig>) -> Self {
        let (gateway, events) = gateway(revisions);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = listener.local_addr().unwrap();
        let served = Arc::clone(&gateway);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let config = ServerConfig::default();
            serve(Listener::Tcp(listener), served, config, Drain::new())
                .await
                .unwrap();
        });
        Self {
            gateway,
            events,
            door,
            tasks,
        }
    }

    /// Starts an app of this name and opens it as the replica of this name.
    pub(crate) async fn open(
        &self,
        revision: &str,
        replica: &'static str,
        latency: Duration,
    ) -> App {
        let app = App::start(replica, latency).await;
        self.gateway.open(revision, replica, app.address).unwrap();
        app
    }
}

/// Sends a request and leaves the connection open.
pub(crate) async fn send(door: SocketAddr, host: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(door).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The whole response as text.
pub(crate) async fn receive(mut stream: TcpStream) -> String {
    let mut response = String::new();
    timeout(LONG, stream.read_to_string(&mut response))
        .await
        .unwrap()
        .unwrap();
    response
}

pub(crate) async fn get(door: SocketAddr, path: &str) -> String {
    receive(send(door, "example.com", path).await).await
}

pub(crate) fn assert_from(response: &str, app: &str) {
    assert!(
        response.starts_with("HTTP/1.1 200") && response.ends_with(app),
        "{app}: {response}"
    );
}

/// Waits until something is so.
pub(crate) async fn until(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < LONG, "not in {LONG:?}");
        sleep(Duration::from_millis(2)).await;
    }
}
