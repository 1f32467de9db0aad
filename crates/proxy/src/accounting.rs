// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

/// In-flight accounting of one replica: exact request-seconds at the cost of a few atomic adds per request edge.
/// With n in flight and A = sum(end) - sum(start) over edges so far, request-seconds up to now are A + n * now.
#[derive(Debug, Default)]
pub struct Accounting {}

impl Accounting {
    /// An empty one; times are taken from a clock of its own, in microseconds since the process began.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
    /// A request begins; it ends when the guard is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> InFlight {
        todo!()
    }
    /// A request was refused.
    pub fn refuse(&self) {}
    /// Requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        todo!()
    }
    /// The sums so far, consistent with one another.
    #[must_use]
    pub fn counts(&self) -> Counts {
        todo!()
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct InFlight {}

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
