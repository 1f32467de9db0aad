// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::connection::Connection;

/// Connections that are kept for the next read, one for each replica and way of speaking.
#[derive(Default)]
pub(super) struct Parked(Mutex<BTreeMap<(SocketAddr, bool), (Connection, Instant)>>);

impl Parked {
    /// Connections kept at most; others are closed after their read.
    const MOST: usize = 1024;
    /// A connection that was not used for so long may have been closed by the other side, and is.
    const LONGEST: Duration = Duration::from_secs(30);

    pub(super) fn take(&self, address: SocketAddr, secure: bool) -> Option<Connection> {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (connection, since) = parked.remove(&(address, secure))?;
        (since.elapsed() < Self::LONGEST).then_some(connection)
    }

    pub(super) fn put(&self, address: SocketAddr, secure: bool, connection: Connection) {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parked.len() >= Self::MOST {
            parked.retain(|_, (_, since)| since.elapsed() < Self::LONGEST);
        }
        if parked.len() < Self::MOST {
            parked.insert((address, secure), (connection, Instant::now()));
        }
    }

    /// Closes what was not used for too long.
    pub(super) fn sweep(&self) {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parked.retain(|_, (_, since)| since.elapsed() < Self::LONGEST);
    }
}
