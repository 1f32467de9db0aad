// SPDX-License-Identifier: Apache-2.0

/// Chance that can be repeated: xoshiro256++ (Blackman and Vigna 2019), seeded by SplitMix64. Own, for a result has to
/// be the same to the bit in every later version, and the algorithm is all that there is to maintain.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// From a seed; any will do.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut mixed = seed;
        Self {
            state: std::array::from_fn(|_| split_mix(&mut mixed)),
        }
    }
    /// The `stream`-th of many independent ones of the same seed: what the fifth replica draws must not depend on
    /// what the others did.
    #[must_use]
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut mixed = stream;
        Self::new(seed ^ split_mix(&mut mixed))
    }
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }
    /// Evenly from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
    /// Evenly from 0 to below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        // 1 - unit is never 0.
        -(1.0 - self.unit()).ln()
    }
    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_reference() {
        // SplitMix64 of seed 1234567, as its authors give them.
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..3).map(|_| split_mix(&mut state)).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
        // xoshiro256++ from the state 1, 2, 3, 4.
        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };
        let first: Vec<u64> = (0..3).map(|_| rng.bits()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223]);
    }

    #[test]
    fn has_the_means_that_it_should_have() {
        let mut rng = Rng::new(1);
        let count = 1_000_000;
        let mean = |values: f64| values / f64::from(count);
        assert!((mean((0..count).map(|_| rng.unit()).sum()) - 0.5).abs() < 0.002);
        assert!((mean((0..count).map(|_| rng.exponential()).sum()) - 1.0).abs() < 0.005);
        assert!(mean((0..count).map(|_| rng.normal()).sum()).abs() < 0.005);
        let squares = (0..count).map(|_| rng.normal().powi(2)).sum();
        assert!((mean(squares) - 1.0).abs() < 0.01);
        assert!((0..1000).all(|_| rng.below(3) < 3));
    }

    #[test]
    fn streams_differ() {
        assert_ne!(Rng::stream(1, 0).bits(), Rng::stream(1, 1).bits());
        assert_ne!(Rng::stream(1, 0).bits(), Rng::stream(2, 0).bits());
    }
}
