// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// How often replicas are read, so that what is new is seen quickly and the whole stays below a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Reads a second over all replicas at most, as far as the slowest pace allows. Half of them is for what is fresh.
    pub most_per_second: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            most_per_second: 4_000,
        }
    }
}

/// What the pace of one signal depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Paced {
    /// New, scaled or woken within the last seconds, or in panic.
    pub(super) fresh: bool,
    /// Only some of its replicas are read.
    pub(super) sampled: bool,
    /// It is no count of requests.
    pub(super) is_value: bool,
    /// Bytes of one answer on average.
    pub(super) bytes: f64,
    /// Reads of one round of all that is steady, and of all that is fresh.
    pub(super) steady_reads: usize,
    pub(super) fresh_reads: usize,
    /// How often it was doubled because the machine was late.
    pub(super) shed: u32,
}

impl Pace {
    /// For what is fresh.
    pub const QUICK: Duration = Duration::from_millis(100);
    /// For all else.
    pub const CALM: Duration = Duration::from_millis(200);
    /// For a revision that is steady and so large that only some of its replicas are read.
    pub const LARGE: Duration = Duration::from_secs(1);
    /// For values that are no requests in flight.
    pub const VALUE: Duration = Duration::from_secs(2);
    /// Nothing is read more slowly.
    pub const SLOWEST: Duration = Duration::from_secs(5);
    /// How long something is fresh.
    pub const FRESH: Duration = Duration::from_secs(10);
    /// So many bytes a second a replica is made to write at most while it is steady, and four times as many while it is
    /// fresh: as far as the slowest pace allows.
    pub const BYTES_PER_SECOND: f64 = 256.0 * 1024.0;

    /// Between two reads of a replica.
    pub(super) fn interval(self, paced: Paced) -> Duration {
        let half = f64::from(self.most_per_second.max(2)) / 2.0;
        let fresh = paced.fresh;
        let (least, reads) = match (fresh, paced.is_value, paced.sampled) {
            (true, ..) => (Self::QUICK, paced.fresh_reads),
            (_, true, _) => (Self::VALUE, paced.steady_reads),
            (_, _, true) => (Self::LARGE, paced.steady_reads),
            _ => (Self::CALM, paced.steady_reads),
        };
        #[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
        let by_load = reads as f64 / half;
        let by_bytes = paced.bytes / Self::BYTES_PER_SECOND / if fresh { 4.0 } else { 1.0 };
        let shed = f64::from(1_u32 << if fresh { 0 } else { paced.shed.min(6) });
        let seconds = least.as_secs_f64().max(by_load).max(by_bytes) * shed;
        Duration::from_secs_f64(seconds.min(Self::SLOWEST.as_secs_f64()))
    }
}

/// How many of so many replicas are read for an error of 5 % at a confidence of 95 %: all of 3, else N X / (N + X - 1) with
/// X = 15.3664, which is (1.96 * s / 0.05)^2 for a standard deviation s of a tenth; as Knative has it. All as well where
/// two reads of each, which an interval of a few takes, would be as many.
#[must_use]
pub fn sample(replicas: usize) -> usize {
    const X: f64 = 15.3664;
    if replicas <= 3 {
        return replicas;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 16"
    )]
    let some = {
        let replicas = replicas as f64;
        (replicas * X / (replicas + X - 1.0)).ceil() as usize
    };
    if 2 * some < replicas { some } else { replicas }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_when_fresh_calm_then_and_slower_for_what_costs_more() {
        let pace = Pace::default();
        let calm = Paced::default();
        let seconds = |paced| pace.interval(paced).as_secs_f64();
        assert_eq!(seconds(calm), 0.2);
        assert_eq!(
            seconds(Paced {
                fresh: true,
                ..calm
            }),
            0.1
        );
        assert_eq!(
            seconds(Paced {
                sampled: true,
                ..calm
            }),
            1.0
        );
        assert_eq!(
            seconds(Paced {
                is_value: true,
                ..calm
            }),
            2.0
        );
        assert_eq!(seconds(Paced { shed: 2, ..calm }), 0.8);
        assert_eq!(
            seconds(Paced {
                shed: 2,
                fresh: true,
                ..calm
            }),
            0.1
        );
        assert_eq!(
            seconds(Paced {
                steady_reads: 10_000,
                ..calm
            }),
            5.0
        );
        assert_eq!(
            seconds(Paced {
                fresh_reads: 10_000,
                ..calm
            }),
            0.2
        );
        assert_eq!(
            seconds(Paced {
                fresh: true,
                fresh_reads: 1_000,
                ..calm
            }),
            0.5
        );
        let page = Pace::BYTES_PER_SECOND * 2.0;
        assert_eq!(
            seconds(Paced {
                bytes: page,
                ..calm
            }),
            2.0
        );
        assert_eq!(
            seconds(Paced {
                bytes: page,
                fresh: true,
                ..calm
            }),
            0.5
        );
        assert_eq!(seconds(Paced { bytes: 1e9, ..calm }), 5.0);
    }

    #[test]
    fn as_many_are_read_as_the_error_asks_for() {
        for (replicas, some) in [
            (0, 0),
            (1, 1),
            (3, 3),
            (4, 4),
            (10, 10),
            (20, 9),
            (100, 14),
            (1000, 16),
        ] {
            assert_eq!(sample(replicas), some, "{replicas}");
        }
    }
}
