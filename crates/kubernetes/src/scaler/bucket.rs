// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::Moment;

/// How many writes may go: so many a second, and so many at once after a rest.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Moment,
}

impl TokenBucket {
    /// A full one. Both are at least 1.
    pub(crate) fn new(per_second: f64, burst: f64, now: Moment) -> Self {
        let burst = burst.max(1.0);
        Self {
            per_second: per_second.max(1.0),
            burst,
            tokens: burst,
            at: now,
        }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Moment) -> bool {
        let passed = now.since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Until there is one.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs_f64(((1.0 - self.tokens) / self.per_second).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_then_so_many_a_second() {
        let at = |millis: u64| Moment::from_micros(millis * 1000);
        let mut bucket = TokenBucket::new(50.0, 3.0, at(0));
        let mut taken = |millis| (0..9).filter(|_| bucket.take(at(millis))).count();
        assert_eq!(taken(0), 3);
        assert_eq!(taken(19), 0);
        assert_eq!(taken(41), 2);
        assert_eq!(taken(10_000), 3, "no more than the burst after a rest");
        assert!(bucket.wait() <= Duration::from_millis(20));
    }
}
