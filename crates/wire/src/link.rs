// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, time::Duration};

use tokio::sync::mpsc;

use crate::{Downward, TlsError, Upward, Who};

/// The way up from a queue or gateway: one stream to each autoscaler, kept up for as long as this lives.
///
/// Every [`Upward`] goes to every autoscaler that is connected. Sending never waits.
#[derive(Debug)]
pub struct Link {}

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
}

impl Link {
    /// Starts on the present tokio runtime. What comes down arrives at the receiver (bounded: 1,024; when it is full
    /// the newest is dropped). Everything ends when the `Link` is dropped.
    ///
    /// # Errors
    /// When the certificates are needed and cannot be read.
    pub fn start(_config: LinkConfig) -> Result<(Self, mpsc::Receiver<Downward>), TlsError> {
        todo!()
    }

    /// Sends to every autoscaler that is connected; never waits.
    pub fn send(&self, _message: Upward) {
        todo!()
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> LinkMetrics {
        todo!()
    }
}
