// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

use super::connection::Connection;

/// Connections that are kept for the next read, one for each replica and way of speaking.
pub(super) struct Parked {
    kept: Mutex<BTreeMap<(SocketAddr, bool), (Connection, Instant)>>,
    most: usize,
}

impl Parked {
    /// Connections kept at most, where this process may have twice as many files open; else half of those. Others are closed
    /// after their read.
    const MOST: usize = 10_240;
    /// A connection that was not used for so long may have been closed by the other side, and is.
    const LONGEST: Duration = Duration::from_secs(30);

    pub(super) fn new() -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self {
            kept: Mutex::default(),
            most: usize::try_from(files / 2).map_or(Self::MOST, |half| half.min(Self::MOST)),
        }
    }

    pub(super) fn take(&self, address: SocketAddr, secure: bool) -> Option<Connection> {
        let mut parked = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (connection, since) = parked.remove(&(address, secure))?;
        (since.elapsed() < Self::LONGEST).then_some(connection)
    }

    pub(super) fn put(&self, address: SocketAddr, secure: bool, connection: Connection) {
        let mut parked = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if parked.len() >= self.most {
            parked.retain(|_, (_, since)| since.elapsed() < Self::LONGEST);
        }
        if parked.len() < self.most {
            parked.insert((address, secure), (connection, Instant::now()));
        }
    }

    /// Closes what was not used for too long.
    pub(super) fn sweep(&self) {
        let mut parked = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        parked.retain(|_, (_, since)| since.elapsed() < Self::LONGEST);
    }
}
