// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use cheerful_proxy::{Accounting, InFlight, Upstream, UpstreamConfig};

use crate::Counted;

/// Idle connections kept to one replica, per serving thread, where no lower concurrency limit says less.
const MAX_IDLE: usize = 1024;

/// In [`Queue::limit`]: no limit.
const NO_LIMIT: u32 = 0;

/// What stands before one replica: its upstream, its concurrency limit, its accounting.
/// It never waits: who finds no place has to hold the request.
#[derive(Debug)]
pub struct Queue {
    replica: String,
    upstream: Arc<Upstream>,
    accounting: Arc<Accounting>,
    limit: AtomicU32,
    in_flight: AtomicU64,
}

/// What a queue is made from.
#[derive(Clone, Debug)]
pub struct QueueConfig {
    /// The replica's name, unique within its revision.
    pub replica: String,
    /// Where the replica listens.
    pub address: SocketAddr,
    /// Requests in flight at most; `None` (and 0, which would let nothing in): no limit.
    pub limit: Option<u32>,
}

impl Queue {
    /// A queue before a replica that is ready.
    #[must_use]
    pub fn new(config: QueueConfig) -> Arc<Self> {
        let limit = config.limit.unwrap_or(NO_LIMIT);
        let max_idle = match limit {
            NO_LIMIT => MAX_IDLE,
            limit => usize::try_from(limit).unwrap_or(MAX_IDLE).min(MAX_IDLE),
        };
        Arc::new(Self {
            replica: config.replica,
            upstream: Upstream::new(UpstreamConfig {
                address: config.address,
                max_idle,
            }),
            accounting: Accounting::new(),
            limit: AtomicU32::new(limit),
            in_flight: AtomicU64::new(0),
        })
    }

    /// The replica's name.
    #[must_use]
    pub fn replica(&self) -> &str {
        &self.replica
    }

    /// Where requests go.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// The sums over the requests that count.
    #[must_use]
    pub fn accounting(&self) -> &Arc<Accounting> {
        &self.accounting
    }

    /// Takes a place if one is free under the limit; never waits. `counts` false: the request takes a
    /// place like any other, but shows in no sum of the accounting.
    #[must_use]
    pub fn try_enter(self: &Arc<Self>, counts: bool) -> Option<QueuePlace> {
        let limit = self.limit.load(Ordering::Relaxed);
        self.in_flight
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |in_flight| {
                (limit == NO_LIMIT || in_flight < u64::from(limit)).then_some(in_flight + 1)
            })
            .ok()?;
        let in_flight = counts.then(|| self.accounting.enter());
        Some(QueuePlace {
            queue: Arc::clone(self),
            in_flight,
        })
    }

    /// Requests in flight (all, counted or not).
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Changes the limit. Requests that are in flight over a lower one go on.
    pub fn set_limit(&self, limit: Option<u32>) {
        self.limit
            .store(limit.unwrap_or(NO_LIMIT), Ordering::Relaxed);
    }
}

impl Counted for Queue {
    fn replica(&self) -> &str {
        &self.replica
    }
    fn inside_app(&self) -> &Accounting {
        &self.accounting
    }
    /// Who finds no place is held elsewhere.
    fn before_app(&self) -> Option<&Accounting> {
        None
    }
}

/// A place taken in a queue; dropping it gives it back.
#[derive(Debug)]
pub struct QueuePlace {
    queue: Arc<Queue>,
    in_flight: Option<InFlight>,
}

impl QueuePlace {
    /// The queue in which the place is.
    #[must_use]
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        // The sums first: whoever sees the free place sees the request ended.
        drop(self.in_flight.take());
        self.queue.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(limit: Option<u32>) -> Arc<Queue> {
        Queue::new(QueueConfig {
            replica: "a".to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 9)),
            limit,
        })
    }

    #[test]
    fn no_more_than_the_limit_enter_and_a_dropped_place_is_free_again() {
        let queue = queue(Some(2));
        let first = queue.try_enter(true).unwrap();
        let _second = queue.try_enter(false).unwrap();
        assert!(queue.try_enter(true).is_none());
        assert_eq!(queue.in_flight(), 2);
        drop(first);
        assert_eq!(queue.in_flight(), 1);
        assert!(queue.try_enter(true).is_some());
    }

    #[test]
    fn without_a_limit_all_enter() {
        let queue = queue(None);
        let places: Vec<_> = (0..1_000).filter_map(|_| queue.try_enter(true)).collect();
        assert_eq!(places.len(), 1_000);
    }

    #[test]
    fn a_request_that_does_not_count_shows_in_no_sum() {
        let queue = queue(None);
        drop(queue.try_enter(false));
        let place = queue.try_enter(false);
        assert_eq!((queue.in_flight(), queue.accounting().in_flight()), (1, 0));
        drop(place);
        assert_eq!(queue.accounting().counts().begun, 0);
    }

    #[test]
    fn a_changed_limit_holds_for_the_next_request() {
        let queue = queue(Some(3));
        let _places: Vec<_> = (0..3).filter_map(|_| queue.try_enter(true)).collect();
        queue.set_limit(Some(1));
        assert!(queue.try_enter(true).is_none());
        queue.set_limit(None);
        assert!(queue.try_enter(true).is_some());
    }

    #[test]
    fn the_limit_holds_for_many_threads() {
        let queue = queue(Some(3));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        if let Some(place) = queue.try_enter(true) {
                            assert!(place.queue().in_flight() <= 3);
                        }
                    }
                });
            }
        });
        assert_eq!(queue.in_flight(), 0);
    }
}
