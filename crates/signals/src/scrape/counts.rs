// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

/// What was counted of all reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrapeCounts {
    /// By source and result: `ok`, `anew` for a process that began anew, else [`crate::Unread::name`].
    pub reads: BTreeMap<(&'static str, &'static str), u64>,
    /// Bytes of answers, by source.
    pub bytes: BTreeMap<&'static str, u64>,
    /// Rounds of steady revisions that were put off because the reads before were late.
    pub shed: u64,
    /// Reports of replicas that were not read, made from those that were.
    pub assumed: u64,
    /// Replicas that were not taken, for there are too many.
    pub refused_replicas: u64,
}

impl ScrapeCounts {
    pub(super) fn read(&mut self, source: &'static str, result: &'static str, bytes: usize) {
        *self.reads.entry((source, result)).or_default() += 1;
        *self.bytes.entry(source).or_default() += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// All reads, whatever they came to.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.reads.values().sum()
    }
}
