// SPDX-License-Identifier: Apache-2.0
/// What waiting is worth against a replica that idles: made of the one number a person may turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    thrift: f64,
}

impl Price {
    /// Seconds that a replica may idle to spare one request a wait for a place, with thrift in the middle.
    const WAIT: f64 = 10.0;
    /// Seconds that a replica may idle to spare one start from zero. Public measures of idle functions weigh a start
    /// with 80 GB-seconds (RUM, FeMux), which is 400 s of a replica of 200 MB.
    const COLD_START: f64 = 400.0;
    /// From the middle to either end.
    const RANGE: f64 = 100.0;

    pub(crate) const fn new(thrift: f64) -> Self {
        Self { thrift }
    }
    /// Seconds of a replica for one request that waits.
    pub(crate) fn of_a_wait(self) -> f64 {
        Self::WAIT * self.scale()
    }
    /// Seconds of a replica for one start from zero.
    pub(crate) fn of_a_cold_start(self) -> f64 {
        Self::COLD_START * self.scale()
    }
    /// Standard deviations of the load that are covered: 2.5 in the middle, where about 1 of 100 requests waits (the
    /// exact figure, by Erlang's C, is 2.4 for a thousand places and 2.9 for ten).
    pub(crate) fn deviations(self) -> f64 {
        3.5 - 2.0 * self.thrift
    }
    fn scale(self) -> f64 {
        Self::RANGE.powf(1.0 - 2.0 * self.thrift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thrift_turns_from_never_wait_to_as_cheap_as_can_be() {
        let prices = [0.0, 0.5, 1.0].map(Price::new);
        assert_eq!(prices.map(Price::of_a_wait), [1000.0, 10.0, 0.1]);
        assert_eq!(prices.map(Price::of_a_cold_start), [40_000.0, 400.0, 4.0]);
        assert_eq!(prices.map(Price::deviations), [3.5, 2.5, 1.5]);
    }
}
