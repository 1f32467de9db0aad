// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

/// What a gateway held, first in first out: when the requests that it let go had come. In microseconds.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// Held now: when they came, and how many.
    held: VecDeque<(i64, u64)>,
    /// The sum of those.
    all: u64,
    /// When that was last told.
    told: i64,
    released: VecDeque<Released>,
    given_up: u64,
}

/// Requests that were let go between two lines, and are not yet seen to be finished.
#[derive(Debug)]
struct Released {
    after: i64,
    until: i64,
    came: i64,
    count: u64,
}

/// Groups that are kept; more are forgotten, the oldest first.
const GROUPS: usize = 65_536;
/// A request that was let go and is not finished after so long was given up: 10 minutes.
const LONGEST: i64 = 600_000_000;
/// When a replica took a request is known only so well: half a report's interval.
const SLACK: i64 = 500_000;
/// Those that began to be held since the last line are put at so many places at most.
const PLACES: u64 = 64;

impl Holds {
    /// So many are held now, and so many began to be since the last time.
    pub(super) fn now(&mut self, at: i64, held: u64, arrived: u64) {
        // The first one is told at once; others came at any time since the last line.
        let after = if self.all == 0 { at } else { self.told };
        let places = arrived.min(PLACES);
        for place in 0..places {
            let came = after + ((at - after) as f64 * (place as f64 + 0.5) / places as f64) as i64;
            let part = arrived / places + u64::from(place < arrived % places);
            // A sum that overflows is of no real gateway.
            let part = part.min(u64::MAX - self.all);
            self.held.push_back((came, part));
            self.all += part;
        }
        let mut gone = self.all.saturating_sub(held);
        self.all -= gone;
        while gone > 0 {
            let Some((came, count)) = self.held.front_mut() else {
                break;
            };
            let part = gone.min(*count);
            self.released.push_back(Released {
                after: self.told,
                until: at,
                came: *came,
                count: part,
            });
            *count -= part;
            gone -= part;
            if *count == 0 {
                self.held.pop_front();
            }
        }
        self.told = at;
        while self.held.len() > GROUPS {
            let (_, count) = self.held.pop_front().unwrap_or_default();
            self.all -= count;
        }
        while let Some(first) = self.released.front()
            && (self.released.len() > GROUPS || first.until < at.saturating_sub(LONGEST))
        {
            self.given_up = self.given_up.saturating_add(first.count);
            self.released.pop_front();
        }
    }

    /// When a request came that a replica took then, if it had been held.
    pub(super) fn came(&mut self, taken: i64) -> Option<i64> {
        let fits = |group: &Released| {
            group.after.saturating_sub(SLACK) <= taken && taken <= group.until.saturating_add(SLACK)
        };
        // Groups rise: those that ended long before are passed over.
        let early = |group: &Released| group.until.saturating_add(SLACK) < taken;
        let place = self.released.partition_point(early);
        let group = self.released.get_mut(place).filter(|group| fits(group))?;
        let came = group.came;
        group.count -= 1;
        if group.count == 0 {
            self.released.remove(place);
        }
        Some(came.min(taken))
    }

    /// Requests that were let go and never seen to be finished.
    pub(super) const fn given_up(&self) -> u64 {
        self.given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn the_first_to_come_is_the_first_to_go() {
        let mut holds = Holds::default();
        holds.now(10 * SECOND, 1, 1);
        holds.now(20 * SECOND, 3, 2);
        holds.now(30 * SECOND, 1, 0);
        assert_eq!(holds.came(15 * SECOND), None);
        assert_eq!(holds.came(21 * SECOND), Some(10 * SECOND));
        assert_eq!(holds.came(30 * SECOND), Some(12_500_000));
        assert_eq!(holds.came(30 * SECOND), None);
        holds.now(40 * SECOND, 0, 0);
        // One that was taken much later had not been held.
        assert_eq!(holds.came(41 * SECOND), None);
        holds.now(41 * SECOND + LONGEST, 0, 0);
        assert_eq!(holds.came(40 * SECOND), None);
        assert_eq!(holds.given_up(), 1);
    }

    #[test]
    fn nobody_came_after_a_replica_took_it() {
        let mut holds = Holds::default();
        holds.now(2 * SECOND, 1, 1);
        holds.now(3 * SECOND, 0, 1);
        assert_eq!(holds.came(2_100_000), Some(2 * SECOND));
        assert_eq!(holds.came(2_200_000), Some(2_200_000));
    }
}
