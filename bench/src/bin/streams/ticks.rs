// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use tokio::time::Instant;

use crate::TICK;

/// When decisions were made.
#[derive(Clone, Default)]
pub(crate) struct Ticks {
    began: Option<Instant>,
    last: Option<Instant>,
    pub(crate) ticks: u64,
    pub(crate) decisions: u64,
    /// How much later than a tick after the one before, at most.
    pub(crate) latest: Duration,
    /// From the first decision of a tick to its last, at most.
    pub(crate) longest: Duration,
    /// How much later than it wanted to the thread's probe ran, at most.
    pub(crate) stall: Duration,
}

/// Silence after which the next decision is the first of another tick.
const BETWEEN: Duration = Duration::from_millis(500);

impl Ticks {
    pub(crate) fn decided(&mut self, now: Instant) {
        self.decisions += 1;
        if self.last.is_none_or(|last| now - last > BETWEEN) {
            if let Some(began) = self.began {
                self.latest = self.latest.max((now - began).saturating_sub(TICK));
            }
            self.ticks += 1;
            self.began = Some(now);
        }
        if let Some(began) = self.began {
            self.longest = self.longest.max(now - began);
        }
        self.last = Some(now);
    }
}
