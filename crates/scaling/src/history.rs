// SPDX-License-Identifier: Apache-2.0
use crate::bucket::{Bucket, SECOND_MICROS};

/// Integrals of one revision's load, one bucket for each whole second of the stable window and one more.
///
/// A bucket is 56 bytes whatever the number of replicas and reports: 61 of them, 3,416 bytes, with a stable
/// window of 60 s. They are allocated with the first replica or report and freed when a window has passed
/// without either, so that an idle revision costs none.
///
/// Times are microseconds since the origin of [`crate::Moment`].
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    window: u64,
    /// Ring; the bucket of second `s` is at `s % len`. Empty when nothing is known.
    buckets: Vec<Bucket>,
    /// The newest second that has a bucket.
    newest: u64,
    totals: Totals,
    /// Longest report interval in this stable window and in the one before.
    longest: [u64; 2],
    longest_since: u64,
}

/// Sums over all buckets.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    load: u128,
    covered: u64,
    expected: i64,
    time: u64,
}

/// How far the reports reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Replica-microseconds covered in the stable window.
    pub(crate) covered: u64,
    /// Replica-microseconds that ought to be covered, up to where every report should have come.
    pub(crate) expected: i64,
    /// Of `expected`, what is not.
    pub(crate) missing: i64,
}

/// What is known of one whole second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Second {
    /// No replica was there.
    Empty,
    /// Total concurrency on average, and requests finished.
    Known { load: f64, requests: u32 },
    /// Someone was there and said nothing, or it is too long ago.
    Unknown,
}

impl History {
    /// A report may come so much later than its interval ends.
    const LATENESS: u64 = 500_000;

    pub(crate) fn new(window: u64) -> Self {
        Self {
            window,
            ..Self::default()
        }
    }

    fn seconds(&self) -> u64 {
        self.window.div_ceil(SECOND_MICROS) + 1
    }

    /// Changes the stable window; what fits into the new one is kept.
    pub(crate) fn resize(&mut self, window: u64) {
        if window == self.window {
            return;
        }
        let mut resized = Self {
            window,
            longest: self.longest,
            ..Self::new(window)
        };
        resized.longest_since = self.longest_since;
        if !self.buckets.is_empty() {
            resized.allocate(self.newest);
            for second in self.oldest().max(resized.oldest())..=self.newest {
                let bucket = self.buckets[self.place(second)];
                resized.change(second, |new| *new = bucket);
            }
        }
        *self = resized;
    }

    /// Spreads a report over the buckets that it overlaps. Needs [`History::advance`] before.
    pub(crate) fn report(&mut self, start: u64, end: u64, concurrency: f64) {
        let now = self.newest;
        if now.saturating_sub(self.longest_since) * SECOND_MICROS >= self.window {
            self.longest = [0, self.longest[0]];
            self.longest_since = now;
        }
        self.longest[0] = self.longest[0].max(end - start);
        self.each_second(start, end, |bucket, micros| {
            bucket.cover(concurrency, micros)
        });
    }

    /// Counts requests that ended at `end`.
    pub(crate) fn requests(&mut self, end: u64, requests: u64, refused: u64) {
        let second = end.saturating_sub(1) / SECOND_MICROS;
        if second < self.oldest() || second > self.newest {
            return;
        }
        let narrow = |count| u32::try_from(count).unwrap_or(u32::MAX);
        self.change(second, |bucket| {
            bucket.requests = bucket.requests.saturating_add(narrow(requests));
            bucket.refused = bucket.refused.saturating_add(narrow(refused));
        });
    }

    /// From `start` to `end` so many replicas ought to report, and so many were there.
    pub(crate) fn inhabit(&mut self, start: u64, end: u64, expected: u32, there: u32) {
        self.each_second(start, end, |bucket, micros| {
            bucket.inhabit(expected, there, micros)
        });
    }

    /// Takes back that so many replicas ought to report from `start` to `end`: as is now known, they cannot. Where they
    /// are silent, and not in the newest second: that one is judged last.
    pub(crate) fn excuse(&mut self, start: u64, end: u64, replicas: u32) {
        self.each_second(start, end, |bucket, micros| {
            let excused = u64::from(replicas) * micros;
            bucket.expected = bucket.expected.saturating_sub_unsigned(excused);
        });
    }

