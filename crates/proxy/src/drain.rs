// SPDX-License-Identifier: Apache-2.0
use tokio_util::sync::CancellationToken;

/// Tells a server to stop: cloned handles share one state.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    token: CancellationToken,
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
}
