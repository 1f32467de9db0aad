// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use cheerful_proxy::Failure;
use cheerful_queue::{Queue, QueueConfig, Reporter};
use cheerful_scaling::Report;
use tokio::{sync::Notify, time::Instant};

/// Connections closed without an answer, with no success between, from which on a replica has failed.
/// One alone may be an idle connection that the app ended just when it was used again.
const CLOSED_IN_A_ROW: u32 = 2;

/// One replica as the gateway knows it.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) queue: Arc<Queue>,
    /// Told when nothing is in flight any more, or when the replica is forgotten.
    pub(crate) idle: Notify,
    reporter: Mutex<Reporter>,
    closed_in_a_row: AtomicU32,
    pub(crate) first_answer: OnceLock<FirstAnswer>,
}

/// The first request that a replica answered, whatever the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstAnswer {
    /// When the request was passed to it.
    pub asked: Instant,
    /// When the head of its response had come.
    pub answered: Instant,
}

impl Replica {
    pub(crate) fn new(name: &str, address: SocketAddr, limit: Option<u32>) -> Arc<Self> {
        let queue = Queue::new(QueueConfig {
            replica: name.to_owned(),
            address,
            limit,
        });
        let reporter = Mutex::new(Reporter::new(&queue));
        Arc::new(Self {
            queue,
            idle: Notify::new(),
            reporter,
            closed_in_a_row: AtomicU32::new(0),
            first_answer: OnceLock::new(),
        })
    }

    /// What happened since the last report.
    pub(crate) fn report(&self, burst: bool) -> Option<Report> {
        let mut reporter = self.reporter.lock().unwrap_or_else(PoisonError::into_inner);
        reporter.report(&self.queue, burst)
    }

    /// It answered, or is new.
    pub(crate) fn succeeded(&self) {
        if self.closed_in_a_row.load(Ordering::Relaxed) != 0 {
            self.closed_in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// Whether a failure means that the replica is gone, and not only that one request went wrong.
    pub(crate) fn is_gone_after(&self, failure: Failure) -> bool {
        match failure {
            Failure::Refused | Failure::ConnectTimeout => true,
            Failure::Closed => {
                self.closed_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= CLOSED_IN_A_ROW
            }
            Failure::NotHttp | Failure::FirstByteTimeout => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_connection_is_a_failure_at_once_a_closed_one_the_second_time() {
        let replica = Replica::new("a", SocketAddr::from(([127, 0, 0, 1], 9)), None);
        assert!(replica.is_gone_after(Failure::Refused));
        assert!(replica.is_gone_after(Failure::ConnectTimeout));
        assert!(!replica.is_gone_after(Failure::FirstByteTimeout));
        assert!(!replica.is_gone_after(Failure::Closed));
        replica.succeeded();
        assert!(!replica.is_gone_after(Failure::Closed));
        assert!(replica.is_gone_after(Failure::Closed));
    }
}
