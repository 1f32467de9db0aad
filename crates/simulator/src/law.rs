// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::Rng;

/// How long something takes, when that is left to chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// Always the same.
    Constant(Duration),
    /// Evenly between two.
    Uniform(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// The natural logarithm of the seconds is normal with this mean and deviation.
    LogNormal {
        /// Mean of ln(seconds); e to its power is the median.
        mu: f64,
        /// Deviation of ln(seconds).
        sigma: f64,
    },
    /// Pareto: at least so long, with a tail of this power (1.5: few take very long).
    Pareto {
        /// The least.
        least: Duration,
        /// The power of the tail, above 1 for a mean to exist.
        power: f64,
    },
}

impl Law {
    /// No time at all.
    pub const NONE: Self = Self::Constant(Duration::ZERO);

    /// One draw. Longest is a year, so that no tail outlasts the arithmetic.
    pub fn draw(&self, rng: &mut Rng) -> Duration {
        let seconds = match *self {
            Self::Constant(duration) => return duration,
            Self::Uniform(low, high) => {
                let width = high.saturating_sub(low).as_secs_f64();
                low.as_secs_f64() + width * rng.unit()
            }
            Self::Exponential(mean) => mean.as_secs_f64() * rng.exponential(),
            Self::LogNormal { mu, sigma } => (mu + sigma * rng.normal()).exp(),
            Self::Pareto { least, power } => {
                least.as_secs_f64() * (rng.exponential() / power).exp()
            }
        };
        bounded(seconds)
    }
    /// The mean; of a law that has none, that of its draws up to a year is larger than any plan.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let seconds = match *self {
            Self::Constant(duration) | Self::Exponential(duration) => return duration,
            Self::Uniform(low, high) => (low.as_secs_f64() + high.as_secs_f64()) / 2.0,
            Self::LogNormal { mu, sigma } => (mu + sigma * sigma / 2.0).exp(),
            Self::Pareto { least, power } if power > 1.0 => {
                least.as_secs_f64() * power / (power - 1.0)
            }
            Self::Pareto { .. } => LONGEST,
        };
        bounded(seconds)
    }
}

/// What is no number is no time.
fn bounded(seconds: f64) -> Duration {
    let positive = if seconds > 0.0 { seconds } else { 0.0 };
    Duration::from_secs_f64(positive.min(LONGEST))
}

/// A year, in seconds.
const LONGEST: f64 = 365.0 * 86_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_of_the_law() {
        let millis = Duration::from_millis;
        let laws = [
            Law::Constant(millis(50)),
            Law::Uniform(millis(10), millis(90)),
            Law::Exponential(millis(50)),
            Law::LogNormal {
                mu: -3.0,
                sigma: 0.5,
            },
            Law::Pareto {
                least: millis(40),
                power: 4.0,
            },
        ];
        for law in laws {
            let mut rng = Rng::new(7);
            let draws = 300_000;
            let sum: f64 = (0..draws).map(|_| law.draw(&mut rng).as_secs_f64()).sum();
            let mean = sum / f64::from(draws);
            let expected = law.mean().as_secs_f64();
            assert!((mean / expected - 1.0).abs() < 0.01, "{law:?}: {mean}");
        }
    }

    #[test]
    fn no_draw_outlasts_the_arithmetic() {
        let mut rng = Rng::new(1);
        let wild = Law::LogNormal {
            mu: 1e300,
            sigma: 1.0,
        };
        assert_eq!(wild.draw(&mut rng), Duration::from_secs(365 * 86_400));
        let nothing = Law::LogNormal {
            mu: f64::NAN,
            sigma: 1.0,
        };
        assert_eq!(nothing.draw(&mut rng), Duration::ZERO);
    }
}