    /// Makes room for `now`, and forgets what is older than the window.
    pub(crate) fn advance(&mut self, now: u64) {
        let second = now / SECOND_MICROS;
        if self.buckets.is_empty() {
            return self.allocate(second);
        }
        // After one turn every bucket is empty: no need to walk through a long silence.
        let steps = (second.saturating_sub(self.newest)).min(self.buckets.len() as u64);
        for step in (0..steps).rev() {
            self.change(second - step, |bucket| *bucket = Bucket::default());
        }
        self.newest = self.newest.max(second);
    }

    /// Total concurrency, averaged over the window of that length that ends now: request-seconds divided
    /// by the time for which they are known. 0 when nothing is known.
    pub(crate) fn average(&self, now: u64, window: u64) -> f64 {
        let (load, time) = if window == self.window {
            self.whole_window(now)
        } else {
            self.short_window(now, window)
        };
        if time > 0.0 {
            load / 1e9 / (time / 1e12)
        } else {
            0.0
        }
    }

    /// What is known of that second; `Empty` where the buckets were freed.
    pub(crate) fn second(&self, second: u64) -> Second {
        if self.buckets.is_empty() {
            return Second::Empty;
        }
        if second < self.oldest() || second > self.newest {
            return Second::Unknown;
        }
        let bucket = &self.buckets[self.place(second)];
        if bucket.time > 0 {
            let load = bucket.load as f64 / 1e9 / (bucket.time as f64 / 1e12);
            let requests = bucket.requests;
            Second::Known { load, requests }
        } else if bucket.there == 0 {
            Second::Empty
        } else {
            Second::Unknown
        }
    }

    /// For which part of that second anyone was there: its average is of that part. 1 where the platform knew of nobody.
    pub(crate) fn inhabited(&self, second: u64) -> f64 {
        if self.buckets.is_empty() || second < self.oldest() || second > self.newest {
            return 1.0;
        }
        let micros = self.buckets[self.place(second)].inhabited;
        if micros == 0 {
            1.0
        } else {
            f64::from(micros) / SECOND_MICROS as f64
        }
    }

    /// How far the reports reach, judged on the whole seconds of the stable window that are old enough.
    pub(crate) fn coverage(&self, now: u64) -> Coverage {
        let judged = self.judged_seconds(now);
        let mut coverage = Coverage {
            covered: self.totals.covered,
            expected: 0,
            missing: 0,
        };
        if judged.is_empty() {
            return coverage;
        }
        // All but the few seconds at both ends is judged: take those from the totals.
        let mut covered = self.totals.covered as i64;
        coverage.expected = self.totals.expected;
        for second in (self.oldest()..judged.start).chain(judged.end..self.newest + 1) {
            let bucket = &self.buckets[self.place(second)];
            covered -= bucket.covered as i64;
            coverage.expected -= bucket.expected;
        }
        coverage.missing = coverage.expected - covered;
        coverage
    }

    /// How long a report that is sent in time may be on its way: the longest interval lately used (a second at
    /// least) and half a second more.
    pub(crate) fn report_delay(&self) -> u64 {
        self.longest[0].max(self.longest[1]).max(SECOND_MICROS) + Self::LATENESS
    }

    /// After its last report, the time until it shows that a replica has gone silent: half a second that may be
    /// missing unnoticed, the whole second after it, and what a report of that one may be on its way.
    pub(crate) fn silence_shows(&self) -> u64 {
        self.report_delay() + SECOND_MICROS * 3 / 2
    }

    /// Requests finished and refused within the stable window.
    pub(crate) fn throughput(&self) -> (u64, u64) {
        self.buckets
            .iter()
            .fold((0, 0), |(requests, refused), bucket| {
                (
                    requests + u64::from(bucket.requests),
                    refused + u64::from(bucket.refused),
                )
            })
    }

    /// Seconds of the stable window of which a report is kept.
    pub(crate) fn seconds_seen(&self) -> usize {
        self.buckets
            .iter()
            .filter(|bucket| bucket.covered > 0)
            .count()
    }

