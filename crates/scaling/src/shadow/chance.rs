// SPDX-License-Identifier: Apache-2.0
use super::{PART, PARTS, fluid::Flow};

/// How many are in flight within a second, of which the mean is known: requests come by chance, so more and less.
///
/// They are taken to come each on its own (Poisson), so that the number in flight has its mean as variance, and to be
/// forgotten as they end: `e^(-t / service time)` is left of a deviation. The mean of each second stays what it is. It is
/// chance without luck: the same load gives the same to the bit.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    state: u64,
    /// The present deviation, in standard deviations.
    deviation: f64,
}

impl Default for Chance {
    fn default() -> Self {
        Self {
            state: 0x9e37_79b9_7f4a_7c15,
            deviation: 0.0,
        }
    }
}

impl Chance {
    /// Requests in flight where nobody waits, in each part of a second.
    pub(super) fn path(&mut self, flow: &Flow) -> [f64; PARTS] {
        let mut path = [0.0; PARTS];
        if flow.mean <= 0.0 {
            self.deviation = 0.0;
            return path;
        }
        let parts = flow.service_seconds / PART;
        let left = parts / (1.0 + parts);
        // Of the mean over a part, which is not as uneven as a moment.
        let width = (flow.mean * 2.0 * parts / (1.0 + 2.0 * parts)).sqrt();
        let mut deviations = [0.0; PARTS];
        for deviation in &mut deviations {
            let fresh = (1.0 - left * left).sqrt() * self.normal();
            self.deviation = left * self.deviation + fresh;
            *deviation = self.deviation;
        }
        let middle = deviations.iter().sum::<f64>() * PART;
        for (part, deviation) in deviations.into_iter().enumerate() {
            let share = (part as f64 + 0.5) * PART;
            path[part] = (flow.at(share) + width * (deviation - middle)).max(0.0);
        }
        let mean = path.iter().sum::<f64>() * PART;
        if mean > 0.0 {
            path = path.map(|offered| offered * flow.mean / mean);
        } else {
            path = [flow.mean; PARTS];
        }
        path
    }

    /// Nearly: four numbers that are evenly spread, added.
    fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 3.0_f64.sqrt()
    }
    /// From 0 to 1: splitmix64.
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_each_second_stays_and_the_variance_is_the_mean() {
        let mut chance = Chance::default();
        let flow = Flow {
            mean: 16.0,
            offered: [16.0; 3],
            arrivals: 160.0,
            service_seconds: 0.1,
        };
        let mut square = 0.0;
        for _ in 0..1000 {
            let path = chance.path(&flow);
            assert!((path.iter().sum::<f64>() / 10.0 - 16.0).abs() < 1e-9);
            square += path.iter().map(|there| (there - 16.0).powi(2)).sum::<f64>();
        }
        // Two thirds of 16, and a little less for the mean that is kept.
        let variance = square / 10_000.0;
        assert!((7.0..11.0).contains(&variance), "{variance}");
        assert_eq!(chance.path(&Flow { mean: 0.0, ..flow }), [0.0; 10]);
    }

    #[test]
    fn few_requests_are_never_less_than_none() {
        let mut chance = Chance::default();
        let flow = Flow {
            mean: 0.05,
            offered: [0.0, 0.05, 0.1],
            arrivals: 1.0,
            service_seconds: 0.05,
        };
        for _ in 0..100 {
            let path = chance.path(&flow);
            assert!(path.iter().all(|there| *there >= 0.0));
            assert!((path.iter().sum::<f64>() / 10.0 - 0.05).abs() < 1e-9);
        }
    }
}
