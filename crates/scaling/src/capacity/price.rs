// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// What waiting is worth against a replica that idles: made of the one number a person may turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    thrift: f64,
}

impl Price {
    /// Seconds that a replica may idle to spare requests a second of waiting, with thrift in the middle.
    const SECOND: f64 = 12.0;
    /// Seconds that a replica may idle to spare one start from zero. Public measures of idle functions weigh a start
    /// with 80 GB-seconds (RUM, FeMux), which is 400 s of a replica of 200 MB.
    const COLD_START: f64 = 400.0;
    /// Seconds of a replica for what a platform has to do for a start and an end.
    const START: f64 = 10.0;
    /// In one of so many seconds there may be too few, with thrift in the middle; as some of what comes then finds a place
    /// still, less than one request in a hundred waits.
    const RISK: f64 = 50.0;
    /// A replica but the last is kept at most so many seconds, with thrift in the middle, before it is known how soon it is
    /// needed again.
    const UNPROVEN: f64 = 900.0;
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
    /// Seconds that a replica is kept at most on an estimate of who would wait for it.
    pub(crate) fn unproven(self) -> f64 {
        Self::UNPROVEN * self.scale()
    }
    /// The load may be more than was covered in one of so many seconds: as many as make the last replica worth its cost,
    /// which is one second each second, where so many requests come per second and all of them wait while it is
    /// missing. So `probability to be short = 1 / (price of a wait x requests per second)`. Nothing is covered where
    /// hardly anyone comes, and nowhere more than for all but one of [`Price::RISK`] seconds.
    pub(crate) fn one_in(self, start_up: Duration, requests_per_second: f64) -> f64 {
        let worth = self.of_a_wait(start_up) * requests_per_second;
        worth.min(Self::RISK * self.scale())
    }
    /// The square of what is left of the thrift over the thrift: 1 in the middle.
    fn scale(self) -> f64 {
        let ratio = (1.0 - self.thrift) / self.thrift.max(1e-9);
        (ratio * ratio).clamp(1.0 / Self::RANGE, Self::RANGE)
    }
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
            [21e9, 189e6, 21e6, 2_333_333.0, 21_000.0]
        );
        assert_eq!(prices[2].of_a_cold_start(), 400.0);
        assert_eq!(prices[2].of_a_wait(Duration::from_secs(20)), 129.0);
    }

    #[test]
    fn where_hardly_anyone_comes_nothing_is_spare() {
        let price = Price::new(0.5);
        let start = Duration::from_secs(2);
        assert!(price.one_in(start, 0.09) < 2.0);
        assert_eq!(price.one_in(start, 10.0), Price::RISK);
    }
}
