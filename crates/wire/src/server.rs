// SPDX-License-Identifier: Apache-2.0
use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{Downward, Hello, ServerTls, Upward};

mod accept;
mod grpc;
mod metrics;
mod session;
mod websocket;

pub(crate) use session::software;

pub use metrics::{ServerCounts, ServerMetrics};

/// Decides who may speak. Called once for each stream, with its first message.
pub trait Admit: Send + Sync + 'static {
    /// What takes the messages of one stream.
    type Session: Session;
    /// Proves the one who speaks, within 10 s. `down` is the way to it (bounded: 256; use `try_send`).
    ///
    /// # Errors
    /// Told to the other side; the stream ends.
    fn admit(
        &self,
        hello: Hello,
        down: mpsc::Sender<Downward>,
    ) -> impl Future<Output = Result<Self::Session, Refusal>> + Send;

    /// The interval that the welcome names.
    fn interval(&self) -> Duration;
}

/// One stream. Dropping it means that the stream has ended.
pub trait Session: Send + 'static {
    /// Takes a message.
    ///
    /// # Errors
    /// Told to the other side; the stream ends.
    fn take(&mut self, message: Upward) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Why a stream was refused or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// A word for metrics: `token`, `pod`, `workload`, `version`, `bad_report`, `too_many`, `unavailable`.
    pub reason: &'static str,
    /// For a person at the other side.
    pub text: String,
}

/// Bounds of the server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Streams at once; over it `too_many`. Default 50,000.
    pub max_streams: usize,
    /// For the first message to arrive. Default 5 s.
    pub hello_timeout: Duration,
    /// A stream without a message for so long ends. Default 30 s; a `Link` says something every 10 s.
    pub idle_timeout: Duration,
    /// A message's size. Default 64 KiB.
    pub max_message_bytes: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_streams: 50_000,
            hello_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            max_message_bytes: 64 * 1024,
        }
    }
}

/// Serves gRPC and WebSocket (`GET /cheerful.wire.v1/stream`) on one port, until `stop`: then streams are ended so
/// that the other side connects elsewhere at once. `tls`: `None` only for tests on loopback.
///
/// # Errors
/// Only what makes accepting impossible for good.
pub async fn serve<A: Admit>(
    listener: TcpListener,
    tls: Option<ServerTls>,
    admit: Arc<A>,
    config: ServerConfig,
    metrics: Arc<ServerMetrics>,
    stop: CancellationToken,
) -> io::Result<()> {
    let server = accept::Server {
        tls,
        admit,
        config,
        metrics,
        stop,
        turns: accept::Turns::default(),
    };
    accept::run(listener, Arc::new(server)).await
}
