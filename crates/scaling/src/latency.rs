// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

/// How long requests took: counts in fixed buckets, so that two can be added.
///
/// The buckets are log-linear in tens: up to 100 us, 200 us ... 900 us, 1 ms, 2 ms ... 900 s, and one
/// for all that took longer. So a quantile read from them is at most twice the true one, mostly far less.
///
/// As text it is the list of the buckets that are not empty, each with its count: `[[3,120],[4,7]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u8, u32)>", into = "Vec<(u8, u32)>")]
pub struct Latency {
    /// Buckets that are not empty, in rising order.
    counts: Vec<(u8, u32)>,
}

impl Latency {
    /// How many buckets there are.
    pub const BUCKETS: usize = 64;
    const FIRST_MICROS: u64 = 100;
    const STEPS: usize = 9;

    /// The bucket into which a request of so many microseconds falls; the last one takes all longer ones.
    #[must_use]
    pub fn bucket_of(micros: u64) -> usize {
        let mut scale = Self::FIRST_MICROS;
        let mut first = 0;
        while first < Self::BUCKETS - 1 {
            if micros <= scale * Self::STEPS as u64 {
                return first + micros.div_ceil(scale).saturating_sub(1) as usize;
            }
            first += Self::STEPS;
            scale *= 10;
        }
        Self::BUCKETS - 1
    }
    /// The upper bound of a bucket in microseconds, inclusive; `u64::MAX` for the last.
    #[must_use]
    pub fn upper_bound_micros(bucket: usize) -> u64 {
        if bucket >= Self::BUCKETS - 1 {
            return u64::MAX;
        }
        let decade = 10_u64.pow((bucket / Self::STEPS) as u32);
        Self::FIRST_MICROS * decade * (bucket % Self::STEPS + 1) as u64
    }
    /// From counts, one for each bucket.
    #[must_use]
    pub fn from_counts(counts: &[u32; Self::BUCKETS]) -> Self {
        let counts = (0_u8..).zip(counts.iter().copied());
        Self {
            counts: counts.filter(|(_, count)| *count > 0).collect(),
        }
    }
    /// The counts, one for each bucket.
    #[must_use]
    pub fn to_counts(&self) -> [u32; Self::BUCKETS] {
        let mut all = [0; Self::BUCKETS];
        for (bucket, count) in &self.counts {
            all[usize::from(*bucket)] = *count;
        }
        all
    }
    /// Adds another's counts to this one's; a count that is full stays full.
    pub fn merge(&mut self, other: &Self) {
        let mut all = self.to_counts();
        for (bucket, count) in &other.counts {
            let sum = &mut all[usize::from(*bucket)];
            *sum = sum.saturating_add(*count);
        }
        *self = Self::from_counts(&all);
    }
    /// Requests counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }
    /// The upper bound in microseconds of the bucket in which the quantile (0 to 1) lies; `None` when empty.
    #[must_use]
    pub fn quantile_micros(&self, quantile: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((quantile.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut below = 0;
        self.counts.iter().find_map(|(bucket, count)| {
            below += u64::from(*count);
            (below >= rank).then(|| Self::upper_bound_micros(usize::from(*bucket)))
        })
    }
}

impl From<Latency> for Vec<(u8, u32)> {
    fn from(latency: Latency) -> Self {
        latency.counts
    }
}

impl TryFrom<Vec<(u8, u32)>> for Latency {
    type Error = String;
    fn try_from(counts: Vec<(u8, u32)>) -> Result<Self, String> {
        if let Some((bucket, _)) = counts
            .iter()
            .find(|(b, _)| usize::from(*b) >= Self::BUCKETS)
        {
            return Err(format!(
                "{bucket} is no latency bucket: 0 to {}",
                Self::BUCKETS - 1
            ));
        }
        if !counts.is_sorted_by(|a, b| a.0 < b.0) {
            return Err("latency buckets must rise and come once each".to_owned());
        }
        Ok(Self { counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_lies_in_its_own_bucket_and_one_more_in_the_next() {
        for bucket in 0..Latency::BUCKETS - 1 {
            let bound = Latency::upper_bound_micros(bucket);
            assert_eq!(Latency::bucket_of(bound), bucket, "{bound}");
            assert_eq!(Latency::bucket_of(bound + 1), bucket + 1, "{bound}");
        }
        assert_eq!(Latency::bucket_of(0), 0);
        assert_eq!(Latency::bucket_of(u64::MAX), 63);
        assert_eq!(Latency::upper_bound_micros(0), 100);
        assert_eq!(Latency::upper_bound_micros(62), 900_000_000);
        assert_eq!(Latency::upper_bound_micros(63), u64::MAX);
    }

    #[test]
    fn merges_and_gives_quantiles() {
        let mut counts = [0; Latency::BUCKETS];
        counts[Latency::bucket_of(5_000)] = 98;
        counts[Latency::bucket_of(70_000)] = 2;
        let mut latency = Latency::from_counts(&counts);
        assert_eq!(latency.quantile_micros(0.5), Some(5_000));
        assert_eq!(latency.quantile_micros(0.99), Some(70_000));
        assert_eq!(latency.quantile_micros(0.0), Some(5_000));
        latency.merge(&latency.clone());
        assert_eq!(latency.count(), 200);
        assert_eq!(Latency::default().quantile_micros(0.5), None);
    }

    #[test]
    fn as_text_it_is_short_and_checked() {
        let mut counts = [0; Latency::BUCKETS];
        counts[3] = 120;
        let latency = Latency::from_counts(&counts);
        let text = serde_json::to_string(&latency).unwrap();
        assert_eq!(text, "[[3,120]]");
        assert_eq!(serde_json::from_str::<Latency>(&text).unwrap(), latency);
        for wrong in ["[[64,1]]", "[[3,1],[3,1]]", "[[4,1],[3,1]]", "[[3,-1]]"] {
            assert!(serde_json::from_str::<Latency>(wrong).is_err(), "{wrong}");
        }
    }
}
