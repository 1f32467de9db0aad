// SPDX-License-Identifier: Apache-2.0
use std::{fmt, time::Duration};

use hdrhistogram::Histogram;

/// How a duration is spread over the requests: to three digits, in fixed memory.
#[derive(Clone, PartialEq)]
pub struct Spread {
    micros: Histogram<u64>,
    sum: u128,
    max: u64,
}

impl Default for Spread {
    fn default() -> Self {
        let three_digits = Histogram::new(3);
        Self {
            micros: three_digits.unwrap_or_else(|_| unreachable!("three digits are allowed")),
            sum: 0,
            max: 0,
        }
    }
}

impl Spread {
    /// Enters one.
    pub(crate) fn add(&mut self, micros: u64) {
        // It grows with what comes; only what no machine can address could not be entered.
        if self.micros.record(micros).is_err() {
            self.micros.saturating_record(micros);
        }
        self.sum += u128::from(micros);
        self.max = self.max.max(micros);
    }
    /// How many were entered.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.micros.len()
    }
    /// The mean, exact; zero when empty.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let mean = self.sum / u128::from(self.count().max(1));
        Duration::from_micros(u64::try_from(mean).unwrap_or(u64::MAX))
    }
    /// What so large a share (0 to 1) does not exceed; zero when empty.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.micros.value_at_quantile(share).min(self.max))
    }
    /// The longest, exact.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max)
    }
    /// The share that is longer, to the three digits of the spread.
    #[must_use]
    pub fn share_above(&self, limit: Duration) -> f64 {
        if self.count() == 0 {
            return 0.0;
        }
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let within = self.micros.count_between(0, micros);
        (self.count() - within) as f64 / self.count() as f64
    }
    /// For a plot: each duration that came (to three digits) with the share that does not exceed it, rising.
    pub fn distribution(&self) -> impl Iterator<Item = (Duration, f64)> + '_ {
        let count = self.count().max(1) as f64;
        let mut below = 0;
        self.micros.iter_recorded().map(move |step| {
            below += step.count_since_last_iteration();
            let duration = Duration::from_micros(step.value_iterated_to());
            (duration, below as f64 / count)
        })
    }
}

impl fmt::Debug for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spread")
            .field("count", &self.count())
            .field("mean", &self.mean())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}
