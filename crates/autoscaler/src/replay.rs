// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read, Write},
    time::Duration,
};

use cheerful_scaling::{Decision, Moment, Scaling, Settings, Start};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    policies::Policies,
    recording::{Asked, ComparedRecord, DecisionRecord, Fault, Inputs, LINE_BYTES, ReadLine, read},
};

/// Revisions in one recording at most.
const REVISIONS: usize = 65_536;

/// What a replay saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaySummary {
    /// Lines read, without empty ones.
    pub lines: u64,
    /// Decisions printed.
    pub decisions: u64,
    /// Times that was printed what a policy beside the one that acts came to.
    pub compared: u64,
    /// Of both those that the recording holds and that came out otherwise. The wording of the sentence does not count.
    pub different: u64,
    /// The first of those.
    pub first_difference: Option<Difference>,
    /// Reports and readings refused, as they were when they came in.
    pub reports_refused: u64,
    /// Lines that the recording says are missing. Decisions after such a gap may come out otherwise.
    pub lost: u64,
    /// The last line was cut off: what recorded it was killed. It was left out.
    pub cut_off: bool,
}

/// A decision that came out otherwise than recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, from 1.
    pub line: u64,
    /// The revision, if it has a name.
    pub revision: Option<String>,
    /// The first field that is not the same.
    pub field: String,
    /// What it was.
    pub recorded: String,
    /// What it came to now.
    pub replayed: String,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording cannot be read.
    #[error("line {line}: cannot be read: {error}")]
    Read {
        /// Where, from 1.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// A line that is not known or not right.
    #[error("line {line}: {}{value} is not right: {expected}", field_and_colon(.field))]
    Line {
        /// Where, from 1.
        line: u64,
        /// The field to blame; empty for the whole line.
        field: String,
        /// Its value, as JSON.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The decisions cannot be written.
    #[error("cannot write the decisions: {0}")]
    Write(#[source] io::Error),
}

/// Runs the lines of a recording through the very code that decides, and writes one line of JSON for each line that
/// asks for a decision. `settings`, by revision, are used in place of the recorded ones; a revision without a name
/// takes the only ones there are.
///
/// # Errors
/// The first line that is not known or not right, and faults of the reader and the writer.
pub fn replay(
    reader: impl BufRead,
    settings: Option<&BTreeMap<String, Scaling>>,
    out: impl Write,
) -> Result<ReplaySummary, ReplayError> {
    let mut replay = Replay {
        given: settings,
        announced: BTreeMap::new(),
        policies: BTreeMap::new(),
        now: Moment::ZERO,
        number: 0,
        summary: ReplaySummary::default(),
        out,
    };
    replay.run(reader)?;
    replay.out.flush().map_err(ReplayError::Write)?;
    Ok(replay.summary)
}

/// A revision without a name is one too.
type Name = Option<String>;

struct Replay<'a, W> {
    given: Option<&'a BTreeMap<String, Scaling>>,
    /// Settings and state may stand in lines of their own: a revision begins to be watched by its first input.
    announced: BTreeMap<Name, Announced>,
    policies: BTreeMap<Name, Policies>,
    now: Moment,
    /// The line at hand, from 1.
    number: u64,
    summary: ReplaySummary,
    out: W,
}

#[derive(Default)]
struct Announced {
    scaling: Option<Scaling>,
    start: Start,
    at: Moment,
}

impl<W: Write> Replay<'_, W> {
    fn run(&mut self, mut reader: impl BufRead) -> Result<(), ReplayError> {
        let mut line = Vec::new();
        loop {
            self.number += 1;
            line.clear();
            let bytes = reader
                .by_ref()
                .take(LINE_BYTES as u64 + 1)
                .read_until(b'\n', &mut line)
                .map_err(|error| ReplayError::Read {
                    line: self.number,
                    error,
                })?;
            if bytes == 0 {
                return Ok(());
            }
            if line.trim_ascii().is_empty() && bytes <= LINE_BYTES {
                continue;
            }
            self.summary.lines += 1;
            if bytes > LINE_BYTES {
                return Err(self.error(Fault::new("", "a longer line", "at most 1 MiB")));
            }
            match read(line.trim_ascii()) {
                Ok(read) => self.line(read)?,
                Err(_) if !line.ends_with(b"\n") && is_cut_off(&line) => {
                    self.summary.cut_off = true;
                }
                Err(fault) => return Err(self.error(fault)),
            }
        }
    }

    fn line(&mut self, line: ReadLine) -> Result<(), ReplayError> {
        match line {
            // Another recording begins: nothing that was known holds for it.
            ReadLine::Header => {
                self.announced.clear();
                self.policies.clear();
                self.now = Moment::ZERO;
            }
            ReadLine::Lost(lines) => self.summary.lost += lines,
            ReadLine::Revision {
                at,
                revision,
                asked,
            } => {
                if let Some(at) = at {
                    if at < self.now {
                        let expected = format!("{} or later, as before", self.now.as_seconds());
                        return Err(self.error(Fault::new("at", at.as_seconds(), expected)));
                    }
                    self.now = at;
                }
                match asked {
                    Asked::Removed => {
                        self.announced.remove(&revision);
                        self.policies.remove(&revision);
                    }
                    Asked::Decision(recorded) => {
                        self.timed(at)?;
                        self.decide(revision, Some(&recorded))?;
                    }
                    Asked::Compared(recorded) => {
                        self.timed(at)?;
                        self.compare_policies(&revision, &recorded)?;
                    }
                    Asked::Inputs(inputs) => self.inputs(at, revision, *inputs)?,
                }
            }
        }
        Ok(())
    }

    fn inputs(
        &mut self,
        at: Option<Moment>,
        revision: Name,
        inputs: Inputs,
    ) -> Result<(), ReplayError> {
        let Inputs {
            settings,
            start,
            learned,
            observation,
            holding,
            report,
            reading,
            floor,
            shadow,
            averages,
            decides,
        } = inputs;
        if settings.is_some() || start.is_some() {
            self.announce(&revision, settings, start)?;
        }
        let nothing = observation.is_none()
            && holding.is_none()
            && report.is_none()
            && reading.is_none()
            && floor.is_none()
            && shadow.is_none()
            && learned.is_none();
        if nothing && !decides {
            return Ok(());
        }
        self.timed(at)?;
        let now = self.now;
        let policies = self.policies_of(&revision)?;
        if let Some((memory, age)) = learned {
            // What is of no use changes nothing, as it did when it came in.
            drop(policies.recall(&memory, age));
        }
        if let Some(shadow) = shadow {
            let tick = shadow.as_ref().map_or(Duration::ZERO, |(_, tick)| *tick);
            policies.set_beside(shadow.map(|(scaling, _)| scaling), tick, now);
        }
        if let Some(observation) = observation {
            policies.observe(now, observation);
        }
        if let Some(holding) = holding {
            policies.holding(now, holding);
        }
        if let Some(floor) = floor {
            policies.schedule(now, floor);
        }
        let refused = [
            reading.map_or(Ok(()), |reading| policies.read(now, &reading)),
            report.map_or(Ok(()), |report| policies.report(now, &report)),
            averages.map_or(Ok(()), |averages| policies.averages(now, averages)),
        ];
        self.summary.reports_refused += refused.iter().filter(|each| each.is_err()).count() as u64;
        if decides {
            self.decide(revision, None)
        } else {
            Ok(())
        }
    }

    /// Takes settings and state of a revision that is new, or settings of one that is not.
    fn announce(
        &mut self,
        revision: &Name,
        settings: Option<Scaling>,
        start: Option<Start>,
    ) -> Result<(), ReplayError> {
        let settings = settings.map(|recorded| self.given(revision).unwrap_or(recorded));
        if let Some(policies) = self.policies.get_mut(revision) {
            if start.is_some() {
                let expected = "a state only before the other lines of a revision";
                return Err(self.error(Fault::new("state", "a later state", expected)));
            }
            if let Some(settings) = settings {
                policies.change(settings, self.now);
            }
            return Ok(());
        }
        let announced = self.announced.entry(revision.clone()).or_default();
        announced.at = self.now;
        announced.scaling = settings.or_else(|| announced.scaling.take());
        announced.start = start.unwrap_or(announced.start);
        self.bounded()
    }

    fn decide(
        &mut self,
        revision: Name,
        recorded: Option<&Map<String, Value>>,
    ) -> Result<(), ReplayError> {
        let now = self.now;
        let decision = self.policies_of(&revision)?.decide(now);
        self.summary.decisions += 1;
        if let Some(recorded) = recorded {
            self.compare(&revision, &decision, recorded);
        }
        self.print(&DecisionRecord::new(now, revision.as_deref(), &decision))
    }

    /// Prints what both policies come to here, and holds it against what they came to.
    fn compare_policies(&mut self, revision: &Name, recorded: &Value) -> Result<(), ReplayError> {
        let Some(compared) = self.policies_of(revision)?.compared() else {
            let expected = "after a line with shadow";
            return Err(self.error(Fault::new("compared", recorded, expected)));
        };
        self.summary.compared += 1;
        let replayed = serde_json::to_value(compared).unwrap_or_default();
        if !is_same(&replayed, recorded) {
            self.differs(revision, "compared", recorded, &replayed.to_string());
        }
        self.print(&ComparedRecord::new(
            self.now,
            revision.as_deref(),
            &compared,
        ))
    }

    fn print(&mut self, record: &impl Serialize) -> Result<(), ReplayError> {
        serde_json::to_writer(&mut self.out, record)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(ReplayError::Write)
    }

    fn compare(&mut self, revision: &Name, decision: &Decision, recorded: &Map<String, Value>) {
        let record = DecisionRecord::new(self.now, None, decision);
        let Ok(Value::Object(replayed)) = serde_json::to_value(record) else {
            return;
        };
        let difference = recorded
            .iter()
            .filter(|(field, _)| field.as_str() != "why")
            .find(|(field, value)| !replayed.get(*field).is_some_and(|now| is_same(now, value)));
        if let Some((field, value)) = difference {
            let replayed =
                (replayed.get(field)).map_or_else(|| "nothing".to_owned(), Value::to_string);
            self.differs(revision, field, value, &replayed);
        }
    }

    fn differs(&mut self, revision: &Name, field: &str, recorded: &Value, replayed: &str) {
        self.summary.different += 1;
        let line = self.number;
        (self.summary.first_difference).get_or_insert_with(|| Difference {
            line,
            revision: revision.clone(),
            field: field.to_owned(),
            recorded: recorded.to_string(),
            replayed: replayed.to_owned(),
        });
    }

    fn policies_of(&mut self, revision: &Name) -> Result<&mut Policies, ReplayError> {
        if !self.policies.contains_key(revision) {
            let Announced { scaling, start, at } =
                self.announced.remove(revision).unwrap_or_default();
            let scaling = match scaling.or_else(|| self.given(revision)) {
                Some(scaling) => scaling,
                None => Scaling::new(Settings::classic()).map_err(|_| {
                    self.error(Fault::new(
                        "settings",
                        "nothing",
                        "settings of the revision",
                    ))
                })?,
            };
            self.policies
                .insert(revision.clone(), Policies::new(scaling, start, at));
            self.bounded()?;
        }
        let number = self.number;
        self.policies.get_mut(revision).ok_or_else(|| {
            error(
                number,
                Fault::new("revision", "", "a revision that is known"),
            )
        })
    }

    /// Names come from outside: there is a limit to them.
    fn bounded(&self) -> Result<(), ReplayError> {
        if self.announced.len() + self.policies.len() <= REVISIONS {
            return Ok(());
        }
        let expected = format!("at most {REVISIONS} revisions");
        Err(self.error(Fault::new("revision", "one more", expected)))
    }

    fn given(&self, revision: &Name) -> Option<Scaling> {
        let given = self.given?;
        match revision {
            Some(name) => given.get(name).cloned(),
            None if given.len() == 1 => given.values().next().cloned(),
            None => None,
        }
    }

    fn timed(&self, at: Option<Moment>) -> Result<(), ReplayError> {
        if at.is_some() {
            return Ok(());
        }
        let expected = "the seconds at which this came in";
        Err(self.error(Fault::new("at", "nothing", expected)))
    }

    fn error(&self, fault: Fault) -> ReplayError {
        error(self.number, fault)
    }
}

fn error(
    line: u64,
    Fault {
        field,
        value,
        expected,
    }: Fault,
) -> ReplayError {
    ReplayError::Line {
        line,
        field,
        value,
        expected,
    }
}

/// Whether two values are the same; `30` and `30.0` are, for other tools write numbers otherwise.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Object(one), Value::Object(other)) => {
            let is_there = |(field, value): (&String, &Value)| {
                other.get(field).is_some_and(|other| is_same(value, other))
            };
            one.len() == other.len() && one.iter().all(is_there)
        }
        (one, other) => one == other,
    }
}

/// Whether a line is no more than the beginning of one.
fn is_cut_off(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_err_and(|error| error.is_eof())
}

fn field_and_colon(field: &str) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!("{field}: ")
    }
}
