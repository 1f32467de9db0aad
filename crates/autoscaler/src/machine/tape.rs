// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{
    Floor, Holding, Invalid, Memory, Moment, Observation, Reading, Report, Scaler, Scaling,
    Settings, Start,
};

/// What a revision heard over the last minutes: enough to decide them anew with other settings.
///
/// It is two segments, each of ten minutes at most, so that what is too old goes at once and not line by line.
#[derive(Clone, Debug)]
pub struct Tape {
    before: Option<Segment>,
    now: Segment,
    /// The wall clock at the origin of the moments.
    pub(super) origin_unix_millis: u64,
}

/// Decisions made anew, each beside the one that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anew {
    /// Milliseconds since 1970.
    pub unix_millis: Vec<u64>,
    /// What would have been wanted.
    pub replicas: Vec<u32>,
    /// What was wanted.
    pub real: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Segment {
    begins: Moment,
    opening: Opening,
    heard: Vec<(Moment, Heard)>,
}

/// What is known where a segment begins.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) settings: Box<Settings>,
    pub(super) start: Start,
    pub(super) memory: Option<Box<Memory>>,
}

/// What can be heard.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Report(Box<Report>),
    Reading(Box<Reading>),
    Holding(Holding),
    Observation(Box<Observation>),
    Floor(Option<Box<Floor>>),
    Settings(Box<Settings>),
    /// So it was decided.
    Decided(u32),
}

impl Tape {
    /// What is kept of all revisions, about a third of a kilobyte each. Over it a revision's older segment goes, then its
    /// newer one.
    pub(super) const MOST: usize = 60_000;
    /// Below it a revision may begin to be kept.
    pub(super) const ROOM: usize = Self::MOST / 4 * 3;
    const SEGMENT: Duration = Duration::from_secs(600);
    const SEGMENT_LINES: usize = Self::MOST / 4;

    pub(super) const fn new(begins: Moment, opening: Opening) -> Self {
        Self {
            before: None,
            now: Segment::new(begins, opening),
            origin_unix_millis: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.before.as_ref().map_or(0, |before| before.heard.len()) + self.now.heard.len()
    }

    /// Whether the next segment is due.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        now.since(self.now.begins) >= Self::SEGMENT || self.now.heard.len() >= Self::SEGMENT_LINES
    }

    pub(super) fn turn(&mut self, begins: Moment, opening: Opening) {
        let next = Segment::new(begins, opening);
        self.before = Some(std::mem::replace(&mut self.now, next));
    }

    /// Lets the older segment go; false if there is none.
    pub(super) fn shorten(&mut self) -> bool {
        self.before.take().is_some()
    }

    pub(super) fn hear(&mut self, at: Moment, heard: Heard) {
        self.now.heard.push((at, heard));
    }

    /// Decides anew on all that was heard, with settings that `change` makes of those that were in force. The replicas
    /// are those that there were. What falls into the first stable window, of which not all was heard, is left out.
    ///
    /// # Errors
    /// When what `change` makes are no settings.
    pub fn decide_anew(
        &self,
        change: impl Fn(&Settings) -> Settings,
    ) -> Result<Anew, Vec<Invalid>> {
        let first = self.before.as_ref().unwrap_or(&self.now);
        let Opening {
            settings,
            start,
            memory,
        } = &first.opening;
        let scaling = Scaling::new(change(settings))?;
        let window = settings.stable_window.max(scaling.settings().stable_window);
        let warm = first.begins.plus(window);
        let mut scaler = Scaler::new(scaling, *start, first.begins);
        if let Some(memory) = memory {
            // What is of no use to the other settings is left out.
            drop(scaler.recall(memory, Duration::ZERO));
        }
        let mut anew = Anew::default();
        let all = (self.before.iter()).chain([&self.now]);
        for (at, heard) in all.flat_map(|segment| &segment.heard) {
            let at = *at;
            // What was refused then is refused now.
            match heard {
                Heard::Report(report) => drop(scaler.report(at, report)),
                Heard::Reading(reading) => drop(scaler.read(at, reading)),
                Heard::Holding(holding) => scaler.holding(at, *holding),
                Heard::Observation(observation) => scaler.observe(at, **observation),
                Heard::Floor(floor) => scaler.schedule(at, floor.as_deref().cloned()),
                Heard::Settings(settings) => scaler.change(Scaling::new(change(settings))?, at),
                Heard::Decided(real) => {
                    let decision = scaler.decide(at);
                    if at >= warm {
                        let millis = self
                            .origin_unix_millis
                            .saturating_add(at.as_micros() / 1000);
                        anew.unix_millis.push(millis);
                        anew.replicas.push(decision.replicas);
                        anew.real.push(*real);
                    }
                }
            }
        }
        Ok(anew)
    }
}

impl Segment {
    const fn new(begins: Moment, opening: Opening) -> Self {
        Self {
            begins,
            opening,
            heard: Vec::new(),
        }
    }
}
