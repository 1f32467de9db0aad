// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Key;

/// What is looked at without a word from a watch, and when.
#[derive(Debug)]
pub(super) struct Agenda {
    /// Since when all was looked at.
    looked: Instant,
    /// Revisions to look at by themselves; without a name: the namespace.
    later: BTreeMap<Key, Instant>,
}

/// What has to be looked at now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Now {
    /// Everything, whatever is known of it.
    pub(super) all: bool,
    pub(super) keys: Vec<Key>,
}

/// Everything is looked at again so often, whatever the watches tell.
const RESYNC: Duration = Duration::from_mins(5);

impl Agenda {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            looked: now,
            later: BTreeMap::new(),
        }
    }

    /// Everything is looked at.
    pub(super) const fn looked(&mut self, now: Instant) {
        self.looked = now;
    }

    /// At that time, and not at the one before.
    pub(super) fn at(&mut self, key: Key, when: Instant) {
        self.later.insert(key, when);
    }

    /// At that time, if not earlier.
    pub(super) fn no_later(&mut self, key: Key, when: Instant) {
        let known = self.later.entry(key).or_insert(when);
        *known = when.min(*known);
    }

    pub(super) fn forget(&mut self, key: &Key) {
        self.later.remove(key);
    }

    /// Takes what is due. Nothing of it is due a second time, so that who sleeps until [`Agenda::next`] sleeps.
    pub(super) fn take(&mut self, now: Instant) -> Now {
        let all = now >= self.looked + RESYNC;
        if all {
            self.looked = now;
        }
        let due = self.later.extract_if(.., |_, when| *when <= now);
        let keys = due.map(|(key, _)| key).collect();
        Now { all, keys }
    }

    /// When something is due.
    pub(super) fn next(&self) -> Instant {
        let resync = self.looked + RESYNC;
        self.later.values().copied().fold(resync, Instant::min)
    }

    /// The same for one who acts, or does not: who only watches has nothing to do by itself, takes nothing, and what is
    /// due would wake it for ever.
    pub(super) fn wakes(&self, acts: bool, now: Instant) -> Instant {
        if acts { self.next() } else { now + RESYNC }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> Key {
        Key {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn with_nothing_to_do_it_is_due_at_each_resync_and_not_in_between() {
        let start = Instant::now();
        let mut agenda = Agenda::new(start);
        let mut now = start;
        for round in 1..=10 {
            now = agenda.next();
            assert_eq!(now, start + RESYNC * round);
            let all = Now {
                all: true,
                keys: vec![],
            };
            assert_eq!(agenda.take(now), all);
            assert_eq!(agenda.take(now), Now::default());
        }
        assert_eq!(agenda.next(), now + RESYNC);
    }

    #[test]
    fn the_earlier_of_two_times_counts_unless_it_is_said_anew() {
        let start = Instant::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        let mut agenda = Agenda::new(start);
        agenda.no_later(key("cart"), second(9));
        agenda.no_later(key("cart"), second(3));
        agenda.no_later(key("cart"), second(6));
        assert_eq!(agenda.next(), second(3));
        agenda.at(key("cart"), second(7));
        assert_eq!(agenda.next(), second(7));
        assert_eq!(agenda.take(second(7)).keys, [key("cart")]);
        agenda.at(key("cart"), second(8));
        agenda.forget(&key("cart"));
        assert_eq!(agenda.next(), start + RESYNC);
    }

    proptest! {
        // A leader that spins does nothing wrong but for the processor that it takes.
        #[test]
        fn what_was_taken_is_never_due_in_the_past(
            steps in prop::collection::vec((0_u64..400, 0_usize..4, -20_i64..200, any::<bool>()), 1..60)
        ) {
            let start = Instant::now() + Duration::from_secs(60);
            let (mut agenda, mut now) = (Agenda::new(start), start);
            for (wait, name, when, anew) in steps {
                now += Duration::from_secs(wait);
                let key = key(["a", "b", "c", ""][name]);
                let when = if when < 0 {
                    now - Duration::from_secs(when.unsigned_abs())
                } else {
                    now + Duration::from_secs(when.unsigned_abs())
                };
                if anew { agenda.at(key, when) } else { agenda.no_later(key, when) }
                prop_assert!(agenda.wakes(false, now) > now, "a standby sleeps, whatever is due");
                let due = agenda.next() <= now;
                prop_assert_eq!(agenda.take(now) != Now::default(), due);
                prop_assert!(agenda.wakes(true, now) > now);
                prop_assert_eq!(agenda.take(now), Now::default());
            }
        }
    }
}
