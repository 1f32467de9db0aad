// SPDX-License-Identifier: Apache-2.0
use super::Wrong;

/// What was counted of datagrams and their lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams that came.
    pub datagrams: u64,
    /// Lines that were used.
    pub taken: u64,
    /// Lines with a name, or tags, that no revision asks for.
    pub unwanted: u64,
    /// Sets, events and checks.
    pub ignored: u64,
    /// Without a name.
    pub bad_name: u64,
    /// Without a number.
    pub bad_value: u64,
    /// Of a kind that is not known.
    pub bad_kind: u64,
    /// With a rate that is none.
    pub bad_rate: u64,
    /// Of another kind than what it is asked for: a timer for requests in flight, say.
    pub other_kind: u64,
    /// NaN, infinite, negative or too large.
    pub impossible: u64,
    /// Changes that would take a gauge below zero, where it stays.
    pub below_zero: u64,
    /// Over the most replicas.
    pub too_many: u64,
}

impl Counts {
    pub(super) const fn wrong(&mut self, wrong: Wrong) {
        let count = match wrong {
            Wrong::Name => &mut self.bad_name,
            Wrong::Value => &mut self.bad_value,
            Wrong::Kind => &mut self.bad_kind,
            Wrong::Rate => &mut self.bad_rate,
            Wrong::Ignored => &mut self.ignored,
        };
        *count += 1;
    }

    /// What became of lines, each by the word under which it is counted.
    #[must_use]
    pub const fn by_word(&self) -> [(&'static str, u64); 11] {
        [
            ("taken", self.taken),
            ("unwanted", self.unwanted),
            ("ignored", self.ignored),
            ("bad_name", self.bad_name),
            ("bad_value", self.bad_value),
            ("bad_kind", self.bad_kind),
            ("bad_rate", self.bad_rate),
            ("other_kind", self.other_kind),
            ("impossible", self.impossible),
            ("below_zero", self.below_zero),
            ("too_many", self.too_many),
        ]
    }
}
