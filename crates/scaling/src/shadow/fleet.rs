// SPDX-License-Identifier: Apache-2.0
use crate::{Moment, Observation, capacity::StartUps};

/// The replicas that there would be. They start as the live ones did; the newest go first.
#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    pub(super) ready: u32,
    /// In the order in which they began.
    starting: Vec<Starting>,
    /// Replicas that were started.
    pub(super) started: u64,
}

/// Replicas that began at once and will be ready at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Starting {
    since: u64,
    ready_at: u64,
    count: u32,
}

impl Fleet {
    /// A wish beyond is cut: so many are kept apart by the scaler.
    pub(super) const MOST: u32 = 16_384;
    /// Groups on their way that are kept apart; beyond it one more is ready with the last.
    const MOST_GROUPS: usize = 256;

    /// So many that are ready.
    pub(super) fn of(ready: u32) -> Self {
        Self {
            ready: ready.min(Self::MOST),
            ..Self::default()
        }
    }
    pub(super) fn present(&self) -> u32 {
        self.ready + self.starting()
    }
    fn starting(&self) -> u32 {
        self.starting.iter().map(|group| group.count).sum()
    }
    /// What a platform would say.
    pub(super) fn observation(&self, gateway_since: Option<Moment>) -> Observation {
        Observation {
            ready: self.ready,
            starting: self.starting(),
            draining: 0,
            busy: 0,
            starting_since: self
                .starting
                .iter()
                .map(|group| Moment::from_micros(group.since))
                .min(),
            gateway_since,
        }
    }
    /// Those that are ready by now are; so many.
    pub(super) fn advance(&mut self, now: u64) -> u32 {
        let mut risen = 0;
        self.starting.retain(|group| {
            let ready = group.ready_at <= now;
            risen += if ready { group.count } else { 0 };
            !ready
        });
        self.ready += risen;
        risen
    }
    /// Makes it so many, and gives how many of the ready ones went.
    pub(super) fn scale(&mut self, now: u64, wanted: u32, start_ups: &StartUps) -> u32 {
        let wanted = wanted.min(Self::MOST);
        let present = self.present();
        for _ in present..wanted {
            let took = start_ups.one_of_the_last(self.started);
            self.started += 1;
            self.begin(now, now + (took.as_secs_f64() * 1e6) as u64);
        }
        let mut excess = present.saturating_sub(wanted);
        while excess > 0
            && let Some(newest) = self.starting.last_mut()
        {
            let given_up = newest.count.min(excess);
            newest.count -= given_up;
            excess -= given_up;
            if newest.count == 0 {
                self.starting.pop();
            }
        }
        self.ready -= excess;
        excess
    }

    fn begin(&mut self, since: u64, ready_at: u64) {
        let full = self.starting.len() >= Self::MOST_GROUPS;
        let same =
            |group: &&mut Starting| full || (group.since, group.ready_at) == (since, ready_at);
        match self.starting.iter_mut().rev().find(same) {
            Some(group) => group.count += 1,
            None => self.starting.push(Starting {
                since,
                ready_at,
                count: 1,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_take_as_long_as_the_live_ones_and_the_newest_is_given_up_first() {
        let mut start_ups = StartUps::default();
        start_ups.add(2.0);
        start_ups.add(4.0);
        let mut fleet = Fleet::default();
        assert_eq!(fleet.scale(0, 3, &start_ups), 0);
        assert_eq!((fleet.advance(1_999_999), fleet.advance(2_000_000)), (0, 2));
        assert_eq!(fleet.scale(2_000_000, 4, &start_ups), 0);
        assert_eq!(fleet.scale(2_500_000, 1, &start_ups), 1);
        assert_eq!((fleet.present(), fleet.ready, fleet.started), (1, 1, 4));
    }
}
