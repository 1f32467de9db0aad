// SPDX-License-Identifier: Apache-2.0
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// How long to wait before the next try: 100 ms at first, twice as long each time, 5 s at most; each between half of
/// that and all of it, so that those who failed together do not come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LAST: Duration = Duration::from_secs(5);

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// After a failure; `random` says where between half and all.
    pub(super) fn next(&mut self, random: u64) -> Duration {
        let doubled = Self::FIRST.saturating_mul(1 << self.failures.min(16));
        let whole = doubled.min(Self::LAST);
        self.failures = self.failures.saturating_add(1);
        let share = random as f64 / u64::MAX as f64;
        whole.mul_f64(0.5 + share / 2.0)
    }
}

/// Good enough to spread tries: the standard library keys each of its hashers at random.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_but_not_for_ever() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.next(u64::MAX).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(50));
        assert_ne!(random(), random());
    }
}
