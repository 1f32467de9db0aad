// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

/// How long requests took: counts in fixed, log-linear buckets, so that two can be added.
/// (contract stub: bounds, `bucket_of(micros) -> usize`, `upper_bound_micros(bucket) -> u64`, quantile)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    counts: Vec<u32>,
}

impl Latency {
    /// How many buckets there are.
    pub const BUCKETS: usize = 64;
    /// The bucket into which a request of so many microseconds falls; the last one takes all longer ones.
    #[must_use]
    pub fn bucket_of(_micros: u64) -> usize {
        todo!()
    }
    /// The upper bound of a bucket in microseconds, inclusive; `u64::MAX` for the last.
    #[must_use]
    pub fn upper_bound_micros(_bucket: usize) -> u64 {
        todo!()
    }
    /// From counts, one for each bucket.
    #[must_use]
    pub fn from_counts(_counts: &[u32; Self::BUCKETS]) -> Self {
        todo!()
    }
    /// Requests counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        todo!()
    }
    /// The upper bound in microseconds of the bucket in which the quantile (0 to 1) lies; `None` when empty.
    #[must_use]
    pub fn quantile_micros(&self, _quantile: f64) -> Option<u64> {
        todo!()
    }
}
