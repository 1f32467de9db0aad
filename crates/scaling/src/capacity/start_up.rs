// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::Observation;

/// How long replicas take from their creation until they answer, by the platform's counts alone: a rise of the present
/// scale is a creation, a rise of the ready ones ends the oldest start, and a start that vanishes was the newest.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartUps {
    /// Starts under way, oldest first: since when, and how many.
    under_way: [(u64, u32); Self::MOST_UNDER_WAY],
    groups: usize,
    /// The last starts, in seconds; a ring.
    pub(super) took: [f32; Self::KEPT],
    pub(super) count: usize,
    /// What 9 of 10 took at most.
    most: f32,
}

impl StartUps {
    const MOST_UNDER_WAY: usize = 8;
    pub(super) const KEPT: usize = 16;
    /// Taken until a start has been seen.
    const UNKNOWN: Duration = Duration::from_secs(5);
    /// A longer start is taken for this one.
    pub(super) const LONGEST: f32 = 600.0;

    pub(crate) fn observe(&mut self, now: u64, before: &Observation, after: &Observation) {
        let became_ready = after.ready.saturating_sub(before.ready);
        let still = before.starting.saturating_sub(became_ready);
        self.finish(now, became_ready.min(before.starting));
        if after.starting > still {
            let since = after
                .starting_since
                .map_or(now, |since| since.as_micros().min(now));
            // The oldest of them all began then: of the new ones that is known only if there are no others.
            self.begin(if still == 0 { since } else { now }, after.starting - still);
        } else {
            self.cancel(still - after.starting);
        }
    }
    /// What 9 of 10 starts took at most, of the last 16.
    pub(crate) fn most_take(&self) -> Duration {
        if self.count == 0 {
            Self::UNKNOWN
        } else {
            Duration::from_secs_f32(self.most)
        }
    }
    /// How long one of the last 16 took, in turn.
    pub(crate) fn one_of_the_last(&self, turn: u64) -> Duration {
        match self.count.min(Self::KEPT) as u64 {
            0 => Self::UNKNOWN,
            known => Duration::from_secs_f32(self.took[(turn % known) as usize]),
        }
    }
    /// Whether a start has been seen.
    pub(crate) const fn is_known(&self) -> bool {
        self.count > 0
    }
    pub(crate) fn add(&mut self, seconds: f32) {
        if !seconds.is_finite() {
            return;
        }
        self.took[self.count % Self::KEPT] = seconds.clamp(0.0, Self::LONGEST);
        self.count += 1;
        let mut took = self.took;
        let known = self.count.min(Self::KEPT);
        took[..known].sort_by(f32::total_cmp);
        self.most = took[(known * 9).div_ceil(10) - 1];
    }

    fn begin(&mut self, since: u64, count: u32) {
        if self.groups == Self::MOST_UNDER_WAY {
            // The two newest become one.
            self.under_way[self.groups - 1].1 =
                self.under_way[self.groups - 1].1.saturating_add(count);
        } else {
            self.under_way[self.groups] = (since, count);
            self.groups += 1;
        }
    }
    fn finish(&mut self, now: u64, mut count: u32) {
        while count > 0 && self.groups > 0 {
            let (since, starting) = self.under_way[0];
            // One for each group that became ready at once: a thousand alike tell no more than one.
            self.add(now.saturating_sub(since) as f32 / 1e6);
            let ended = starting.min(count);
            count -= ended;
            self.under_way[0].1 -= ended;
            if self.under_way[0].1 == 0 {
                self.under_way.copy_within(1..self.groups, 0);
                self.groups -= 1;
            }
        }
    }
    fn cancel(&mut self, mut count: u32) {
        while count > 0 && self.groups > 0 {
            let newest = &mut self.under_way[self.groups - 1].1;
            let ended = (*newest).min(count);
            count -= ended;
            *newest -= ended;
            if *newest == 0 {
                self.groups -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(start_ups: &mut StartUps, lines: &[(u64, u32, u32)]) {
        let mut before = Observation::default();
        for (second, ready, starting) in lines {
            let after = Observation {
                ready: *ready,
                starting: *starting,
                ..Observation::default()
            };
            start_ups.observe(second * 1_000_000, &before, &after);
            before = after;
        }
    }

    #[test]
    fn the_oldest_start_ends_first_and_the_newest_is_given_up_first() {
        let mut start_ups = StartUps::default();
        assert_eq!(start_ups.most_take(), Duration::from_secs(5));
        // Two begin at 0, one more at 4; at 5 the last is given up; at 7 one is ready, at 9 the other.
        feed(
            &mut start_ups,
            &[(0, 0, 2), (4, 0, 3), (5, 0, 2), (7, 1, 1), (9, 2, 0)],
        );
        assert_eq!(start_ups.took[..2], [7.0, 9.0]);
        assert_eq!(start_ups.most_take(), Duration::from_secs(9));
    }

    #[test]
    fn one_slow_start_of_many_does_not_count() {
        let mut start_ups = StartUps::default();
        for seconds in [2.0, 2.0, 2.0, 300.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.5] {
            start_ups.add(seconds);
        }
        assert_eq!(start_ups.most_take(), Duration::from_millis(2500));
    }

    #[test]
    fn a_crash_is_no_start_and_its_successor_is_one() {
        let mut start_ups = StartUps::default();
        feed(
            &mut start_ups,
            &[(0, 0, 2), (3, 2, 0), (50, 1, 0), (51, 1, 1), (58, 2, 0)],
        );
        assert_eq!(start_ups.took[..2], [3.0, 7.0]);
    }
}