    /// Whether nothing is known of the window that ends now.
    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Frees the buckets when none holds anything.
    pub(crate) fn release_if_empty(&mut self) {
        let empty = |bucket: &Bucket| bucket.covered == 0 && bucket.there == 0;
        if !self.buckets.is_empty() && self.totals.covered == 0 && self.buckets.iter().all(empty) {
            *self = Self::new(self.window);
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    /// The whole seconds of the stable window for which every report that was sent in time has come.
    fn judged_seconds(&self, now: u64) -> std::ops::Range<u64> {
        let tail = self
            .report_delay()
            .min((self.window / 2).max(SECOND_MICROS));
        let first = now
            .saturating_sub(self.window)
            .div_ceil(SECOND_MICROS)
            .max(self.oldest());
        let end = (now.saturating_sub(tail) / SECOND_MICROS).min(self.newest + 1);
        if self.buckets.is_empty() {
            0..0
        } else {
            first..end
        }
    }

    fn whole_window(&self, now: u64) -> (f64, f64) {
        let begin = now.saturating_sub(self.window);
        let (mut load, mut time) = (self.totals.load as f64, self.totals.time as f64);
        if self.buckets.is_empty() {
            return (0.0, 0.0);
        }
        for second in self.oldest()..=(begin / SECOND_MICROS).min(self.newest) {
            let bucket = &self.buckets[self.place(second)];
            let outside = 1.0 - share_after(begin, second);
            load -= bucket.load as f64 * outside;
            time -= bucket.time as f64 * outside;
        }
        (load, time)
    }

    fn short_window(&self, now: u64, window: u64) -> (f64, f64) {
        let begin = now.saturating_sub(window);
        let (mut load, mut time) = (0.0, 0.0);
        if self.buckets.is_empty() {
            return (load, time);
        }
        for second in (begin / SECOND_MICROS).max(self.oldest())..=self.newest {
            let bucket = &self.buckets[self.place(second)];
            let inside = share_after(begin, second);
            load += bucket.load as f64 * inside;
            time += bucket.time as f64 * inside;
        }
        (load, time)
    }

    fn allocate(&mut self, second: u64) {
        self.buckets = vec![Bucket::default(); self.seconds() as usize];
        self.newest = second;
    }

    fn oldest(&self) -> u64 {
        (self.newest + 1).saturating_sub(self.buckets.len() as u64)
    }

    fn place(&self, second: u64) -> usize {
        (second % self.buckets.len() as u64) as usize
    }

    fn each_second(&mut self, start: u64, end: u64, fill: impl Fn(&mut Bucket, u64)) {
        if self.buckets.is_empty() {
            return;
        }
        let mut from = start.max(self.oldest() * SECOND_MICROS);
        while from < end {
            let second = from / SECOND_MICROS;
            let to = end.min((second + 1) * SECOND_MICROS);
            self.change(second, |bucket| fill(bucket, to - from));
            from = to;
        }
    }

    fn change(&mut self, second: u64, change: impl FnOnce(&mut Bucket)) {
        let place = self.place(second);
        let bucket = &mut self.buckets[place];
        self.totals.add(bucket, false);
        change(bucket);
        self.totals.add(bucket, true);
    }
}

impl Totals {
    fn add(&mut self, bucket: &Bucket, forward: bool) {
        let sign = |value: u64, part: u64| if forward { value + part } else { value - part };
        let load = u128::from(bucket.load);
        self.load = if forward {
            self.load + load
        } else {
            self.load - load
        };
        self.covered = sign(self.covered, bucket.covered);
        self.time = sign(self.time, bucket.time);
        self.expected += if forward {
            bucket.expected
        } else {
            -bucket.expected
        };
    }
}

/// Which share of that second lies after `begin`.
fn share_after(begin: u64, second: u64) -> f64 {
    let end = (second + 1) * SECOND_MICROS;
    end.saturating_sub(begin).min(SECOND_MICROS) as f64 / SECOND_MICROS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 60 * SECOND_MICROS;

    fn close(value: f64, expected: f64) {
        assert!(
            (value - expected).abs() <= 1e-9 * expected,
            "{value} is not {expected}"
        );
    }

    #[test]
    fn uneven_intervals_do_not_bias_the_average() {
        let mut history = History::new(WINDOW);
        let mut now = 0;
        for length in (0..400_u64).map(|step| 1 + step * 7919 % 900_000) {
            history.advance(now + length);
            history.report(now, now + length, 10.0);
            now += length;
            close(history.average(now, WINDOW), 10.0);
            close(history.average(now, 6 * SECOND_MICROS), 10.0);
        }
    }

    #[test]
    fn a_bucket_at_the_edge_of_the_window_counts_for_its_part_of_it() {
        let mut history = History::new(2 * SECOND_MICROS);
        for (second, concurrency) in [(0, 8.0), (1, 4.0), (2, 0.0)] {
            let start = second * SECOND_MICROS;
            history.advance(start + SECOND_MICROS);
            history.report(start, start + SECOND_MICROS, concurrency);
        }
        let now = 3 * SECOND_MICROS;
        assert_eq!(history.average(now, 2 * SECOND_MICROS), 2.0);
        // Half of the 4 and all of the 0, over the second and a half that are known.
        history.advance(now + SECOND_MICROS / 2);
        assert_eq!(
            history.average(now + SECOND_MICROS / 2, 2 * SECOND_MICROS),
            4.0 / 3.0
        );
    }

    #[test]
    fn totals_are_what_the_buckets_hold_after_any_silence() {
        let mut history = History::new(5 * SECOND_MICROS);
        for (now, expected) in [(1, 3.0), (3, 3.0), (9, 3.0), (1000, 3.0), (1001, 3.0)] {
            let now = now * SECOND_MICROS;
            history.advance(now);
            history.report(now - SECOND_MICROS, now, 3.0);
            assert_eq!(history.average(now, 5 * SECOND_MICROS), expected);
            let load: u128 = history
                .buckets
                .iter()
                .map(|bucket| u128::from(bucket.load))
                .sum();
            assert_eq!(history.totals.load, load);
        }
    }

    #[test]
    fn the_size_is_as_the_documentation_says() {
        assert_eq!(size_of::<Bucket>(), 56);
        let mut history = History::new(WINDOW);
        assert_eq!(history.bytes(), 0);
        history.advance(0);
        assert_eq!(history.bytes(), 3416);
    }

    #[test]
    fn coverage_judges_only_what_should_have_come() {
        let mut history = History::new(WINDOW);
        let mut at = |now: u64, covered: bool| {
            let now = now * SECOND_MICROS;
            history.advance(now);
            history.inhabit(now - SECOND_MICROS, now, 1, 1);
            if covered {
                history.report(now - SECOND_MICROS, now, 1.0);
            }
            history.coverage(now).missing
        };
        for second in 1..=30 {
            assert_eq!(at(second, true), 0);
        }
        assert_eq!(at(31, false), 0);
        assert_eq!(at(32, true), 0);
        for second in 33..=90 {
            assert_eq!(at(second, true), SECOND_MICROS as i64, "{second}");
        }
        assert_eq!(at(91, true), 0);
    }

    #[test]
    fn a_replica_that_goes_before_it_reports_is_missed_at_no_time() {
        let mut history = History::new(6 * SECOND_MICROS);
        // Reports come a moment after the tick that lets one of two replicas go.
        let (late, delay) = (8_000, 1_500_000);
        for second in 1..=20 {
            let now = second * SECOND_MICROS + late;
            history.advance(now);
            let there = if second <= 10 { 2 } else { 1 };
            history.inhabit(now - SECOND_MICROS, now, there, there);
            if second == 10 {
                history.excuse(now - delay, now, 1);
            }
            let reports = if second < 10 { 2 } else { 1 };
            for _ in 0..reports {
                history.report(now - SECOND_MICROS, now, 0.0);
            }
            let missing = history.coverage(now).missing;
            assert!(missing <= SECOND_MICROS as i64 / 50, "{second}: {missing}");
        }
    }
}
