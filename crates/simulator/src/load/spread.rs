// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr};

use super::{SpecError, record::Period};
use crate::Rng;

/// Where in its period each of so many requests comes, when only their count is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spreading {
    /// At equal distances, the first and the last half of one from the edges.
    Equidistant,
    /// Each anywhere, by chance: what independent people do.
    #[default]
    Uniform,
    /// One after the other at exponential distances whose mean is the period over the count: the count is taken for
    /// a rate, and how many come in the period is left to chance too.
    Exponential,
}

impl FromStr for Spreading {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text {
            "equidistant" => Ok(Self::Equidistant),
            "uniform" => Ok(Self::Uniform),
            "exponential" => Ok(Self::Exponential),
            _ => {
                let expected = "should be equidistant, uniform or exponential";
                Err(SpecError::new("spread", text, expected))
            }
        }
    }
}

impl fmt::Display for Spreading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equidistant => "equidistant",
            Self::Uniform => "uniform",
            Self::Exponential => "exponential",
        })
    }
}

/// The requests of one period, in rising time and one at a time, so that a large count costs no memory.
#[derive(Clone, Debug)]
pub(super) struct Within {
    spreading: Spreading,
    period: Period,
    given: u64,
    /// Where the last one came, in parts of the period.
    last: f64,
}

impl Within {
    pub(super) const fn new(spreading: Spreading, period: Period) -> Self {
        Self {
            spreading,
            period,
            given: 0,
            last: 0.0,
        }
    }

    /// When the next one comes, in microseconds.
    pub(super) fn next(&mut self, rng: &mut Rng) -> Option<i64> {
        let Period {
            from,
            length,
            count,
        } = self.period;
        let all = count as f64;
        let left = count.saturating_sub(self.given);
        match self.spreading {
            _ if count == 0 => return None,
            Spreading::Equidistant => {
                if left == 0 {
                    return None;
                }
                self.last = (self.given as f64 + 0.5) / all;
            }
            Spreading::Uniform => {
                if left == 0 {
                    return None;
                }
                // The least of so many even draws over what is left of the period.
                let least = 1.0 - (1.0 - rng.unit()).powf(1.0 / left as f64);
                self.last += (1.0 - self.last) * least;
            }
            Spreading::Exponential => {
                self.last += rng.exponential() / all;
                if self.last >= 1.0 {
                    return None;
                }
            }
        }
        self.given += 1;
        let into = (self.last * length as f64) as i64;
        Some(from.saturating_add(into.min(length - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn spread(spreading: Spreading, count: u64) -> Vec<i64> {
        let period = Period {
            from: MINUTE,
            length: MINUTE,
            count,
        };
        let mut within = Within::new(spreading, period);
        let mut rng = Rng::new(5);
        std::iter::from_fn(|| within.next(&mut rng)).collect()
    }

    #[test]
    fn each_lies_in_the_period_and_they_rise() {
        for spreading in ["equidistant", "uniform", "exponential"] {
            let spreading: Spreading = spreading.parse().unwrap();
            for count in [0, 1, 2, 1000] {
                let all = spread(spreading, count);
                assert!(all.is_sorted(), "{spreading}");
                assert!(all.iter().all(|at| (MINUTE..2 * MINUTE).contains(at)));
                if spreading != Spreading::Exponential {
                    assert_eq!(all.len() as u64, count, "{spreading}");
                }
            }
        }
        assert_eq!(spread(Spreading::Equidistant, 2), [75_000_000, 105_000_000]);
    }

    #[test]
    fn they_have_the_dispersion_that_their_names_promise() {
        let distances = |spreading| {
            let all = spread(spreading, 20_000);
            let gaps: Vec<f64> = all.windows(2).map(|two| (two[1] - two[0]) as f64).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let squares = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>();
            (all.len(), (squares / gaps.len() as f64).sqrt() / mean)
        };
        assert!(distances(Spreading::Equidistant).1 < 0.01);
        let (count, variation) = distances(Spreading::Uniform);
        assert!(
            count == 20_000 && (variation - 1.0).abs() < 0.03,
            "{variation}"
        );
        let (count, variation) = distances(Spreading::Exponential);
        assert!((count as f64 / 20_000.0 - 1.0).abs() < 0.03, "{count}");
        assert!((variation - 1.0).abs() < 0.03, "{variation}");
    }

    #[test]
    fn another_word_is_refused() {
        let wrong = "even".parse::<Spreading>().unwrap_err().to_string();
        assert_eq!(
            wrong,
            "spread: \"even\": should be equidistant, uniform or exponential"
        );
    }
}
