// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

/// What a gateway held, first in first out: when requests that are let go had come.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// Held now: when they came, and how many.
    held: VecDeque<(i64, u64)>,
    /// The sum of those.
    all: u64,
    /// Let go, and not yet seen to be finished: when they were let go, when they came, how many.
    released: VecDeque<(i64, i64, u64)>,
    given_up: u64,
}

/// Groups that are kept; more are forgotten, the oldest first.
const GROUPS: usize = 65_536;
/// A request that was let go and is not finished after so long was given up: 10 minutes.
const LONGEST: i64 = 600_000_000;

impl Holds {
    /// So many are held now, and so many began to be since the last time.
    pub(super) fn now(&mut self, at: i64, held: u64, arrived: u64) {
        if arrived > 0 {
            // A sum that overflows is of no real gateway.
            let arrived = arrived.min(u64::MAX - self.all);
            self.held.push_back((at, arrived));
            self.all += arrived;
        }
        let mut gone = self.all.saturating_sub(held);
        self.all -= gone;
        while gone > 0 {
            let Some((came, count)) = self.held.front_mut() else {
                break;
            };
            let part = gone.min(*count);
            self.released.push_back((at, *came, part));
            *count -= part;
            gone -= part;
            if *count == 0 {
                self.held.pop_front();
            }
        }
        while self.held.len() > GROUPS {
            let (_, count) = self.held.pop_front().unwrap_or_default();
            self.all -= count;
        }
        let is_old = |(released, ..): &(i64, i64, u64)| *released < at.saturating_sub(LONGEST);
        while self.released.len() > GROUPS || self.released.front().is_some_and(is_old) {
            let (.., count) = self.released.pop_front().unwrap_or_default();
            self.given_up = self.given_up.saturating_add(count);
        }
    }

    /// Of so many that a replica finished until then, those that had been held: when they came, and how many.
    pub(super) fn released(&mut self, until: i64, finished: u64) -> Vec<(i64, u64)> {
        let mut left = finished;
        let mut came = Vec::new();
        while left > 0 {
            let Some((released, at, count)) = self.released.front_mut() else {
                break;
            };
            if *released > until {
                break;
            }
            let part = left.min(*count);
            came.push((*at, part));
            left -= part;
            *count -= part;
            if *count == 0 {
                self.released.pop_front();
            }
        }
        came
    }

    /// Requests that were let go and never seen to be finished.
    pub(super) const fn given_up(&self) -> u64 {
        self.given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_come_is_the_first_to_go() {
        let mut holds = Holds::default();
        holds.now(10, 3, 3);
        holds.now(20, 5, 2);
        holds.now(30, 1, 0);
        assert_eq!(holds.released(25, 9), []);
        assert_eq!(holds.released(30, 2), [(10, 2)]);
        assert_eq!(holds.released(40, 9), [(10, 1), (20, 1)]);
        holds.now(50, 0, 0);
        holds.now(50 + LONGEST + 1, 0, 0);
        assert_eq!(holds.released(i64::MAX, 9), []);
        assert_eq!(holds.given_up(), 1);
    }
}
