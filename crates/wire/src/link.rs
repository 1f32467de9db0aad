// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use cheerful_proxy::Tasks;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::{Downward, TlsError, Upward, Who};

mod backoff;
mod connect;
mod director;
mod shared;
mod stream;

use shared::Shared;

/// Messages that wait to be read by the one who started a link.
const DOWN: usize = 1024;

/// The way up from a queue or gateway: one stream to each autoscaler, kept up for as long as this lives.
///
/// Every [`Upward`] goes to every autoscaler that is connected. Sending never waits.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    _tasks: Tasks,
}

/// How a [`Link`] is made.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// `host:port`; every address that the name has is an autoscaler. Looked up again every few seconds.
    pub autoscaler: String,
    /// The name in the autoscaler's certificate; `None`: no TLS, for tests on loopback.
    pub server_name: Option<String>,
    /// Certificates (PEM) to trust, read again when the file changes; needed with TLS.
    pub ca_file: Option<PathBuf>,
    /// The token's file, read again for each stream and when it changes.
    pub token_file: Option<PathBuf>,
    /// How it travels.
    pub transport: Transport,
    /// Who speaks.
    pub who: Who,
    /// Between two looks at the name and the files: 10 s; tests take less.
    pub refresh: Duration,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Transport {
    #[default]
    Grpc,
    WebSocket,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LinkMetrics {
    /// Streams that are up (welcomed) now.
    pub connected: u64,
    pub connects_total: u64,
    pub failures_total: u64,
    /// Streams that the other side refused.
    pub refused_total: u64,
    pub sent_total: u64,
    /// Messages that found a stream's bounded line full.
    pub dropped_total: u64,
    /// Messages from autoscalers that found the receiver's line full.
    pub down_dropped_total: u64,
}

/// Gives the addresses of all autoscalers.
pub type Lookup = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

impl Link {
    /// Starts on the present tokio runtime. What comes down arrives at the receiver (bounded: 1,024; when it is full
    /// the newest is dropped). Each stream that comes up brings a [`crate::Pace`] without workload, with the interval
    /// of the welcome and the burst threshold told last: whoever has to tell a state anew does so then. Everything
    /// ends when the `Link` is dropped.
    ///
    /// # Errors
    /// When the certificates are needed and cannot be read.
    pub fn start(config: LinkConfig) -> Result<(Self, mpsc::Receiver<Downward>), TlsError> {
        let name = config.autoscaler.clone();
        let lookup: Lookup = Arc::new(move || {
            let name = name.clone();
            Box::pin(async move { Ok(tokio::net::lookup_host(name).await?.collect()) })
        });
        Self::start_with_lookup(config, lookup)
    }

    /// As [`Link::start`], with another way to look up the addresses than the name system.
    ///
    /// # Errors
    /// When the certificates are needed and cannot be read.
    pub fn start_with_lookup(
        config: LinkConfig,
        lookup: Lookup,
    ) -> Result<(Self, mpsc::Receiver<Downward>), TlsError> {
        let (down, receiver) = mpsc::channel(DOWN);
        let shared = Arc::new(Shared::new(config, down)?);
        let tasks = Tasks::default();
        tasks.spawn(director::direct(Arc::clone(&shared), lookup));
        let link = Self {
            shared,
            _tasks: tasks,
        };
        Ok((link, receiver))
    }

    /// Sends to every autoscaler that is connected; never waits.
    pub fn send(&self, message: Upward) {
        self.shared.send(message);
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> LinkMetrics {
        let counted = &self.shared.counted;
        LinkMetrics {
            connected: self.shared.connected(),
            connects_total: counted.connects.load(Relaxed),
            failures_total: counted.failures.load(Relaxed),
            refused_total: counted.refused.load(Relaxed),
            sent_total: counted.sent.load(Relaxed),
            dropped_total: counted.dropped.load(Relaxed),
            down_dropped_total: counted.down_dropped.load(Relaxed),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
