// SPDX-License-Identifier: Apache-2.0
//! The pure half of the service: what happened and when goes in, what is to be done comes out.
mod awake;
mod journal;
mod load;
mod revision;
mod tape;
#[cfg(test)]
mod tests;
mod troubles;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::Duration,
};

use cheerful_scaling::{Decision, Forgotten, Memory, Moment, Scaling, Start};

use crate::{DecisionLine, Input, Metrics, RevisionView, recording::Line};
use revision::RevisionState;
pub use tape::{Anew, Tape};

/// A revision's name, shared.
pub(crate) type Name = Arc<str>;

/// Revisions known at most. Over it an `Add` is refused and counted.
const REVISIONS: usize = 65_536;

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// Something came in; it arrived at the handle at `arrived` and waited until now.
    Input {
        revision: String,
        input: Box<Input>,
        arrived: Moment,
    },
    /// Time passed.
    Tick,
    /// A scale call ended.
    Answered(Call, Outcome),
}

/// One scale request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) revision: Name,
    /// Tells a revision from an earlier one of that name.
    pub(crate) generation: u64,
    pub(crate) request: u64,
    pub(crate) replicas: u32,
}

/// How a scale call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed(String),
    /// It is not ours to write now.
    Withheld,
    /// There was no answer by the deadline.
    GaveUp,
}

/// What the shell has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Scale now, and give up at that moment. An earlier call for the revision is dropped.
    Scale(Call, Moment),
    /// Drop the call for this revision.
    GiveUp(Name),
    /// Tell the platform.
    BurstThreshold { revision: Name, requests: f64 },
    /// Tell the platform.
    Target { revision: Name, requests: f64 },
    /// Tell the platform.
    Decided {
        revision: Name,
        decision: Box<Decision>,
    },
    /// Put it in the recording.
    Record(Line),
    /// Tell who follows.
    Follow { revision: Name, line: DecisionLine },
    /// Say once that scaling fails, for a reason not yet said.
    Failing {
        revision: Name,
        replicas: u32,
        why: String,
    },
    /// Say that it works again.
    WorksAgain { revision: Name },
    /// Say that what was learned before is of no use.
    Forgotten { revision: Name, why: Forgotten },
    /// Say that a revision was not taken.
    TooMany { revision: String },
}

/// All revisions.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Boxed, for the nodes of the map are hardly more than half full.
    revisions: BTreeMap<Name, Box<RevisionState>>,
    /// Those that are decided at each tick, so that the others cost nothing.
    awake: BTreeSet<Name>,
    generations: u64,
    desk: Desk,
}

/// What every revision writes to.
#[derive(Debug, Default)]
struct Desk {
    actions: Vec<Action>,
    metrics: Metrics,
    /// Whether lines are recorded.
    records: bool,
    /// The wall clock at the origin.
    origin_unix_millis: u64,
    /// Between two decisions when nothing urges.
    tick: Duration,
    /// What is kept on all tapes.
    taped: usize,
}

impl Machine {
    pub(crate) fn new(origin_unix_millis: u64, records: bool, tick: Duration) -> Self {
        Self {
            revisions: BTreeMap::new(),
            awake: BTreeSet::new(),
            generations: 0,
            desk: Desk {
                records,
                origin_unix_millis,
                tick,
                ..Desk::default()
            },
        }
    }

