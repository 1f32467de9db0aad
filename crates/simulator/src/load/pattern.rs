// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::Moment;

use super::{Arrivals, Summary};
use crate::{Arrival, Law, Rng};

/// Requests that come by a law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pattern {
    /// When they come.
    pub shape: Shape,
    /// How long each takes.
    pub service: Law,
    /// How long they go on coming.
    pub lasts: Duration,
}

/// When requests come. Rates are in requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// At equal distances.
    Constant {
        /// How many each second.
        rate: f64,
    },
    /// Each independent of the others.
    Poisson {
        /// How many each second.
        rate: f64,
    },
    /// Poisson at two rates that take turns (a Markov-modulated process): how long each holds is exponential. It begins
    /// with the low one.
    OnOff {
        /// The rate while it is on.
        rate: f64,
        /// The rate while it is off.
        low: f64,
        /// How long it is on, on average.
        on: Duration,
        /// How long it is off, on average.
        off: Duration,
    },
    /// Poisson whose rate follows a sine, from its lowest point at the beginning.
    Diurnal {
        /// The mean rate.
        rate: f64,
        /// How far it goes from there, 0 to 1 of it.
        swing: f64,
        /// From one lowest point to the next.
        period: Duration,
    },
    /// All at once.
    Burst {
        /// How many.
        count: u64,
        /// When.
        at: Duration,
    },
}

impl Pattern {
    pub(super) const fn arrivals(&self, seed: u64) -> Arrivals {
        Arrivals::drawn(Drawn::new(*self, seed))
    }
}

/// The requests of a law while they are drawn.
pub(super) struct Drawn {
    pattern: Pattern,
    seed: u64,
    rng: Option<Rng>,
    /// When the last one came, in seconds.
    at: f64,
    count: u64,
    /// Whether it is on, and until when that holds.
    on: bool,
    until: f64,
}

impl Drawn {
    const fn new(pattern: Pattern, seed: u64) -> Self {
        Self {
            pattern,
            seed,
            rng: None,
            at: 0.0,
            count: 0,
            on: true,
            until: 0.0,
        }
    }

    pub(super) fn next(&mut self) -> Option<Arrival> {
        let mut rng = self
            .rng
            .take()
            .unwrap_or_else(|| Rng::stream(self.seed, STREAM));
        let arrival = self.after(&mut rng);
        self.rng = Some(rng);
        arrival
    }

    fn after(&mut self, rng: &mut Rng) -> Option<Arrival> {
        let lasts = self.pattern.lasts.as_secs_f64();
        let at = match self.pattern.shape {
            Shape::Constant { rate } => (self.count as f64 + 0.5) / rate,
            Shape::Poisson { rate } => self.at + rng.exponential() / rate,
            Shape::OnOff { rate, low, on, off } => self.on_off(rng, [low, rate], [off, on], lasts),
            Shape::Diurnal {
                rate,
                swing,
                period,
            } => diurnal(rng, self.at, rate, swing, period.as_secs_f64(), lasts),
            Shape::Burst { count, at } => {
                if self.count == count {
                    return None;
                }
                at.as_secs_f64()
            }
        };
        // A rate that is no number ends here too.
        if at.is_nan() || at >= lasts {
            return None;
        }
        self.at = at;
        self.count += 1;
        let work = self.pattern.service.draw(rng);
        Some(Arrival {
            at: Moment::from_micros((at * 1e6) as u64),
            work: work.max(Duration::from_micros(1)),
        })
    }

    /// The next one where rate and length take turns; off stands first in both.
    fn on_off(&mut self, rng: &mut Rng, rates: [f64; 2], lengths: [Duration; 2], end: f64) -> f64 {
        let mut at = self.at;
        while at < end {
            if at >= self.until {
                self.on = !self.on;
                let [off, on] = lengths;
                let length = if self.on { on } else { off };
                // At least a microsecond, so that it comes to an end.
                self.until = at + (length.as_secs_f64() * rng.exponential()).max(1e-6);
            }
            let [low, high] = rates;
            let rate = if self.on { high } else { low };
            let next = if rate > 0.0 {
                at + rng.exponential() / rate
            } else {
                f64::INFINITY
            };
            if next < self.until {
                return next;
            }
            // Exponential distances have no memory: they may begin anew where the rate changes.
            at = self.until;
            self.at = at;
        }
        f64::INFINITY
    }

