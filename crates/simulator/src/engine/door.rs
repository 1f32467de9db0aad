// SPDX-License-Identifier: Apache-2.0
use super::ranks::Ranks;
use crate::{Choice, Rng};

/// The replicas that take requests, and which one takes the next: the rule of the gateway, and those of the
/// baselines' front doors.
#[derive(Debug)]
pub(crate) struct Door {
    /// Number and slot of each open replica, the oldest first.
    open: Vec<(u64, usize)>,
    ranks: Ranks,
    limit: u32,
    choice: Choice,
    /// For [`Choice::InTurn`].
    next: usize,
    chance: Rng,
}

impl Door {
    pub(crate) fn new(limit: Option<u32>, choice: Choice, chance: Rng) -> Self {
        Self {
            open: Vec::new(),
            ranks: Ranks::default(),
            limit: limit.unwrap_or(u32::MAX),
            choice,
            next: 0,
            chance,
        }
    }
    pub(crate) fn set_choice(&mut self, choice: Choice) {
        self.choice = choice;
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
    /// The open replicas' slots, in the order of their places.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> + '_ {
        self.open.iter().map(|(_, slot)| *slot)
    }
    /// Replaces who is open; numbers rise with age's fall. `loads` are their requests in flight.
    pub(crate) fn reopen(&mut self, mut open: Vec<(u64, usize, u32)>) {
        open.sort_unstable();
        self.ranks
            .rebuild(open.iter().map(|(_, _, in_flight)| *in_flight));
        self.open.clear();
        self.open
            .extend(open.iter().map(|(number, slot, _)| (*number, *slot)));
    }
    /// Takes a place: the replica's place at the door, and its slot.
    pub(crate) fn take(&mut self) -> Option<(usize, usize)> {
        let place = self.choose()?;
        self.ranks.raise(place);
        Some((place, self.open[place].1))
    }
    /// A place in the replica with that place at the door comes back.
    pub(crate) fn give_back(&mut self, place: usize) {
        self.ranks.lower(place);
    }

    fn choose(&mut self) -> Option<usize> {
        let least = self.ranks.least();
        if self.open.is_empty() || least >= self.limit {
            return None;
        }
        match self.choice {
            Choice::LeastLoaded => self.ranks.first(least),
            Choice::Fill(target) => {
                // Above the target, or where it is no number, the least loaded.
                let below = (target.ceil().max(0.0) as u32).min(self.limit);
                let busiest = (least..below).rev().find_map(|load| self.ranks.first(load));
                busiest.or_else(|| self.ranks.first(least))
            }
            Choice::Oldest => (0..self.ranks.len()).find(|place| self.has_room(*place)),
            Choice::Newest => (0..self.ranks.len())
                .rev()
                .find(|place| self.has_room(*place)),
            Choice::InTurn => {
                let places = self.ranks.len();
                let turn = (self.next..places).chain(0..self.next.min(places));
                let place = turn.into_iter().find(|place| self.has_room(*place))?;
                self.next = place + 1;
                Some(place)
            }
            Choice::TwoAtRandom => {
                let mut any = || self.chance.below(self.ranks.len() as u64) as usize;
                let (one, other) = (any(), any());
                let better = if self.ranks.load(other) < self.ranks.load(one) {
                    other
                } else {
                    one
                };
                if self.has_room(better) {
                    Some(better)
                } else {
                    self.ranks.first(least)
                }
            }
        }
    }
    fn has_room(&self, place: usize) -> bool {
        self.ranks.load(place) < self.limit
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Rng;

    fn door(replicas: usize, limit: Option<u32>, choice: Choice) -> Door {
        let mut door = Door::new(limit, choice, Rng::new(1));
        let open = (0..replicas).map(|slot| (slot as u64, slot, 0));
        door.reopen(open.collect());
        door
    }

    proptest! {
        #[test]
        fn fills_as_the_gateway_does(
            replicas in 1_usize..70,
            target in 0.1_f64..6.0,
            limit in prop::option::of(1_u32..6),
            leaves in prop::collection::vec(prop::option::of(0_usize..70), 1..300),
        ) {
            let mut door = door(replicas, limit, Choice::Fill(target));
            let mut loads = vec![0_u32; replicas];
            for leave in leaves {
                match leave.filter(|place| loads.get(*place).is_some_and(|load| *load > 0)) {
                    Some(place) => {
                        loads[place] -= 1;
                        door.give_back(place);
                    }
                    None => {
                        let in_flight = loads.iter().map(|load| Some(u64::from(*load)));
                        let expected = cheerful_gateway::choose(in_flight, target, limit);
                        let taken = door.take().map(|(place, _)| place);
                        prop_assert_eq!(taken, expected);
                        if let Some(place) = taken {
                            loads[place] += 1;
                        }
                    }
                }
            }
        }

        #[test]
        fn every_choice_finds_a_place_while_there_is_one(
            replicas in 1_usize..9,
            limit in 1_u32..4,
        ) {
            for choice in [Choice::LeastLoaded, Choice::Oldest, Choice::Newest, Choice::InTurn, Choice::TwoAtRandom] {
                let mut door = door(replicas, Some(limit), choice);
                let places = replicas * limit as usize;
                let taken = std::iter::from_fn(|| door.take()).take(places + 1).count();
                prop_assert_eq!(taken, places);
            }
        }
    }

    #[test]
    fn in_turn_goes_round() {
        let mut door = door(3, None, Choice::InTurn);
        let taken: Vec<_> = (0..5).filter_map(|_| door.take()).map(|(p, _)| p).collect();
        assert_eq!(taken, [0, 1, 2, 0, 1]);
    }
}
