// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use cheerful_scaling::Moment;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{
        Error, Message,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{Activators, Holder, WireStatMessages};

/// Takes what activators send, as Knative's autoscaler does.
#[derive(Debug)]
pub struct PushServer {
    activators: Mutex<Activators>,
    origin: Instant,
    first: mpsc::Sender<Holder>,
    counts: PushCounts,
}

/// What was counted.
#[derive(Debug, Default)]
pub struct PushCounts {
    /// Connections that are open.
    pub connections: AtomicU64,
    /// Connections over the most.
    pub too_many: AtomicU64,
    /// Connections that did not become a WebSocket.
    pub handshakes_failed: AtomicU64,
    /// Frames that were read.
    pub frames: AtomicU64,
    /// Frames that could not be.
    pub malformed: AtomicU64,
    /// First requests that found their line full; they are seen within a second all the same.
    pub dropped: AtomicU64,
}

/// Bounds of the server.
#[derive(Clone, Copy, Debug)]
pub struct PushConfig {
    /// Connections at once. Default 256.
    pub most_connections: u64,
    /// For a connection to become a WebSocket. Default 5 s.
    pub handshake_timeout: Duration,
    /// A connection without a frame for so long ends. Default 30 s; an activator pings every few seconds.
    pub idle_timeout: Duration,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            most_connections: 256,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Before the next try after the system gave no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// For a closing frame to go out.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

impl PushServer {
    /// Tells `first` (bounded; a full one is no loss but of time) of which revision a first request has come.
    #[must_use]
    pub fn new(first: mpsc::Sender<Holder>) -> Self {
        Self {
            activators: Mutex::default(),
            origin: Instant::now(),
            first,
            counts: PushCounts::default(),
        }
    }

    /// Requests of a revision in all activators; see [`Activators::concurrency`].
    #[must_use]
    pub fn concurrency(&self, namespace: &str, name: &str) -> Option<f64> {
        let now = self.now();
        self.activators().concurrency(now, namespace, name)
    }

    /// Requests that are held while there is no ready pod; see [`Activators::held`].
    #[must_use]
    pub fn held(&self, namespace: &str, name: &str) -> u64 {
        let now = self.now();
        self.activators().held(now, namespace, name)
    }

    /// What is known and what was counted.
    pub fn activators(&self) -> MutexGuard<'_, Activators> {
        self.activators
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted of connections and frames.
    #[must_use]
    pub const fn counts(&self) -> &PushCounts {
        &self.counts
    }

    fn now(&self) -> Moment {
        let micros = self.origin.elapsed().as_micros();
        Moment::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn take(&self, frame: &[u8]) {
        match WireStatMessages::read(frame) {
            Ok(messages) => {
                self.counts.frames.fetch_add(1, Relaxed);
                let now = self.now();
                let first = self.activators().take(now, messages);
                for holder in first {
                    if self.first.try_send(holder).is_err() {
                        self.counts.dropped.fetch_add(1, Relaxed);
                    }
                }
            }
            Err(error) => {
                self.counts.malformed.fetch_add(1, Relaxed);
                tracing::debug!("a frame of an activator {error}");
            }
        }
    }
}

/// Serves until `open` is false or its sender is gone; then each connection is closed with 1012, so that the activator connects
/// elsewhere at once. While it is false nobody is let in.
pub async fn serve(
    listener: TcpListener,
    server: Arc<PushServer>,
    config: PushConfig,
    mut open: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            changed = open.changed() => if changed.is_err() { break },
            Some(_) = connections.join_next() => {}
            _ = seconds.tick() => {
                let now = server.now();
                server.activators().forget_the_silent(now);
            }
            accepted = listener.accept() => match accepted {
                Err(error) => {
                    tracing::debug!(%error, "no connection of an activator could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
                // Who is not let in finds another of us, or us later.
                Ok(_) if !*open.borrow() => {}
                Ok((stream, _)) => {
                    let counts = &server.counts;
                    if counts.connections.load(Relaxed) >= config.most_connections {
                        counts.too_many.fetch_add(1, Relaxed);
                        continue;
                    }
                    counts.connections.fetch_add(1, Relaxed);
                    let (server, open) = (Arc::clone(&server), open.clone());
                    connections.spawn(async move {
                        connection(stream, &server, config, open).await;
                        server.counts.connections.fetch_sub(1, Relaxed);
                    });
                }
            }
        }
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then ends with the set.
    drop(timeout(2 * CLOSE_LIMIT, ended).await);
}

async fn connection(
    stream: TcpStream,
    server: &PushServer,
    config: PushConfig,
    mut open: watch::Receiver<bool>,
) {
    let settings = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(WireStatMessages::MAX_BYTES))
        .max_frame_size(Some(WireStatMessages::MAX_BYTES));
    let accept = accept_async_with_config(stream, Some(settings));
    let Ok(Ok(mut socket)) = timeout(config.handshake_timeout, accept).await else {
        server.counts.handshakes_failed.fetch_add(1, Relaxed);
        return;
    };
    let closes = loop {
        tokio::select! {
            changed = open.changed() => if changed.is_err() || !*open.borrow() {
                break Some((CloseCode::Restart, "goes"));
            },
            frame = timeout(config.idle_timeout, socket.next()) => match frame {
                Ok(Some(Ok(Message::Binary(frame)))) => server.take(&frame),
                Ok(Some(Ok(Message::Text(_)))) => {
                    server.counts.malformed.fetch_add(1, Relaxed);
                    break Some((CloseCode::Unsupported, "only binary frames are read"));
                }
                // A ping is answered by the next read.
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Ok(Some(Err(Error::Capacity(_)))) => {
                    server.counts.malformed.fetch_add(1, Relaxed);
                    break Some((CloseCode::Size, "too long"));
                }
                Err(_) => break Some((CloseCode::Away, "silent for too long")),
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => break None,
            },
        }
    };
    if let Some((code, reason)) = closes {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let goodbye = async {
            socket.send(Message::Close(Some(frame))).await?;
            // Until the other side has closed as well, or what it sent last would reset the connection.
            while let Some(Ok(_)) = socket.next().await {}
            Ok::<_, Error>(())
        };
        drop(timeout(CLOSE_LIMIT, goodbye).await);
    }
}
