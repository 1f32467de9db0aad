// SPDX-License-Identifier: Apache-2.0
//! One second of [`crate::history::History`], and how much of it the reports cover.

pub(crate) const SECOND_MICROS: u64 = 1_000_000;

/// Integrals over one whole second. All whole numbers, so that sums do not drift and their order is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// Request-seconds in flight and waiting, in billionths.
    pub(crate) load: u64,
    /// Replica-microseconds covered by reports.
    pub(crate) covered: u64,
    /// Replica-microseconds that ought to be covered: ready, and not just become so.
    pub(crate) expected: i64,
    /// Replica-microseconds of all that were there: ready or draining.
    pub(crate) there: u64,
    /// Picoseconds for which the load of all that were there is known; see [`Bucket::known_time`].
    pub(crate) time: u64,
    /// Microseconds for which anyone was there.
    pub(crate) inhabited: u32,
    /// Requests finished and refused.
    pub(crate) requests: u32,
    pub(crate) refused: u32,
}

impl Bucket {
    const PICOS_PER_MICRO: f64 = 1e6;
    /// More coverage than this times those known to be there (and half a replica) means that the
    /// platform's news is behind.
    const UNKNOWN_REPLICAS: f64 = 1.5;

    pub(crate) fn cover(&mut self, concurrency: f64, micros: u64) {
        // One request in flight for a microsecond is a thousand billionths of a request-second.
        let load = (concurrency * micros as f64 * 1e3).round() as u64;
        self.load = self.load.saturating_add(load);
        self.covered = self.covered.saturating_add(micros);
        self.time = self.known_time();
    }

    pub(crate) fn inhabit(&mut self, expected: u32, there: u32, micros: u64) {
        self.expected = self
            .expected
            .saturating_add_unsigned(u64::from(expected) * micros);
        self.there = self.there.saturating_add(u64::from(there) * micros);
        if there > 0 {
            self.inhabited = self.inhabited.saturating_add(micros as u32);
        }
        self.time = self.known_time();
    }

    /// Coverage divided by the replicas that were there: when half of them are silent, only half of the
    /// second is known, so that load / time takes the silent ones to be as loaded as the others.
    ///
    /// How many were there is what the coverage says, within what the platform says: at least those that
    /// ought to report, at most those that may. Where much more reported than the platform knows of, or
    /// it has said nothing yet, the reports are believed.
    fn known_time(&self) -> u64 {
        let covered = self.covered as f64;
        let there = self.there as f64;
        let known =
            there > 0.0 && covered <= Self::UNKNOWN_REPLICAS * there + 0.5 * SECOND_MICROS as f64;
        let micros = if known {
            let replicas = covered.clamp((self.expected.max(0) as f64).min(there), there);
            covered * f64::from(self.inhabited) / replicas.max(1.0)
        } else {
            covered.min(SECOND_MICROS as f64)
        };
        (micros * Self::PICOS_PER_MICRO).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(expected: u32, there: u32, covered: u64) -> f64 {
        let mut bucket = Bucket::default();
        bucket.inhabit(expected, there, SECOND_MICROS);
        bucket.cover(10.0, covered);
        let average = bucket.load as f64 / 1e9 / (bucket.time as f64 / 1e12);
        (average * 1e9).round() / 1e9
    }

    #[test]
    fn the_silent_are_as_loaded_as_the_others() {
        assert_eq!(second(2, 2, 1_000_000), 20.0);
        assert_eq!(second(4, 4, 1_000_000), 40.0);
    }

    #[test]
    fn reports_that_come_a_little_early_or_late_change_nothing() {
        assert_eq!(second(1, 1, 1_020_000), 10.0);
        assert_eq!(second(1, 1, 980_000), 10.0);
    }

    #[test]
    fn newcomers_and_leavers_count_when_they_report() {
        assert_eq!(second(1, 100, 1_000_000), 10.0);
        assert_eq!(second(1, 100, 100_000_000), 1000.0);
        assert_eq!(second(10, 11, 10_500_000), 105.0);
    }

    #[test]
    fn what_the_platform_has_not_told_yet_is_believed() {
        assert_eq!(second(1, 1, 6_000_000), 60.0);
        assert_eq!(second(0, 0, 400_000), 10.0);
    }
}
