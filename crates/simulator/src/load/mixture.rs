// SPDX-License-Identifier: Apache-2.0
use crate::Rng;

/// How long requests of many functions take: each function as often as it is called, and for each what is known of
/// its times.
#[derive(Clone, Debug, Default)]
pub(super) struct Mixture {
    /// The calls up to and with this function, and its times.
    functions: Vec<(f64, Times)>,
}

/// The times of one function in milliseconds: its least, its largest, and those that 1, 25, 50, 75 and 99 of 100 calls
/// do not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times(pub(super) [f32; 7]);

/// The shares of calls that [`Times`] stand for.
const SHARES: [f64; 7] = [0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0];

impl Times {
    /// All calls take so long.
    pub(super) const fn constant(millis: f32) -> Self {
        Self([millis; 7])
    }

    /// The time in milliseconds that this share of calls does not exceed: straight lines between what is known.
    fn at(&self, share: f64) -> f64 {
        let known = SHARES
            .iter()
            .zip(self.0.iter().map(|millis| f64::from(*millis)));
        let mut before = (0.0, f64::from(self.0[0]));
        for (up_to, millis) in known {
            if share <= *up_to && *up_to > before.0 {
                let part = (share - before.0) / (up_to - before.0);
                return before.1 + part * (millis - before.1);
            }
            before = (*up_to, millis);
        }
        before.1
    }
}

impl Mixture {
    pub(super) fn add(&mut self, calls: f64, times: Times) {
        if calls > 0.0 {
            let before = self.functions.last().map_or(0.0, |(calls, _)| *calls);
            self.functions.push((before + calls, times));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.functions.len()
    }

    /// One draw, in milliseconds; `None` where nothing is known.
    pub(super) fn draw(&self, rng: &mut Rng) -> Option<f64> {
        let (all, _) = self.functions.last()?;
        let wanted = rng.unit() * all;
        let place = self
            .functions
            .partition_point(|(calls, _)| *calls <= wanted);
        let (_, times) = self
            .functions
            .get(place)
            .or_else(|| self.functions.last())?;
        Some(times.at(rng.unit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lie_on_straight_lines_between_what_is_known() {
        let times = Times([10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 100.0]);
        for (share, millis) in [
            (0.0, 10.0),
            (0.005, 15.0),
            (0.5, 40.0),
            (0.625, 45.0),
            (1.0, 100.0),
        ] {
            assert!((times.at(share) - millis).abs() < 1e-9, "{share}");
        }
    }

    #[test]
    fn each_function_is_drawn_as_often_as_it_is_called() {
        let mut mixture = Mixture::default();
        let mut rng = Rng::new(1);
        assert_eq!(mixture.draw(&mut rng), None);
        mixture.add(1.0, Times::constant(1.0));
        mixture.add(0.0, Times::constant(2.0));
        mixture.add(3.0, Times::constant(3.0));
        let draws: Vec<f64> = (0..10_000).filter_map(|_| mixture.draw(&mut rng)).collect();
        let share = draws.iter().filter(|draw| **draw == 1.0).count() as f64 / 1e4;
        assert!((share - 0.25).abs() < 0.02, "{share}");
        assert!(draws.iter().all(|draw| *draw != 2.0));
    }
}
