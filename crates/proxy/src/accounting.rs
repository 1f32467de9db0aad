// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::{
        Arc, LazyLock, Mutex, OnceLock, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::Instant,
};

use cheerful_scaling::Latency;

/// In-flight accounting of one replica: exact request-seconds at the cost of a few atomic adds per request edge.
///
/// With n in flight and A = sum(end) - sum(start) over the edges so far, the request-seconds up to now are
/// A + n * now. Times are kept in sixteenths of a microsecond, so that the sums wrap only after 36,000
/// request-years. Writers never wait; a reader tries again while edges happen under its eyes.
#[derive(Debug, Default)]
pub struct Accounting {
    begun: AtomicU64,
    ended: AtomicU64,
    /// A, wrapping.
    edges: AtomicU64,
    /// Edges whose two adds above are both done: equal to `begun + ended` when nothing is half-way.
    settled: AtomicU64,
    refused: AtomicU64,
    last: Mutex<Reading>,
    /// Made by the first request, so that an idle one stays small.
    latency: OnceLock<Box<[AtomicU64; Latency::BUCKETS]>>,
}

/// The sums and the time, read together.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    begun: u64,
    ended: u64,
    edges: u64,
    at: u64,
}

/// How often a reader tries: some milliseconds.
const TRIES: u32 = 10_000;

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
        let start = ticks();
        self.begin(start);
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
        // `ended` first: a request that begins and ends in between must not make it negative.
        let ended = self.ended.load(Acquire);
        self.begun.load(Acquire).wrapping_sub(ended)
    }

    /// The sums so far, consistent with one another: all of them as of one moment, at most some milliseconds ago
    /// or that of the reading before.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Reading {
            begun,
            ended,
            edges,
            at,
        } = self.read();
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

    fn begin(&self, at: u64) {
        self.begun.fetch_add(1, AcqRel);
        self.edges.fetch_sub(at, AcqRel);
        self.settled.fetch_add(1, AcqRel);
    }

    fn end(&self, start: u64, at: u64) {
        self.ended.fetch_add(1, AcqRel);
        self.edges.fetch_add(at, AcqRel);
        self.settled.fetch_add(1, AcqRel);
        let buckets = self
            .latency
            .get_or_init(|| Box::new([const { AtomicU64::new(0) }; Latency::BUCKETS]));
        if let Some(bucket) = buckets.get(Latency::bucket_of(at.saturating_sub(start) / TICKS)) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// Begun, ended and A when no edge was half-way, and the time. An edge adds to `begun` or `ended` first
    /// and to `settled` last: what was read holds together if all edges begun had settled before and after.
    ///
    /// Edges that follow one another without a gap could keep a reader trying for ever: after [`TRIES`] it gives
    /// the reading before this one, and the next reading covers the time since.
    fn read(&self) -> Reading {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        for attempt in 1..=TRIES {
            let before = self.settled.load(Acquire);
            let edges = self.edges.load(Acquire);
            // Adding nothing reads the newest value and orders what follows after it.
            let begun = self.begun.fetch_add(0, AcqRel);
            let ended = self.ended.fetch_add(0, AcqRel);
            let at = ticks();
            if begun.wrapping_add(ended) == before && self.settled.load(Acquire) == before {
                *last = Reading {
                    begun,
                    ended,
                    edges,
                    at,
                };
                break;
            }
            if attempt.is_multiple_of(64) {
                // Who is half-way may not be running.
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        *last
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
        self.accounting.end(self.start, ticks());
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
