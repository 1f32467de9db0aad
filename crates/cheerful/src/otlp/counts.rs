// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What became of what was to be sent.
#[derive(Debug, Default)]
pub(crate) struct OtlpCounts {
    metrics_sent: AtomicU64,
    metrics_failed: AtomicU64,
    decisions_sent: AtomicU64,
    decisions_failed: AtomicU64,
    decisions_dropped: AtomicU64,
}

impl OtlpCounts {
    pub(super) fn metrics(&self, sent: bool) {
        let count = if sent {
            &self.metrics_sent
        } else {
            &self.metrics_failed
        };
        count.fetch_add(1, Relaxed);
    }

    pub(super) fn decisions(&self, sent: bool) {
        let count = if sent {
            &self.decisions_sent
        } else {
            &self.decisions_failed
        };
        count.fetch_add(1, Relaxed);
    }

    pub(super) fn dropped(&self, decisions: u64) {
        self.decisions_dropped.fetch_add(decisions, Relaxed);
    }

    /// Messages by what was in them and what became of them.
    pub(crate) fn messages(&self) -> [([&'static str; 2], u64); 4] {
        [
            (["metrics", "sent"], self.metrics_sent.load(Relaxed)),
            (["metrics", "failed"], self.metrics_failed.load(Relaxed)),
            (["decisions", "sent"], self.decisions_sent.load(Relaxed)),
            (["decisions", "failed"], self.decisions_failed.load(Relaxed)),
        ]
    }

    /// Decisions that found no room.
    pub(crate) fn decisions_dropped(&self) -> u64 {
        self.decisions_dropped.load(Relaxed)
    }
}
