// SPDX-License-Identifier: Apache-2.0
//! Step 5, first half: a step down waits, for the largest wish within the scale-down delay holds.
use std::{collections::VecDeque, time::Duration};

use crate::Moment;

/// The largest wish within a sliding time. Kept are only wishes that are larger than all after them, one
/// for each second, so that there are never more than the delay has seconds (and one).
#[derive(Clone, Debug, Default)]
pub(crate) struct LargestWish {
    wishes: VecDeque<(Moment, u32)>,
}

impl LargestWish {
    /// Enters a wish; gives the largest that is younger than `delay` and how long that one still holds.
    pub(crate) fn hold(&mut self, now: Moment, delay: Duration, wish: u32) -> (u32, Duration) {
        while self
            .wishes
            .front()
            .is_some_and(|(at, _)| now.since(*at) >= delay)
        {
            self.wishes.pop_front();
        }
        while self
            .wishes
            .back()
            .is_some_and(|(_, earlier)| *earlier <= wish)
        {
            self.wishes.pop_back();
        }
        let second = |moment: Moment| moment.as_micros() / 1_000_000;
        match self.wishes.back_mut() {
            _ if delay.is_zero() => return (wish, Duration::ZERO),
            // A lower wish in the same second lengthens the higher one by less than a second.
            Some((at, _)) if second(*at) == second(now) => *at = now,
            _ => self.wishes.push_back((now, wish)),
        }
        let (at, largest) = self.wishes.front().copied().unwrap_or((now, wish));
        (largest, delay.saturating_sub(now.since(at)))
    }

    /// Whether no wish above 0 is remembered.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.wishes.iter().all(|(_, wish)| *wish == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_micros(millis * 1000)
    }

    #[test]
    fn the_largest_holds_for_the_delay_and_then_the_next() {
        let mut wishes = LargestWish::default();
        let delay = Duration::from_secs(300);
        assert_eq!(wishes.hold(at(0), delay, 4), (4, delay));
        assert_eq!(
            wishes.hold(at(60_000), delay, 3),
            (4, Duration::from_secs(240))
        );
        assert_eq!(
            wishes.hold(at(299_999), delay, 0),
            (4, Duration::from_millis(1))
        );
        assert_eq!(
            wishes.hold(at(300_000), delay, 0),
            (3, Duration::from_secs(60))
        );
        assert_eq!(wishes.hold(at(360_000), delay, 0).0, 0);
    }

    #[test]
    fn a_change_of_the_delay_takes_effect_at_once() {
        let mut wishes = LargestWish::default();
        assert_eq!(wishes.hold(at(0), Duration::from_secs(300), 4).0, 4);
        assert_eq!(wishes.hold(at(10_000), Duration::from_secs(5), 1).0, 1);
        assert_eq!(wishes.hold(at(11_000), Duration::ZERO, 0).0, 0);
    }

    #[test]
    fn there_is_one_entry_per_second_at_most() {
        let mut wishes = LargestWish::default();
        let delay = Duration::from_secs(10);
        for step in 0..100_000_u32 {
            wishes.hold(at(u64::from(step) * 10), delay, 1_000_000 - step);
            assert!(wishes.wishes.len() <= 12);
        }
    }
}
