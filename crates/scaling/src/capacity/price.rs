// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::learn::ln;

/// What waiting is worth against a replica that idles: made of the one number a person may turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    thrift: f64,
}

impl Price {
    /// Seconds that a replica may idle to spare requests a second of waiting, with thrift in the middle.
    const SECOND: f64 = 4.0;
    /// Seconds that a replica may idle to spare one start from zero. Public measures of idle functions weigh a start
    /// with 80 GB-seconds (RUM, FeMux), which is 400 s of a replica of 200 MB.
    const COLD_START: f64 = 400.0;
    /// Seconds of a replica for what a platform has to do for a start and an end.
    const START: f64 = 10.0;
    /// One in so many requests may wait, with thrift in the middle.
    const RISK: f64 = 100.0;
    /// At either end it is so many times more and less.
    const RANGE: f64 = 1000.0;
    /// Seconds from what happens until it is decided on, on average: half of a report's interval and of a tick.
    const DECIDED_AFTER: f64 = 0.75;

    pub(crate) const fn new(thrift: f64) -> Self {
        Self { thrift }
    }
    /// Seconds of a replica for one request that has to wait while one starts.
    pub(crate) fn of_a_wait(self, start_up: Duration) -> f64 {
        // They come evenly over the start, so half of it on average.
        let wait = Self::DECIDED_AFTER + start_up.as_secs_f64() / 2.0;
        Self::SECOND * wait * self.scale()
    }
    /// Seconds of a replica for one start, whoever waits: while it starts it serves nobody, and a platform has other
    /// work with it.
    pub(crate) fn of_a_start(start_up: Duration) -> f64 {
        start_up.as_secs_f64() + Self::START
    }
    /// Seconds of a replica for one start from zero.
    pub(crate) fn of_a_cold_start(self) -> f64 {
        Self::COLD_START * self.scale()
    }
    /// Standard deviations of the load to be covered: as many as make the last replica worth its cost, which is one
    /// second each second, where so many requests come per second and all of them wait while it is missing. So
    /// `probability to be short = 1 / (price of a wait x requests per second)`. Nothing is covered where hardly anyone
    /// comes, and nowhere more than for all but one of [`Price::RISK`] seconds.
    pub(crate) fn deviations(self, start_up: Duration, requests_per_second: f64) -> f64 {
        let worth = self.of_a_wait(start_up) * requests_per_second;
        normal_quantile_above(worth.min(Self::RISK * self.scale()))
    }
    /// The square of what is left of the thrift over the thrift: 1 in the middle.
    fn scale(self) -> f64 {
        let ratio = (1.0 - self.thrift) / self.thrift.max(1e-9);
        (ratio * ratio).clamp(1.0 / Self::RANGE, Self::RANGE)
    }
}

/// So many standard deviations above its mean a normal variable is once in `times`; 0 for 2 and less.
/// Abramowitz and Stegun, 26.2.23: right to 0.00045.
fn normal_quantile_above(times: f64) -> f64 {
    if times <= 2.0 {
        return 0.0;
    }
    let t = (2.0 * ln(times.min(1e9))).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thrift_turns_from_never_wait_to_as_cheap_as_can_be() {
        let prices = [0.0, 0.25, 0.5, 0.75, 1.0].map(Price::new);
        let start = Duration::from_secs(2);
        let waits = prices.map(|price| price.of_a_wait(start));
        assert_eq!(
            waits.map(|wait| (wait * 1e6).round()),
            [7e9, 63e6, 7e6, 777_778.0, 7_000.0]
        );
        assert_eq!(prices[2].of_a_cold_start(), 400.0);
        assert_eq!(prices[2].of_a_wait(Duration::from_secs(20)), 43.0);
    }

    #[test]
    fn the_quantile_is_that_of_the_tables() {
        for (times, quantile) in [
            (2.0, 0.0),
            (20.0, 1.6449),
            (100.0, 2.3263),
            (1000.0, 3.0902),
        ] {
            assert!(
                (normal_quantile_above(times) - quantile).abs() < 0.0005,
                "{times}"
            );
        }
    }

    #[test]
    fn where_hardly_anyone_comes_nothing_is_spare() {
        let price = Price::new(0.5);
        let start = Duration::from_secs(2);
        assert_eq!(price.deviations(start, 0.1), 0.0);
        assert!(price.deviations(start, 10.0) > 2.0);
    }
}
