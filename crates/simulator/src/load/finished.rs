// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Latency;

use crate::Rng;

/// The requests that one replica finished in an interval, made from what it reported of them. In microseconds.
///
/// They are taken to have ended at equal distances. How long each took is drawn from the report's buckets, each bucket
/// as often as it counts; where in its bucket, is the same for all of a report, and such that together they make up
/// the request-seconds that were reported.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finished {
    begin: f64,
    length: f64,
    count: u64,
    given: u64,
    /// How many of the rest are in each bucket, and in all.
    buckets: Vec<(usize, u32)>,
    left: u64,
    /// Where in its bucket each lies, 0 to 1.
    place: f64,
    /// How long those took that are in no bucket.
    mean: f64,
    /// How long each waited before the replica took it.
    wait: f64,
}

/// A request that a replica took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) at: i64,
    /// How long it had waited before that replica.
    pub(super) wait: i64,
    pub(super) work: u64,
}

impl Finished {
    /// `request_micros`: what is to be made up, with what earlier ones left over. Gives also what these leave.
    pub(super) fn new(
        (begin, end): (i64, i64),
        count: u64,
        request_micros: f64,
        latency: Option<&Latency>,
    ) -> (Self, f64) {
        let mut finished = Self {
            begin: begin as f64,
            length: (end - begin) as f64,
            count,
            given: 0,
            buckets: latency.map(counts).unwrap_or_default(),
            left: 0,
            place: 0.5,
            mean: 0.0,
            wait: 0.0,
        };
        finished.left = finished
            .buckets
            .iter()
            .map(|(_, count)| u64::from(*count))
            .sum();
        if finished.left == 0 {
            finished.mean = (request_micros / count.max(1) as f64).max(0.0);
            return (finished, 0.0);
        }
        let (mut least, mut width) = (0.0, 0.0);
        for (bucket, count) in &finished.buckets {
            let (low, wide) = bounds(*bucket);
            least += low * f64::from(*count);
            width += wide * f64::from(*count);
        }
        if width > 0.0 {
            finished.place = ((request_micros - least) / width).clamp(0.0, 1.0);
        }
        let made = least + finished.place * width;
        finished.mean = made / finished.left as f64;
        // A request that goes on for long is in many reports before it is in a bucket: what it leaves must not bend
        // more than the next report.
        (finished, (request_micros - made).clamp(-width, width))
    }

    /// Each waited so long before the replica took it.
    pub(super) const fn waiting(mut self, micros: f64) -> Self {
        self.wait = micros;
        self
    }

    /// When a replica took the next one, how long it waited for that, and how long it took.
    pub(super) fn next(&mut self, rng: &mut Rng) -> Option<Taken> {
        if self.given == self.count {
            return None;
        }
        let end = self.begin + self.length * (self.given as f64 + 0.5) / self.count as f64;
        self.given += 1;
        let work = self.work(rng);
        Some(Taken {
            at: (end - work) as i64,
            wait: self.wait as i64,
            work: work as u64,
        })
    }

    fn work(&mut self, rng: &mut Rng) -> f64 {
        if self.left == 0 {
            return self.mean;
        }
        let mut rank = rng.below(self.left);
        self.left -= 1;
        for (bucket, count) in &mut self.buckets {
            if rank < u64::from(*count) {
                *count -= 1;
                let (low, wide) = bounds(*bucket);
                return low + self.place * wide;
            }
            rank -= u64::from(*count);
        }
        self.mean
    }
}

fn counts(latency: &Latency) -> Vec<(usize, u32)> {
    let counts = latency.to_counts().into_iter().enumerate();
    counts.filter(|(_, count)| *count > 0).collect()
}

/// Where a bucket begins and how wide it is. The last one has no end: its requests are taken to be at its begin.
fn bounds(bucket: usize) -> (f64, f64) {
    let low = match bucket.checked_sub(1) {
        None => 0,
        Some(before) => Latency::upper_bound_micros(before),
    };
    let high = match Latency::upper_bound_micros(bucket) {
        u64::MAX => low,
        high => high,
    };
    (low as f64, (high - low) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(all: &[u64]) -> Latency {
        let mut counts = [0; Latency::BUCKETS];
        for micros in all {
            counts[Latency::bucket_of(*micros)] += 1;
        }
        Latency::from_counts(&counts)
    }

    #[test]
    fn each_bucket_comes_as_often_as_it_counts_and_the_seconds_add_up() {
        let took = [52_000, 53_000, 54_000, 210_000];
        let sum = 369_000.0;
        let (mut finished, rest) = Finished::new((0, 1_000_000), 4, sum, Some(&latency(&took)));
        assert!(rest.abs() < 1e-6);
        let mut rng = Rng::new(3);
        let all: Vec<_> = std::iter::from_fn(|| finished.next(&mut rng)).collect();
        let mut works: Vec<u64> = all.iter().map(|taken| taken.work).collect();
        assert!((works.iter().sum::<u64>() as f64 - sum).abs() < 4.0);
        works.sort_unstable();
        assert!(works[2] <= 60_000 && works[3] > 200_000, "{works:?}");
        let ends = all.iter().map(|taken| taken.at as u64 + taken.work);
        for (end, expected) in ends.zip([125_000, 375_000, 625_000, 875_000]) {
            assert!(end.abs_diff(expected) < 2, "{end}");
        }
    }

    #[test]
    fn without_buckets_all_take_the_mean() {
        let (finished, rest) = Finished::new((0, 1_000_000), 2, 100_000.0, None);
        assert_eq!(rest, 0.0);
        let mut finished = finished.waiting(10_000.0);
        let mut rng = Rng::new(3);
        for at in [200_000, 700_000] {
            let (wait, work) = (10_000, 50_000);
            assert_eq!(finished.next(&mut rng), Some(Taken { at, wait, work }));
        }
        assert_eq!(finished.next(&mut rng), None);
    }

    #[test]
    fn what_cannot_be_made_up_is_left_for_the_next_within_bounds() {
        let (_, rest) = Finished::new((0, 1), 1, 1e9, Some(&latency(&[55_000])));
        assert!((rest - 10_000.0).abs() < 1e-6, "{rest}");
        let (mut finished, rest) = Finished::new((0, 1), 1, 0.0, Some(&latency(&[u64::MAX])));
        assert_eq!(rest, 0.0);
        assert_eq!(finished.next(&mut Rng::new(1)).unwrap().work, 900_000_000);
    }
}
