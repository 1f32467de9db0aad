// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_proxy::Counts;
use cheerful_scaling::Latency;

/// What was counted for one revision since it was made known: plain numbers for `/metrics`.
/// Totals never fall. A bucket is one of [`Latency`]; a list of buckets is empty while nothing was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RevisionMetrics {
    /// The revision's name.
    pub revision: String,
    /// Requests in flight in its replicas that count.
    pub in_flight: u64,
    /// Requests held now that count.
    pub held: u64,
    /// Requests that were passed on to a replica, counted, and have ended there.
    pub passed_total: u64,
    /// The same, of those that do not count.
    pub uncounted_total: u64,
    /// Answered here, for no replica was ready and the waking rules say so.
    pub answered_at_zero_total: u64,
    /// Refused, for they do not count and no replica was ready.
    pub refused_uncounted_total: u64,
    /// Refused, for the hold line was full.
    pub refused_hold_full_total: u64,
    /// Refused at the time limit of holding.
    pub refused_hold_timeout_total: u64,
    /// Given up by the client while they were held.
    pub left_while_held_total: u64,
    /// Tries that a replica did not answer; a request may have several.
    pub failed_tries_total: u64,
    /// Requests that began to be held.
    pub held_total: u64,
    /// Requests that waited because no replica was ready, and were released.
    pub cold_starts_total: u64,
    /// Their waits together.
    pub cold_start_seconds_total: f64,
    /// Their waits by bucket.
    pub cold_start_buckets: Vec<u64>,
    /// Request-seconds in flight of the requests that count, up to now.
    pub request_seconds_total: f64,
    /// How long the ended ones took, by bucket.
    pub duration_buckets: Vec<u64>,
}

impl RevisionMetrics {
    /// Takes in what was counted in one replica.
    pub(crate) fn add(&mut self, counts: &Counts) {
        self.in_flight += counts.in_flight;
        self.passed_total += counts.ended;
        self.request_seconds_total += Duration::from_micros(counts.request_micros).as_secs_f64();
        add_buckets(&mut self.duration_buckets, &counts.latency);
    }

    /// A request that waited for a replica was released.
    pub(crate) fn cold_start(&mut self, waited: Duration) {
        self.cold_starts_total += 1;
        self.cold_start_seconds_total += waited.as_secs_f64();
        self.cold_start_buckets.resize(Latency::BUCKETS, 0);
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.cold_start_buckets.get_mut(Latency::bucket_of(micros)) {
            *bucket += 1;
        }
    }
}

fn add_buckets(sum: &mut Vec<u64>, counts: &[u64]) {
    if sum.len() < counts.len() {
        sum.resize(counts.len(), 0);
    }
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += count;
    }
}
