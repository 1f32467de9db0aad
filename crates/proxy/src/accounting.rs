// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use cheerful_scaling::Latency;

/// In-flight accounting of one replica: exact request-seconds at the cost of two atomic operations per request edge.
///
/// With n in flight and A = sum(end) - sum(start) over the edges so far, the request-seconds up to now are
/// A + n * now. Times are kept in sixteenths of a microsecond, so that the sums wrap only after 36,000
/// request-years.
///
/// n and A must be read as of one moment, for a reading that tears them is wrong by the whole time since the
/// process began. A lock held for three additions does that, and costs less than three separate atomic adds;
/// without one a reader can be starved by writers that are preempted half-way (tried).
#[derive(Debug, Default)]
pub struct Accounting {
    sums: Mutex<Sums>,
    /// Begun less ended, for who only wants that.
    in_flight: AtomicU64,
    refused: AtomicU64,
    /// Made by the first request, so that an idle one stays small.
    latency: OnceLock<Box<[AtomicU64; Latency::BUCKETS]>>,
}

#[derive(Debug, Default)]
struct Sums {
    begun: u64,
    ended: u64,
    /// A in ticks, wrapping.
    edges: u64,
}

/// Ticks in a microsecond.
const TICKS: u64 = 16;

static EPOCH: LazyLock<Instant> = LazyLock::new(now);

#[expect(
    clippy::disallowed_methods,
    reason = "the accounting's clock: an edge is timed where it happens"
)]
fn now() -> Instant {
    Instant::now()
}

/// Ticks since the process first asked.
fn ticks() -> u64 {
    let since = now().saturating_duration_since(*EPOCH);
    // 10^9 * 2 / 125 = 16 * 10^6; the whole seconds apart, so that nothing overflows.
    since.as_secs() * 1_000_000 * TICKS + u64::from(since.subsec_nanos()) * 2 / 125
}

impl Accounting {
    /// An empty one; times are taken from a clock of its own, in microseconds since the process began.
    #[must_use]
    pub fn new() -> Arc<Self> {
        LazyLock::force(&EPOCH);
        Arc::new(Self::default())
    }

    /// A request begins; it ends when the guard is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> InFlight {
        let start = self.edge(|sums, at| {
            sums.begun = sums.begun.wrapping_add(1);
            sums.edges = sums.edges.wrapping_sub(at);
        });
        InFlight {
            accounting: Arc::clone(self),
            start,
        }
    }

    /// A request was refused.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// The sums so far, all as of one moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let sums = self.sums();
        let at = ticks();
        let Sums {
            begun,
            ended,
            edges,
        } = *sums;
        drop(sums);
        let in_flight = begun.wrapping_sub(ended);
        let request_ticks = edges.wrapping_add(in_flight.wrapping_mul(at));
        Counts {
            at_micros: at / TICKS,
            in_flight,
            request_micros: request_ticks / TICKS,
            begun,
            ended,
            refused: self.refused.load(Relaxed),
            latency: self.latency.get().map_or_else(
                || vec![0; Latency::BUCKETS],
                |buckets| buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
            ),
        }
    }

    fn end(&self, start: u64) {
        let end = self.edge(|sums, at| {
            sums.ended = sums.ended.wrapping_add(1);
            sums.edges = sums.edges.wrapping_add(at);
        });
        let buckets = self
            .latency
            .get_or_init(|| Box::new([const { AtomicU64::new(0) }; Latency::BUCKETS]));
        let micros = end.saturating_sub(start) / TICKS;
        if let Some(bucket) = buckets.get(Latency::bucket_of(micros)) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// Enters an edge into the sums; gives its time.
    fn edge(&self, enter: impl FnOnce(&mut Sums, u64)) -> u64 {
        let mut sums = self.sums();
        // Read under the lock: edges follow one another in the order of their times.
        let at = ticks();
        enter(&mut sums, at);
        self.in_flight
            .store(sums.begun.wrapping_sub(sums.ended), Relaxed);
        at
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct InFlight {
    accounting: Arc<Accounting>,
    start: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.accounting.end(self.start);
    }
}

/// Sums since the beginning; the difference of two is what happened between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// When they were taken, microseconds since the process began.
    pub at_micros: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Request-microseconds up to `at_micros`.
    pub request_micros: u64,
    /// Requests begun.
    pub begun: u64,
    /// Requests ended.
    pub ended: u64,
    /// Requests refused.
    pub refused: u64,
    /// Ended requests by how long they took, in the buckets of `cheerful_scaling::Latency`.
    pub latency: Vec<u64>,
}
