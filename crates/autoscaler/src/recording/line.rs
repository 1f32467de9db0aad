// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_manifest::settings_to_json;
use cheerful_scaling::{
    Bound, Compared, Decision, Floor, Holding, Memory, Mode, Moment, Observation, Reading, Report,
    Settings, Start,
};
use serde::Serialize;
use serde_json::Value;

use super::VERSION;
use crate::machine::Name;

/// One line to be recorded. It becomes text in the recorder's thread.
#[derive(Clone, Debug)]
pub(crate) struct Line(Entry);

#[derive(Clone, Debug)]
enum Entry {
    Header {
        unix_millis: u64,
    },
    At {
        at: Moment,
        revision: Name,
        what: What,
    },
    Lost(u64),
}

#[derive(Clone, Debug)]
enum What {
    Begin(Box<Settings>, Start),
    Settings(Box<Settings>),
    Recalled(Box<Memory>, u64),
    Removed,
    Report(Box<Report>),
    Holding(Holding),
    Observation(Observation),
    Reading(Box<Reading>),
    Floor(Option<Box<Floor>>),
    Shadow(Option<Box<Settings>>, Duration),
    Compared(Box<Compared>),
    Decision(Box<Decision>),
}

impl Line {
    /// The first line of a recording.
    pub(crate) const fn header(unix_millis: u64) -> Self {
        Self(Entry::Header { unix_millis })
    }
    /// A revision is there from now on.
    pub(crate) fn begin(at: Moment, revision: Name, settings: Settings, start: Start) -> Self {
        Self::at(at, revision, What::Begin(Box::new(settings), start))
    }
    pub(crate) fn settings(at: Moment, revision: Name, settings: Settings) -> Self {
        Self::at(at, revision, What::Settings(Box::new(settings)))
    }
    /// What was learned before is known again.
    pub(crate) fn recalled(
        at: Moment,
        revision: Name,
        learned: Box<Memory>,
        age: Duration,
    ) -> Self {
        Self::at(at, revision, What::Recalled(learned, age.as_secs()))
    }
    pub(crate) const fn removed(at: Moment, revision: Name) -> Self {
        Self::at(at, revision, What::Removed)
    }
    pub(crate) fn report(at: Moment, revision: Name, report: Report) -> Self {
        Self::at(at, revision, What::Report(Box::new(report)))
    }
    pub(crate) const fn holding(at: Moment, revision: Name, holding: Holding) -> Self {
        Self::at(at, revision, What::Holding(holding))
    }
    pub(crate) const fn observation(at: Moment, revision: Name, observation: Observation) -> Self {
        Self::at(at, revision, What::Observation(observation))
    }
    pub(crate) fn reading(at: Moment, revision: Name, reading: Reading) -> Self {
        Self::at(at, revision, What::Reading(Box::new(reading)))
    }
    pub(crate) fn floor(at: Moment, revision: Name, floor: Option<Floor>) -> Self {
        Self::at(at, revision, What::Floor(floor.map(Box::new)))
    }
    /// A policy with these settings is beside the one that acts from now on, and decides so often; or none is.
    pub(crate) fn shadow(
        at: Moment,
        revision: Name,
        settings: Option<Settings>,
        tick: Duration,
    ) -> Self {
        Self::at(at, revision, What::Shadow(settings.map(Box::new), tick))
    }
    pub(crate) fn compared(at: Moment, revision: Name, compared: Compared) -> Self {
        Self::at(at, revision, What::Compared(Box::new(compared)))
    }
    pub(crate) fn decision(at: Moment, revision: Name, decision: Decision) -> Self {
        Self::at(at, revision, What::Decision(Box::new(decision)))
    }
    /// So many lines are missing here.
    pub(crate) const fn lost(lines: u64) -> Self {
        Self(Entry::Lost(lines))
    }

    const fn at(at: Moment, revision: Name, what: What) -> Self {
        Self(Entry::At { at, revision, what })
    }

