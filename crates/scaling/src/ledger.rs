// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use crate::{Refusal, Report, sliding::LastSecond};

/// Who has reported what: keeps a report from being counted twice, and knows what bursts the replicas
/// showed within the last second. Nothing in it is summed up over replicas when a decision is made.
///
/// A replica that was silent for a stable window is forgotten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    replicas: BTreeMap<String, Replica>,
    swept: u64,
    /// Requests in flight in the bursts of the last second, in millionths.
    burst: LastSecond,
}

#[derive(Clone, Debug, Default)]
struct Replica {
    heard: u64,
    /// The end of the newest interval that was counted.
    covered_until: u64,
    sequence: Option<Window>,
    /// Tick and millionths of a request in flight of the burst it showed.
    burst: Option<(u64, u64)>,
}

/// The anti-replay window of RFC 4303 (3.4.3): the newest sequence and a bit for each of the 64 up to it.
#[derive(Clone, Copy, Debug)]
struct Window {
    newest: u64,
    seen: u64,
}

impl Ledger {
    /// Most replicas of one revision that are kept apart.
    pub(crate) const MOST_REPLICAS: usize = 16_384;
    const SECOND: u64 = 1_000_000;

    /// Enters a report whose interval ended at `end`, unless it was counted before.
    pub(crate) fn admit(
        &mut self,
        now: u64,
        end: u64,
        stable_window: u64,
        report: &Report,
    ) -> Result<(), Refusal> {
        if !self.replicas.contains_key(&report.replica) {
            self.make_room(now, stable_window)?;
            self.replicas
                .insert(report.replica.clone(), Replica::default());
        }
        let Some(replica) = self.replicas.get_mut(&report.replica) else {
            return Err(Refusal::TooManyReplicas);
        };
        match (report.sequence, &mut replica.sequence) {
            (Some(sequence), Some(window)) => window.enter(sequence)?,
            (Some(sequence), none) => {
                *none = Some(Window {
                    newest: sequence,
                    seen: 1,
                })
            }
            (None, _) if end <= replica.covered_until => return Err(Refusal::Duplicate),
            (None, _) => {}
        }
        replica.covered_until = replica.covered_until.max(end);
        replica.heard = now;
        if let Some((tick, millionths)) = replica.burst.take() {
            self.burst.remove(tick, millionths);
        }
        if let Some(in_flight) = report.in_flight {
            let millionths = (in_flight * 1e6).round() as u64;
            replica.burst = Some((self.burst.add(now, millionths), millionths));
        }
        Ok(())
    }

    /// Requests in flight in the bursts that replicas showed within the last second.
    pub(crate) fn burst(&self, now: u64) -> f64 {
        self.burst.sum(now) as f64 / 1e6
    }

    /// Forgets everyone when no one was heard for a stable window.
    pub(crate) fn forget_the_silent(&mut self, now: u64, stable_window: u64) {
        self.swept = now;
        self.replicas
            .retain(|_, replica| now.saturating_sub(replica.heard) <= stable_window);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    fn make_room(&mut self, now: u64, stable_window: u64) -> Result<(), Refusal> {
        // Walking over all of them once per window, or once per second when it is full, costs nothing.
        let full = self.replicas.len() >= Self::MOST_REPLICAS;
        let pause = if full { Self::SECOND } else { stable_window };
        if now.saturating_sub(self.swept) >= pause {
            self.forget_the_silent(now, stable_window);
        }
        if self.replicas.len() < Self::MOST_REPLICAS {
            Ok(())
        } else {
            Err(Refusal::TooManyReplicas)
        }
    }
}

impl Window {
    fn enter(&mut self, sequence: u64) -> Result<(), Refusal> {
        if sequence > self.newest {
            let shift = u32::try_from(sequence - self.newest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.newest = sequence;
            return Ok(());
        }
        let behind = u32::try_from(self.newest - sequence).unwrap_or(u32::MAX);
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        if bit == 0 || self.seen & bit != 0 {
            return Err(Refusal::Duplicate);
        }
        self.seen |= bit;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 60_000_000;

    fn report(replica: &str, sequence: Option<u64>, in_flight: Option<f64>) -> Report {
        Report {
            replica: replica.to_owned(),
            sequence,
            age_seconds: 0.0,
            seconds: 1.0,
            request_seconds: 1.0,
            waiting_seconds: 0.0,
            requests: 0,
            refused: 0,
            in_flight,
            latency: None,
        }
    }

    #[test]
    fn a_sequence_tells_late_from_twice() {
        let mut ledger = Ledger::default();
        let mut enter = |sequence| ledger.admit(0, 0, WINDOW, &report("a", Some(sequence), None));
        assert_eq!(enter(70), Ok(()));
        assert_eq!(enter(7), Ok(()));
        assert_eq!(enter(7), Err(Refusal::Duplicate));
        assert_eq!(enter(6), Err(Refusal::Duplicate));
        assert_eq!(enter(70), Err(Refusal::Duplicate));
        assert_eq!(enter(71), Ok(()));
        assert_eq!(enter(1 << 60), Ok(()));
        assert_eq!(enter((1 << 60) - 63), Ok(()));
        assert_eq!(enter(71), Err(Refusal::Duplicate));
    }

    #[test]
    fn without_a_sequence_only_later_intervals_count() {
        let mut ledger = Ledger::default();
        let mut enter = |end| ledger.admit(9, end, WINDOW, &report("a", None, None));
        assert_eq!(enter(5), Ok(()));
        assert_eq!(enter(5), Err(Refusal::Duplicate));
        assert_eq!(enter(4), Err(Refusal::Duplicate));
        assert_eq!(enter(6), Ok(()));
    }

    #[test]
    fn a_burst_ends_with_the_next_regular_report_or_a_second() {
        let mut ledger = Ledger::default();
        let mut at = |now, replica, burst| {
            let report = report(replica, None, burst);
            assert_eq!(ledger.admit(now, now, WINDOW, &report), Ok(()));
            ledger.burst(now)
        };
        assert_eq!(at(1_000_000, "a", Some(0.1)), 0.1);
        assert_eq!(at(1_100_000, "b", Some(0.2)), 0.3);
        assert_eq!(at(1_200_000, "a", Some(7.0)), 7.2);
        assert_eq!(at(1_300_000, "a", None), 0.2);
        assert_eq!(at(2_400_000, "c", None), 0.0);
    }

    #[test]
    fn replicas_are_bounded_and_the_silent_are_forgotten() {
        let mut ledger = Ledger::default();
        let mut enter = |now, number: usize| {
            ledger.admit(now, now, WINDOW, &report(&number.to_string(), None, None))
        };
        for number in 0..Ledger::MOST_REPLICAS {
            assert_eq!(enter(1, number), Ok(()));
        }
        assert_eq!(enter(1, usize::MAX), Err(Refusal::TooManyReplicas));
        assert_eq!(enter(2, 0), Ok(()));
        assert_eq!(enter(WINDOW + 2, usize::MAX), Ok(()));
        assert_eq!(ledger.replicas.len(), 2);
    }
}
