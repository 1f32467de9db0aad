// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the console did not show, or does not keep, for want of room: counts since the start, for the metrics.
#[derive(Debug, Default)]
pub struct ConsoleCounts {
    pub(crate) pages_refused: AtomicU64,
    pub(crate) messages_missed: AtomicU64,
    pub(crate) decisions_unheard: AtomicU64,
    pub(crate) decisions_forgotten: AtomicU64,
    pub(crate) points_forgotten: AtomicU64,
    pub(crate) points_not_kept: AtomicU64,
    pub(crate) kept_seconds: AtomicU64,
}

impl ConsoleCounts {
    /// Each with the word for it.
    #[must_use]
    pub fn by_word(&self) -> [(&'static str, u64); 6] {
        [
            ("page", &self.pages_refused),
            ("message", &self.messages_missed),
            ("decision_unheard", &self.decisions_unheard),
            ("decision", &self.decisions_forgotten),
            ("point", &self.points_forgotten),
            ("revision_point", &self.points_not_kept),
        ]
        .map(|(word, count)| (word, count.load(Relaxed)))
    }

    /// How far back the figures of any revision may go: less than a day where there is no room for more, 0 while there
    /// is no console.
    #[must_use]
    pub fn kept_seconds(&self) -> u64 {
        self.kept_seconds.load(Relaxed)
    }
}

/// Counts so many more.
pub(crate) fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Relaxed);
}