    /// Appends the line with its end to `out`; nothing if it cannot be written as JSON.
    ///
    /// # Errors
    /// When a value has no form in JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let before = out.len();
        let written = self.write_json(out);
        match written {
            Ok(()) => out.push(b'\n'),
            Err(_) => out.truncate(before),
        }
        written
    }

    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &self.0 {
            Entry::Header { unix_millis } => serde_json::to_writer(
                out,
                &Header {
                    cheerful_recording: VERSION,
                    by: concat!("cheerful ", env!("CARGO_PKG_VERSION")),
                    unix_millis: *unix_millis,
                },
            ),
            Entry::Lost(lost) => serde_json::to_writer(out, &Lost { lost: *lost }),
            Entry::At { at, revision, what } => {
                let body = match what {
                    What::Decision(decision) => {
                        let record = DecisionRecord::new(*at, Some(revision), decision);
                        return serde_json::to_writer(out, &record);
                    }
                    What::Compared(compared) => {
                        let record = ComparedRecord::new(*at, Some(revision), compared);
                        return serde_json::to_writer(out, &record);
                    }
                    What::Begin(settings, start) => Body::Begin {
                        settings: settings_to_json(settings),
                        state: start,
                    },
                    What::Settings(settings) => Body::Settings {
                        settings: settings_to_json(settings),
                    },
                    What::Recalled(learned, age) => Body::Recalled {
                        learned,
                        learned_age_seconds: *age,
                    },
                    What::Removed => Body::Removed { removed: true },
                    What::Report(report) => Body::Report(report),
                    What::Holding(holding) => Body::Holding(holding),
                    What::Observation(observation) => Body::Observation(observation),
                    What::Reading(reading) => Body::Reading { reading },
                    What::Floor(floor) => Body::Floor {
                        floor: floor.as_deref(),
                    },
                    What::Shadow(settings, tick) => Body::Shadow {
                        shadow: settings.as_deref().map(settings_to_json),
                        shadow_tick_seconds: settings.is_some().then_some(tick.as_secs_f64()),
                    },
                };
                serde_json::to_writer(
                    out,
                    &At {
                        at: *at,
                        revision,
                        body,
                    },
                )
            }
        }
    }
}

/// A decision as it is recorded and as replay prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecisionRecord<'a> {
    at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    replicas: u32,
    decided: bool,
    mode: Mode,
    spare_capacity: i64,
    stable: f64,
    panic: f64,
    held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<f64>,
    target: f64,
    wanted: u32,
    bounds: Vec<Bound>,
    why: String,
}

impl<'a> DecisionRecord<'a> {
    pub(crate) fn new(at: Moment, revision: Option<&'a str>, decision: &Decision) -> Self {
        Self {
            at,
            revision,
            replicas: decision.replicas,
            decided: decision.decided,
            mode: decision.mode,
            spare_capacity: decision.spare_capacity,
            stable: decision.stable,
            panic: decision.panic,
            held: decision.held,
            burst: decision.burst,
            target: decision.target,
            wanted: decision.wanted,
            bounds: decision.bounds().collect(),
            why: decision.sentence(),
        }
    }
}

/// What both policies came to, as it is recorded and as replay prints it.
#[derive(Debug, Serialize)]
pub(crate) struct ComparedRecord<'a> {
    at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    compared: &'a Compared,
}

impl<'a> ComparedRecord<'a> {
    pub(crate) const fn new(at: Moment, revision: Option<&'a str>, compared: &'a Compared) -> Self {
        Self {
            at,
            revision,
            compared,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    cheerful_recording: u64,
    by: &'static str,
    unix_millis: u64,
}

#[derive(Serialize)]
struct Lost {
    lost: u64,
}

#[derive(Serialize)]
struct At<'a> {
    at: Moment,
    revision: &'a str,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Begin {
        settings: Value,
        state: &'a Start,
    },
    Settings {
        settings: Value,
    },
    #[serde(rename_all = "camelCase")]
    Recalled {
        learned: &'a Memory,
        learned_age_seconds: u64,
    },
    Removed {
        removed: bool,
    },
    Report(&'a Report),
    Holding(&'a Holding),
    Observation(&'a Observation),
    Reading {
        reading: &'a Reading,
    },
    Floor {
        floor: Option<&'a Floor>,
    },
    #[serde(rename_all = "camelCase")]
    Shadow {
        shadow: Option<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        shadow_tick_seconds: Option<f64>,
    },
}
