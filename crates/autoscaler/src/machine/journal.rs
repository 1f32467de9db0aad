// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

use cheerful_scaling::{Decision, Mode, Moment};

use crate::DecisionLine;

/// Decisions kept for each revision.
const KEPT: usize = 100;

/// The last decisions of one revision. Consecutive ones with the same count and mode are kept once, with how
/// many there were: the first of them if it changed something, else the newest.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last: Option<Decision>,
    /// Empty as long as there was but one decision: an idle revision shall not pay for more.
    entries: VecDeque<Entry>,
}

/// Decisions that are alike.
#[derive(Debug)]
struct Entry {
    told: Decision,
    /// When the first of them was made.
    since: Moment,
    times: u32,
}

impl Entry {
    const fn new(told: Decision) -> Self {
        Self {
            told,
            since: told.at,
            times: 1,
        }
    }

    fn line(&self, origin_unix_millis: u64) -> DecisionLine {
        let since =
            (self.since != self.told.at).then(|| unix_millis(self.since, origin_unix_millis));
        DecisionLine {
            since_unix_millis: since,
            ..line(&self.told, self.times, origin_unix_millis)
        }
    }
}

impl Journal {
    /// Keeps a decision. True if it is another count or mode than the one before.
    pub(super) fn add(&mut self, decision: Decision) -> bool {
        let Some(before) = self.last.replace(decision) else {
            return true;
        };
        if self.entries.is_empty() {
            self.entries.push_back(Entry::new(before));
        }
        if is_alike(&before, &decision) {
            if let Some(Entry { told, times, .. }) = self.entries.back_mut() {
                *times = times.saturating_add(1);
                if told.replicas == told.present {
                    // Of many that changed nothing the newest tells what holds now.
                    *told = decision;
                }
            }
            return false;
        }
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry::new(decision));
        true
    }

    /// The last decision.
    pub(super) const fn last(&self) -> Option<&Decision> {
        self.last.as_ref()
    }

    /// The last decision that changed the count, or the last one.
    pub(super) fn telling(&self) -> Option<&Decision> {
        let newest_first = self.entries.iter().rev().map(|entry| &entry.told);
        let mut changes = newest_first.filter(|decision| decision.replicas != decision.present);
        changes.next().or_else(|| self.last())
    }

    /// For people, newest last.
    pub(super) fn lines(&self, origin_unix_millis: u64) -> Vec<DecisionLine> {
        let only = self
            .last
            .iter()
            .filter(|_| self.entries.is_empty())
            .map(|last| line(last, 1, origin_unix_millis));
        let entries = self.entries.iter();
        entries
            .map(|entry| entry.line(origin_unix_millis))
            .chain(only)
            .collect()
    }
}

fn is_alike(one: &Decision, other: &Decision) -> bool {
    (one.replicas, one.mode, one.decided) == (other.replicas, other.mode, other.decided)
}

/// A decision for people.
pub(super) fn line(decision: &Decision, times: u32, origin_unix_millis: u64) -> DecisionLine {
    DecisionLine {
        at: decision.at.as_seconds(),
        unix_millis: unix_millis(decision.at, origin_unix_millis),
        from: decision.present,
        replicas: decision.replicas,
        mode: mode(decision.mode).to_owned(),
        stable: decision.stable,
        panic: decision.panic,
        held: decision.held,
        target: decision.target,
        spare_capacity: decision.spare_capacity,
        wanted: decision.wanted,
        bounds: decision.bounds().collect(),
        sentence: decision.sentence(),
        times,
        since_unix_millis: None,
    }
}

fn unix_millis(at: Moment, origin_unix_millis: u64) -> u64 {
    origin_unix_millis.saturating_add(at.as_micros() / 1_000)
}

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Stable => "stable",
        Mode::Panic => "panic",
    }
}
