// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

/// What the gateway tells at once, without waiting for the next collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayEvent {
    /// A request is held though none was before.
    Held {
        /// The revision's name.
        revision: String,
        /// `GET /path, user agent, client address`, cut to 200 characters.
        by: String,
    },
    /// The requests in flight and held have passed the burst threshold. Told again by no request before
    /// the next regular collection, unless they have been below it or the threshold has changed.
    Burst {
        /// The revision's name.
        revision: String,
    },
    /// A replica refused or dropped connections; it was taken out until `open` is said again.
    ReplicaFailed {
        /// The revision's name.
        revision: String,
        /// The replica's name.
        replica: String,
    },
}

/// The way out for events: bounded, never waited for.
#[derive(Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<GatewayEvent>,
    dropped: AtomicU64,
}

impl Events {
    pub(crate) const fn new(sender: mpsc::Sender<GatewayEvent>) -> Self {
        Self {
            sender,
            dropped: AtomicU64::new(0),
        }
    }

    /// Tells an event.
    ///
    /// # Errors
    /// Gives it back, counted, when the channel is full or nobody listens.
    pub(crate) fn tell(&self, event: GatewayEvent) -> Result<(), GatewayEvent> {
        self.sender.try_send(event).map_err(|error| {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            error.into_inner()
        })
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
