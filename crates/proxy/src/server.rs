// SPDX-License-Identifier: Apache-2.0
use std::{io, sync::Arc, time::Duration};

use crate::Choose;

/// A listening socket: bound by us or handed over by systemd.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(tokio::net::TcpListener),
    /// TCP with TLS; ALPN offers h2 and http/1.1.
    Tls(tokio::net::TcpListener, Arc<rustls::ServerConfig>),
    /// A Unix socket.
    Unix(tokio::net::UnixListener),
}

/// Bounds of the server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Connections at once; over it the newest is not accepted until one ends.
    pub max_connections: usize,
    /// A request's head: over it 431.
    pub max_head_bytes: usize,
    /// For the whole head to arrive: over it 408 and close.
    pub head_timeout: Duration,
    /// Streams at once in one HTTP/2 connection.
    pub max_streams: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_head_bytes: 64 * 1024,
            head_timeout: Duration::from_secs(30),
            max_streams: 256,
        }
    }
}

/// Tells a server to stop: cloned handles share one state.
#[derive(Clone, Debug)]
pub struct Drain {}

impl Drain {
    /// Not draining.
    #[must_use]
    pub fn new() -> Self {
        Self {}
    }
    /// Stop accepting; `Connection: close` and GOAWAY; finish what is in flight.
    pub fn begin(&self) {}
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves until drained; returns when the last connection has ended. Runs on a current-thread tokio runtime
/// or any other; all per-connection tasks are owned by it and end when it is dropped.
///
/// # Errors
/// Only what makes accepting impossible for good.
pub async fn serve<C: Choose>(
    _listener: Listener,
    _choose: Arc<C>,
    _config: ServerConfig,
    _drain: Drain,
) -> io::Result<()> {
    todo!()
}
