// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Latency;

/// The requests that finished between two reads, in our own buckets: each at the upper bound of the bucket that it had, so
/// that a quantile is never told too low. Those over the last bound are told as just over it.
pub(super) fn latency(before: &[(f64, f64)], after: &[(f64, f64)]) -> Option<Latency> {
    if before.len() != after.len() {
        return None;
    }
    let mut counts = [0_u32; Latency::BUCKETS];
    let (mut below, mut last_bound) = (0.0, 0.0);
    for (before, after) in before.iter().zip(after) {
        let bound = if after.0.is_finite() {
            last_bound = after.0;
            after.0
        } else {
            last_bound * 1.001
        };
        let up_to = after.1 - before.1;
        let here = (up_to - below).max(0.0).round();
        below = up_to.max(below);
        if let Some(count) = counts.get_mut(Latency::bucket_of(micros(bound))) {
            *count = count.saturating_add(narrow(here));
        }
    }
    counts
        .iter()
        .any(|count| *count > 0)
        .then(|| Latency::from_counts(&counts))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates"
)]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates"
)]
fn narrow(count: f64) -> u32 {
    count as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_where_their_bucket_ends() {
        let before = [(0.1, 5.0), (0.5, 7.0), (f64::INFINITY, 8.0)];
        let after = [(0.1, 15.0), (0.5, 20.0), (f64::INFINITY, 23.0)];
        let latency = latency(&before, &after).unwrap();
        assert_eq!(latency.count(), 15);
        assert_eq!(latency.quantile_micros(0.5), Some(100_000));
        assert_eq!(latency.quantile_micros(0.8), Some(500_000));
        assert_eq!(latency.quantile_micros(1.0), Some(600_000));
        assert_eq!(super::latency(&after, &after), None);
        assert_eq!(super::latency(&[], &after), None);
    }
}
