// SPDX-License-Identifier: Apache-2.0
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::client::conn::{http1, http2};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::body::RequestBody;

/// One thread's connections to one upstream. Threads share a shard only if there are more of them than
/// shards, so its lock is not waited for.
#[derive(Debug)]
pub(crate) struct Shard {
    connections: Mutex<Connections>,
    /// Held by the one request that opens the HTTP/2 connection or finds out what the app speaks.
    turn: Semaphore,
}

#[derive(Debug, Default)]
struct Connections {
    /// The last one given back is the first one taken: the others grow old and their app may close them.
    idle: Vec<http1::SendRequest<RequestBody>>,
    http2: Option<http2::SendRequest<RequestBody>>,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            connections: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection that was open when last looked at.
    pub(crate) fn pop(&self) -> Option<http1::SendRequest<RequestBody>> {
        let mut connections = self.lock();
        while let Some(sender) = connections.idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection. At the bound the dead are cleared out; if all live, it is closed.
    pub(crate) fn push(&self, sender: http1::SendRequest<RequestBody>, max_idle: usize) {
        let mut connections = self.lock();
        if connections.idle.len() >= max_idle {
            connections.idle.retain(|sender| !sender.is_closed());
        }
        if connections.idle.len() < max_idle {
            connections.idle.push(sender);
        }
    }

    /// The shared HTTP/2 connection, if it is open.
    pub(crate) fn http2(&self) -> Option<http2::SendRequest<RequestBody>> {
        self.lock()
            .http2
            .as_ref()
            .filter(|sender| !sender.is_closed())
            .cloned()
    }

    pub(crate) fn set_http2(&self, sender: http2::SendRequest<RequestBody>) {
        self.lock().http2 = Some(sender);
    }

    pub(crate) fn forget_http2(&self) {
        self.lock().http2 = None;
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Connections::default();
    }

    /// `None` never happens: the semaphore is not closed.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turn.acquire().await.ok()
    }
}
