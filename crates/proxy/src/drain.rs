// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Tells a server to stop: cloned handles share one state.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    token: CancellationToken,
    announced: Arc<watch::Sender<bool>>,
}

impl Drain {
    /// Not draining.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stop accepting; `Connection: close` and GOAWAY; finish what is in flight.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ends when it has begun.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// The end is near (or, with `false`, not after all): new connections are still accepted, idle ones stay open, but
    /// each response says `Connection: close`, and HTTP/2 clients are told to go away. So clients that keep coming
    /// lose nothing, and leave by themselves.
    pub fn announce(&self, near: bool) {
        self.announced.send_replace(near);
    }

    /// Whether the end is announced.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        *self.announced.borrow()
    }

    /// Ends when the end is announced.
    pub(crate) async fn announced(&self) {
        // The sender lives as long as `self`.
        drop(self.announced.subscribe().wait_for(|near| *near).await);
    }
}
