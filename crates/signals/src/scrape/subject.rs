// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cheerful_scaling::{Moment, Reading, Report};

use super::{
    Target,
    dice::Dice,
    eye::{Eye, Seen},
    round::Round,
    rule::sample,
};
use crate::Told;

/// One signal of one revision: its replicas as it sees them, and the round that is under way.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) target: Arc<Target>,
    pub(super) eyes: BTreeMap<Arc<str>, Eye>,
    pub(super) due: Moment,
    /// Between the last two rounds, as it was meant.
    beat: Duration,
    pub(super) round: Round,
    /// Where only some are read: those that are to tell with the round that is under way.
    telling: BTreeSet<Arc<str>>,
    /// Bytes of an answer on average.
    pub(super) bytes: f64,
    /// Requests in flight and waiting in all replicas when each was read last.
    level: f64,
    /// The same at the end of a round before, to see whether it moves.
    steady: f64,
    /// When it was last said that something cannot be read.
    pub(super) troubled: Option<Moment>,
}

impl Subject {
    /// The longest time for which a replica that is not read is taken to have been as the others.
    const LONGEST_ASSUMED: Duration = Duration::from_secs(10);

    pub(super) fn new(target: Arc<Target>, now: Moment) -> Self {
        Self {
            target,
            eyes: BTreeMap::new(),
            due: now,
            beat: Duration::ZERO,
            round: Round::none(),
            telling: BTreeSet::new(),
            bytes: 0.0,
            level: 0.0,
            steady: 0.0,
            troubled: None,
        }
    }

    pub(super) fn remove(&mut self, replica: &str) {
        if let Some(eye) = self.eyes.remove(replica) {
            self.level -= eye.level;
        }
        if self.eyes.is_empty() {
            self.level = 0.0;
        }
    }

    /// Whether the time to the next round is so far from the one before that it is another beat.
    pub(super) fn changes_beat(&mut self, interval: Duration) -> bool {
        let changes = interval > self.beat * 3 / 2 || interval * 3 / 2 < self.beat;
        if changes {
            self.beat = interval;
        }
        changes
    }

    /// Reads of one round: those that tell, and those that begin.
    pub(super) fn reads(&self) -> usize {
        let some = sample(self.eyes.len());
        match self.is_sampled() {
            true if self.target.counts_requests() => 2 * some,
            _ => some,
        }
    }

    pub(super) fn is_sampled(&self) -> bool {
        sample(self.eyes.len()) < self.eyes.len()
    }

    /// Begins a round: who is to be read.
    pub(super) fn begin(&mut self, now: Moment, dice: &mut Dice) -> Vec<Arc<str>> {
        let may = |eye: &Eye| eye.reading.is_none() && eye.not_before <= now;
        let mut drawn: Vec<Arc<str>> = (self.eyes.iter())
            .filter(|(_, eye)| may(eye))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        if !self.is_sampled() {
            self.telling.clear();
            self.round = self.round.next(drawn.len());
            return drawn;
        }
        dice.draw(&mut drawn, sample(self.eyes.len()));
        if !self.target.counts_requests() {
            self.telling = drawn.iter().cloned().collect();
            self.round = self.round.next(drawn.len());
            return drawn;
        }
        // Those that were drawn the last time have begun, and tell now. One that is drawn twice is read once.
        let begun = |(name, eye): (&Arc<str>, &Eye)| {
            (eye.begun.is_some() && may(eye)).then(|| Arc::clone(name))
        };
        self.telling = self.eyes.iter().filter_map(begun).collect();
        self.round = self.round.next(self.telling.len());
        for name in &drawn {
            if let Some(eye) = self.eyes.get_mut(name)
                && !self.telling.contains(name)
            {
                eye.meter.forget();
            }
        }
        let telling = &self.telling;
        drawn.retain(|name| !telling.contains(name));
        drawn.extend(telling.iter().cloned());
        drawn
    }

    /// Whether what this replica tells is a part of the round.
    pub(super) fn tells(&self, replica: &str) -> bool {
        !self.is_sampled() || self.telling.contains(replica)
    }

    /// Takes what a replica came to. Gives its report, which shows a burst where so many are in flight in all.
    pub(super) fn seen(
        &mut self,
        replica: &str,
        seen: Seen,
        level_before: f64,
        at: Moment,
        threshold: Option<f64>,
    ) -> Option<Report> {
        let (tells, sampled) = (self.tells(replica), self.is_sampled());
        let eye = self.eyes.get_mut(replica)?;
        self.level += eye.level - level_before;
        match seen {
            Seen::Report(mut report) if tells => {
                self.round.report(&report);
                eye.told_until = at;
                // The next to be drawn begin anew.
                eye.begun = None;
                if threshold.is_some_and(|threshold| self.level >= threshold) {
                    report.in_flight = Some(eye.level);
                }
                Some(report)
            }
            Seen::Value(value) => {
                self.round.value(value);
                None
            }
            Seen::Report(_) | Seen::Nothing | Seen::Anew => {
                eye.begun = sampled.then_some(at);
                None
            }
        }
    }

    /// Ends the round: what the replicas that were not read are taken to have had, and what all have of a value.
    pub(super) fn end(&mut self, now: Moment, dice: &mut Dice) -> (Vec<Told>, u64) {
        if self.round.is_over {
            return (Vec::new(), 0);
        }
        self.round.is_over = true;
        if !self.target.counts_requests() {
            let value = self.round.sum(self.eyes.len());
            let reading = value.map(|value| {
                Told::Reading(Reading {
                    signal: self.target.signal.clone(),
                    age_seconds: 0.0,
                    value,
                })
            });
            return (reading.into_iter().collect(), 0);
        }
        let Some(mean) = self.round.mean().filter(|_| self.is_sampled()) else {
            return (Vec::new(), 0);
        };
        let unread = |(name, eye): (&Arc<str>, &Eye)| {
            let is_unread = !self.telling.contains(name) && eye.failures == 0;
            is_unread.then(|| Arc::clone(name))
        };
        let mut unread: Vec<_> = self.eyes.iter().filter_map(unread).collect();
        // Where some did not answer, as many of the others stay silent as if all had been asked.
        let some = self.round.may_stand_for(unread.len());
        dice.draw(&mut unread, some);
        let mut told = Vec::with_capacity(unread.len());
        for name in unread {
            let Some(eye) = self.eyes.get_mut(&name) else {
                continue;
            };
            let until = eye.begun.unwrap_or(now);
            let time = until.since(eye.told_until).min(Self::LONGEST_ASSUMED);
            if time < Duration::from_millis(1) {
                continue;
            }
            eye.told_until = until;
            let age = now.since(until).as_secs_f64();
            told.push(Told::Report(eye.meter.assume(
                time.as_secs_f64(),
                age,
                mean,
            )));
        }
        let assumed = u64::try_from(told.len()).unwrap_or(u64::MAX);
        (told, assumed)
    }

    /// Whether the load has moved by half or has begun since it was last asked.
    pub(super) fn has_moved(&mut self) -> bool {
        let (before, now) = (self.steady, self.level.max(0.0));
        let moved = (now - before).abs() > 1.0 && (now > 1.5 * before || now < before / 2.0);
        if moved {
            self.steady = now;
        } else {
            self.steady += (now - before) / 8.0;
        }
        moved
    }
}