    pub(super) fn summary(&self) -> Summary {
        Summary {
            requests: self.count,
            lasts: self.pattern.lasts,
            ..Summary::default()
        }
    }
}

/// The next one by thinning (Lewis and Shedler 1979): draws at the highest rate, of which some are taken.
fn diurnal(rng: &mut Rng, from: f64, rate: f64, swing: f64, period: f64, end: f64) -> f64 {
    let highest = rate * (1.0 + swing);
    let mut at = from;
    // A rate without end would stand still.
    while at < end && highest.is_finite() {
        at += rng.exponential() / highest;
        let now = rate * (1.0 - swing * (std::f64::consts::TAU * at / period).cos());
        if rng.unit() * highest < now {
            return at;
        }
    }
    f64::INFINITY
}

/// The stream of chance that draws arrivals; a simulation has others of the same seed.
const STREAM: u64 = 0x6c61_7773;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<f64> {
        let pattern: Pattern = text.parse().unwrap();
        pattern
            .arrivals(1)
            .map(|arrival| arrival.at.as_seconds())
            .collect()
    }

    /// Mean and variance over mean of the counts per second.
    fn counts(text: &str) -> (f64, f64) {
        let mut counts = vec![0.0; 20_000];
        for at in all(text) {
            counts[at as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let squares = counts.iter().map(|count| (count - mean) * (count - mean));
        (mean, squares.sum::<f64>() / counts.len() as f64 / mean)
    }

    #[test]
    fn each_has_its_rate_and_its_dispersion() {
        let (mean, dispersion) = counts("constant:20/s,for=20000s");
        assert!(
            (mean - 20.0).abs() < 0.01 && dispersion < 0.01,
            "{mean} {dispersion}"
        );
        let (mean, dispersion) = counts("poisson:20/s,for=20000s");
        assert!((mean / 20.0 - 1.0).abs() < 0.01 && (dispersion - 1.0).abs() < 0.05);
        // On for a third of the time; the variance within a second is far above that of chance.
        let (mean, dispersion) = counts("onoff:30/s,low=3/s,on=5s,off=10s,for=20000s");
        assert!((mean / 12.0 - 1.0).abs() < 0.05, "{mean}");
        assert!(dispersion > 5.0, "{dispersion}");
        let (mean, _) = counts("diurnal:20/s,swing=0.8,period=1000s,for=20000s");
        assert!((mean / 20.0 - 1.0).abs() < 0.02, "{mean}");
    }

    #[test]
    fn a_day_has_its_night_at_its_beginning() {
        let day = all("diurnal:20/s,swing=0.9,period=1000s,for=1000s");
        let between = |from: f64, to: f64| day.iter().filter(|at| (from..to).contains(at)).count();
        let (night, noon) = (between(0.0, 100.0), between(450.0, 550.0));
        assert!(noon > 8 * night, "{night} {noon}");
    }

    #[test]
    fn a_burst_comes_at_once() {
        assert_eq!(all("burst:3,at=10s"), [10.0; 3]);
    }

    #[test]
    fn the_same_seed_gives_the_same_and_another_another() {
        let pattern: Pattern = "poisson:20/s,service=exp:50ms,for=10s".parse().unwrap();
        let all = |seed| pattern.arrivals(seed).collect::<Vec<_>>();
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
        assert!(all(1).is_sorted_by_key(|arrival| arrival.at));
    }

    #[test]
    fn they_come_to_an_end_whatever_they_are() {
        for shape in [
            Shape::Poisson { rate: 0.0 },
            Shape::Poisson { rate: f64::NAN },
            Shape::Constant { rate: 0.0 },
            Shape::OnOff {
                rate: 0.0,
                low: 0.0,
                on: Duration::from_millis(1),
                off: Duration::from_millis(1),
            },
            Shape::Diurnal {
                rate: f64::INFINITY,
                swing: 1.0,
                period: Duration::ZERO,
            },
        ] {
            let pattern = Pattern {
                shape,
                service: Law::NONE,
                lasts: Duration::from_secs(1),
            };
            assert!(pattern.arrivals(1).take(10).count() <= 10, "{shape:?}");
        }
    }
}
