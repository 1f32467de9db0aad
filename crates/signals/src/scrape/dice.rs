// SPDX-License-Identifier: Apache-2.0

/// Chance from a seed (splitmix64), so that a test sees the same twice.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to and without `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % sides).unwrap_or(0)
    }

    /// From 0 up to and without 1.
    pub(super) fn share(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(high) / 4_294_967_296.0
    }

    /// So many of them, each as likely as any other, in an order by chance.
    pub(super) fn draw<T>(&mut self, all: &mut Vec<T>, some: usize) {
        for place in 0..some.min(all.len()) {
            let other = place + self.roll(all.len() - place);
            all.swap(place, other);
        }
        all.truncate(some);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_drawn_as_often_as_any_other() {
        let mut dice = Dice::new(7);
        let mut drawn = [0_u32; 20];
        for _ in 0..10_000 {
            let mut all: Vec<usize> = (0..20).collect();
            dice.draw(&mut all, 5);
            assert_eq!(all.len(), 5);
            for one in all {
                drawn[one] += 1;
            }
        }
        assert!(
            drawn.iter().all(|times| (2300..2700).contains(times)),
            "{drawn:?}"
        );
    }
}
