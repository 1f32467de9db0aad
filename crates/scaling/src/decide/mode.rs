// SPDX-License-Identifier: Apache-2.0
//! Step 3: panic begins with a breach and ends one stable window after the last.
use std::time::Duration;

use crate::{Mode, Moment};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Panic {
    /// Microseconds since the origin (below 0: before it) of the last breach; `None`: calm.
    last_breach: Option<i64>,
    /// The most replicas decided in this panic.
    most: u32,
}

impl Panic {
    /// A panic that waits for replicas ends after so many stable windows without a breach.
    const LONGEST_WAIT: i64 = 5;

    /// As if the last breach had been so long before `now`, with so many replicas.
    pub(crate) fn begun(now: Moment, ago: Duration, most: u32) -> Self {
        Self {
            last_breach: Some(micros(now) - duration_micros(ago)),
            most,
        }
    }
    pub(crate) fn calm(most: u32) -> Self {
        Self {
            last_breach: None,
            most,
        }
    }

    /// Begins, goes on or ends. While replicas that were asked for still start it goes on, for leaving it
    /// would give up a plan that is half carried out.
    pub(crate) fn step(
        &mut self,
        now: Moment,
        breach: bool,
        starting: bool,
        stable_window: Duration,
    ) -> Mode {
        let window = duration_micros(stable_window);
        if breach {
            if self.last_breach.is_none() {
                self.most = 0;
            }
            self.last_breach = Some(micros(now));
        } else if let Some(last) = self.last_breach {
            let calm = micros(now).saturating_sub(last);
            if calm >= window && (!starting || calm >= Self::LONGEST_WAIT * window) {
                *self = Self::default();
            }
        }
        if self.last_breach.is_some() {
            Mode::Panic
        } else {
            Mode::Stable
        }
    }

    pub(crate) fn decided(&mut self, replicas: u32) {
        if self.last_breach.is_some() {
            self.most = self.most.max(replicas);
        }
    }
    pub(crate) const fn most(&self) -> u32 {
        self.most
    }
    pub(crate) fn last_breach(&self) -> Option<Moment> {
        self.last_breach
            .map(|at| Moment::from_micros(u64::try_from(at).unwrap_or(0)))
    }
    pub(crate) fn is_on(&self) -> bool {
        self.last_breach.is_some()
    }
    /// Until it ends if nothing new happens and nothing starts.
    pub(crate) fn remains(&self, now: Moment, stable_window: Duration) -> Duration {
        let Some(last) = self.last_breach else {
            return Duration::ZERO;
        };
        let ends = last.saturating_add(duration_micros(stable_window));
        Duration::from_micros(u64::try_from(ends - micros(now)).unwrap_or(0))
    }
}

fn micros(moment: Moment) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(i64::MAX)
}
fn duration_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);
    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn ends_one_window_after_the_last_breach() {
        let mut panic = Panic::calm(3);
        assert_eq!(panic.step(at(0), false, false, WINDOW), Mode::Stable);
        assert_eq!(panic.step(at(1), true, false, WINDOW), Mode::Panic);
        assert_eq!(panic.most(), 0);
        assert_eq!(panic.step(at(30), true, false, WINDOW), Mode::Panic);
        assert_eq!(panic.step(at(89), false, false, WINDOW), Mode::Panic);
        assert_eq!(panic.remains(at(89), WINDOW), Duration::from_secs(1));
        assert_eq!(panic.step(at(90), false, false, WINDOW), Mode::Stable);
    }

    #[test]
    fn waits_for_starting_replicas_but_not_for_ever() {
        let mut panic = Panic::begun(at(0), Duration::from_secs(5), 7);
        assert_eq!(panic.step(at(55), false, true, WINDOW), Mode::Panic);
        assert_eq!(panic.step(at(294), false, true, WINDOW), Mode::Panic);
        assert_eq!(panic.step(at(295), false, true, WINDOW), Mode::Stable);
    }
}