    /// Takes what happened and says what to do, in order.
    pub(crate) fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::Input {
                revision,
                input,
                arrived,
            } => {
                self.input(&revision, *input, arrived, now);
            }
            Event::Tick => self.tick(now),
            Event::Answered(call, outcome) => {
                // The answer of a removed revision's call concerns nobody.
                if let Some(state) = self.revisions.get_mut(&call.revision)
                    && state.generation() == call.generation
                {
                    state.answered(&call, outcome, now, &mut self.desk);
                }
            }
        }
        mem::take(&mut self.desk.actions)
    }

    /// All revisions at a glance, by name.
    pub(crate) fn overview(&self, now: Moment) -> Vec<RevisionView> {
        self.revisions
            .values()
            .map(|state| state.view(now))
            .collect()
    }

    /// Those that are not at rest, and those of these names.
    pub(crate) fn awake(&self, also: &[String], now: Moment) -> Vec<RevisionView> {
        let awake = self.awake.iter().map(|name| &**name);
        let names: BTreeSet<&str> = awake.chain(also.iter().map(|name| &**name)).collect();
        names
            .into_iter()
            .filter_map(|name| self.revisions.get(name))
            .map(|state| state.view(now))
            .collect()
    }

    /// One revision with its decisions.
    pub(crate) fn explain(&self, revision: &str, now: Moment) -> Option<RevisionView> {
        let state = self.revisions.get(revision)?;
        Some(state.explain(now, self.desk.origin_unix_millis))
    }

    /// What a revision heard lately; `None` if there is none of that name, or nothing of it is kept.
    pub(crate) fn tape(&self, revision: &str) -> Option<Tape> {
        let mut tape = self.revisions.get(revision)?.tape()?.clone();
        tape.origin_unix_millis = self.desk.origin_unix_millis;
        Some(tape)
    }

    pub(crate) fn burst_threshold(&self, revision: &str) -> Option<f64> {
        self.revisions
            .get(revision)
            .map(|state| state.burst_threshold())
    }

    pub(crate) fn target(&self, revision: &str) -> Option<f64> {
        self.revisions.get(revision).map(|state| state.target())
    }

    /// What was learned of each revision.
    pub(crate) fn memories(&self) -> Vec<(String, Memory)> {
        let mut memories = Vec::new();
        for (name, state) in &self.revisions {
            if let Some(memory) = state.remember() {
                memories.push((name.to_string(), memory));
            }
        }
        memories
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let shadows = self.revisions.values().filter(|state| state.has_shadow());
        Metrics {
            revisions: self.revisions.len(),
            shadows: shadows.count(),
            awake: self.awake.len(),
            ..self.desk.metrics.clone()
        }
    }

    fn input(&mut self, name: &str, input: Input, arrived: Moment, now: Moment) {
        let input = match input {
            Input::Add { scaling, start } if !self.revisions.contains_key(name) => {
                self.add(name, scaling, start, now);
                return;
            }
            Input::Add { scaling, .. } => Input::Change { scaling },
            Input::Remove => {
                self.remove(name, now);
                return;
            }
            other => other,
        };
        let Some(state) = self.revisions.get_mut(name) else {
            self.desk.metrics.inputs_unknown += 1;
            return;
        };
        if state.take(input, arrived, now, &mut self.desk) && !self.awake.contains(name) {
            self.awake.insert(Arc::clone(state.name()));
        }
    }

    fn add(&mut self, name: &str, scaling: Scaling, start: Start, now: Moment) {
        if self.revisions.len() >= REVISIONS {
            self.desk.metrics.inputs_unknown += 1;
            self.desk.actions.push(Action::TooMany {
                revision: name.to_owned(),
            });
            return;
        }
        self.generations += 1;
        let name = Name::from(name);
        let mut state =
            RevisionState::new(&name, self.generations, scaling, start, now, &mut self.desk);
        state.decide(now, None, &mut self.desk);
        if !state.is_at_rest(now) {
            self.awake.insert(Arc::clone(&name));
        }
        self.revisions.insert(name, Box::new(state));
    }

    fn remove(&mut self, name: &str, now: Moment) {
        let Some((name, mut state)) = self.revisions.remove_entry(name) else {
            self.desk.metrics.inputs_unknown += 1;
            return;
        };
        state.forget_tape(&mut self.desk);
        self.awake.remove(&name);
        self.desk.record(|| Line::removed(now, Arc::clone(&name)));
        self.desk.actions.push(Action::GiveUp(name));
    }

    fn tick(&mut self, now: Moment) {
        let (revisions, desk) = (&mut self.revisions, &mut self.desk);
        self.awake.retain(|name| {
            revisions.get_mut(name).is_some_and(|state| {
                state.tick(now, desk);
                !state.is_at_rest(now)
            })
        });
        if self.desk.taped > Tape::ROOM {
            let before = self.desk.taped;
            // What is at rest has least to tell.
            for (name, state) in &mut self.revisions {
                if !self.awake.contains(name) {
                    state.forget_tape(&mut self.desk);
                }
            }
            self.desk.forgot(before - self.desk.taped);
        }
    }
}

impl Desk {
    /// So much that was heard is not kept.
    fn forgot(&mut self, heard: usize) {
        self.metrics.heard_forgotten += u64::try_from(heard).unwrap_or(u64::MAX);
    }

    fn record(&mut self, line: impl FnOnce() -> Line) {
        if self.records {
            self.actions.push(Action::Record(line()));
        }
    }
}
