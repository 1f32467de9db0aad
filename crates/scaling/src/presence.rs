// SPDX-License-Identifier: Apache-2.0
use crate::{Observation, history::History};

/// Who is there, as integrals: feeds [`History`] with the replicas that ought to report.
///
/// A replica that has just become ready is not expected to have reported yet, for 1.5 s; one that goes may
/// leave its last 1.5 s unreported.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    since: u64,
    ready: u32,
    draining: u32,
    /// Lower counts that still hold until a moment; both rise along the list.
    lower: Vec<(u64, u32)>,
    observed: bool,
}

impl Presence {
    /// How long a report may be on its way: an interval of a second, and half a second more.
    pub(crate) const REPORT_DELAY: u64 = 1_500_000;
    /// Rises of the last 1.5 s that are kept apart; beyond it two are taken as one, later and from lower.
    const MOST_RISES: usize = 16;

    pub(crate) fn new(ready: u32, now: u64) -> Self {
        Self {
            since: now,
            ready,
            draining: 0,
            lower: Vec::new(),
            observed: ready > 0,
        }
    }

    /// Whether some have become ready so recently that they may not have reported yet.
    pub(crate) fn has_newcomers(&self) -> bool {
        !self.lower.is_empty()
    }

    /// Enters the time that has passed into the history.
    pub(crate) fn advance(&mut self, now: u64, history: &mut History) {
        if self.ready == 0 && self.draining == 0 {
            self.since = self.since.max(now);
            self.lower.clear();
            return;
        }
        history.advance(now);
        let there = self.ready.saturating_add(self.draining);
        while self.since < now {
            let (until, expected) = self
                .lower
                .first()
                .copied()
                .unwrap_or((u64::MAX, self.ready));
            let until = until.clamp(self.since, now);
            history.inhabit(self.since, until, expected, there);
            self.since = until;
            self.lower.retain(|(end, _)| *end > until);
        }
    }

    /// Takes what the platform says; needs [`Presence::advance`] before. `begin` is when the scaler began.
    pub(crate) fn observe(
        &mut self,
        now: u64,
        begin: u64,
        observation: &Observation,
        history: &mut History,
    ) {
        let ready = observation.ready;
        if !self.observed && ready > 0 {
            // The first news: what it says has been so from the beginning, as far as anyone knows.
            history.advance(now);
            history.inhabit(begin, now, ready, ready);
        } else if ready > self.ready {
            if self.lower.len() == Self::MOST_RISES {
                let (until, _) = self.lower.remove(1);
                self.lower[0].0 = until;
            }
            self.lower.push((now + Self::REPORT_DELAY, self.ready));
        } else if ready < self.ready {
            self.lower.retain(|(_, level)| *level < ready);
            let start = now.saturating_sub(Self::REPORT_DELAY);
            history.excuse(start, now, self.ready - ready);
        }
        self.observed = true;
        self.ready = ready;
        self.draining = observation.draining;
    }
}
