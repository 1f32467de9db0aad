// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_manifest::{Problem, settings_from_json};
use cheerful_scaling::{
    Averages, Floor, Holding, Memory, Moment, Observation, Reading, Report, Scaling, Start,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    Fault, OLDEST, VERSION,
    fields::{self, Part},
};

/// Longest line that is read.
pub(crate) const LINE_BYTES: usize = 1024 * 1024;

/// A line that was understood.
#[derive(Debug)]
pub(crate) enum ReadLine {
    /// A recording begins here.
    Header,
    /// So many lines are missing here.
    Lost(u64),
    /// Something about a revision.
    Revision {
        at: Option<Moment>,
        revision: Option<String>,
        asked: Asked,
    },
}

/// What a line wants of a revision.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Inputs, and a decision after them if `Inputs::decides`.
    Inputs(Box<Inputs>),
    /// The decision that was made here; replay makes it again.
    Decision(Map<String, Value>),
    /// What both policies came to here; replay compares them again.
    Compared(Value),
    /// The revision is gone.
    Removed,
}

/// The inputs of one line, in the order in which they are taken.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) settings: Option<Scaling>,
    pub(crate) start: Option<Start>,
    /// What was learned before the recording began, and how long before.
    pub(crate) learned: Option<(Memory, Duration)>,
    pub(crate) observation: Option<Observation>,
    pub(crate) holding: Option<Holding>,
    pub(crate) report: Option<Report>,
    pub(crate) reading: Option<Reading>,
    /// What a schedule asks for from here on; `Some(None)`: none is on.
    pub(crate) floor: Option<Option<Floor>>,
    /// The policy beside the one that acts from here on, and how often it decides; `Some(None)`: none is.
    pub(crate) shadow: Option<Option<(Scaling, Duration)>>,
    pub(crate) averages: Option<Averages>,
    pub(crate) decides: bool,
}

/// Reads one line.
///
/// # Errors
/// The first thing that is not known or not right.
pub(crate) fn read(line: &[u8]) -> Result<ReadLine, Fault> {
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| Fault::new("", excerpt(line), format!("one JSON object: {error}")))?;
    let Value::Object(mut map) = value else {
        return Err(Fault::new("", excerpt(line), "one JSON object"));
    };
    fields::check(&map)?;
    if let Some(version) = map.get("cheerfulRecording") {
        if !version
            .as_u64()
            .is_some_and(|version| (OLDEST..=VERSION).contains(&version))
        {
            let expected = format!("{OLDEST} to {VERSION}, the versions known here");
            return Err(Fault::new("cheerfulRecording", version, expected));
        }
        return only(&map, &[Part::Header], "", "the first line").map(|()| ReadLine::Header);
    }
    if let Some(lost) = map.get("lost").and_then(Value::as_u64) {
        return only(&map, &[], "lost", "a line that says what was lost")
            .map(|()| ReadLine::Lost(lost));
    }
    let at = map
        .get("at")
        .and_then(Value::as_f64)
        .and_then(|at| Moment::try_from(at).ok());
    let revision = map
        .get("revision")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let asked = if map.contains_key("replicas") {
        named(&mut map, &["at", "revision"]);
        only(&map, &[Part::Decision], "held", "a decision")?;
        Asked::Decision(map)
    } else if let Some(compared) = map.remove("compared") {
        named(&mut map, &["at", "revision"]);
        only(&map, &[], "", "what policies came to")?;
        Asked::Compared(compared)
    } else {
        named(&mut map, &["at", "revision"]);
        if map.remove("removed").is_some() {
            only(&map, &[], "", "a removed revision")?;
            Asked::Removed
        } else {
            Asked::Inputs(Box::new(inputs(map)?))
        }
    };
    Ok(ReadLine::Revision {
        at,
        revision,
        asked,
    })
}

fn inputs(mut map: Map<String, Value>) -> Result<Inputs, Fault> {
    if map.is_empty() {
        return Err(Fault::new("", "{}", "a line that says something"));
    }
    let settings = map
        .remove("settings")
        .map(|given| settings("settings", &given))
        .transpose()?;
    let start = object(&mut map, "state")?;
    let learned = learned(&mut map)?;
    let shadow = shadow(&mut map)?;
    let reading = object(&mut map, "reading")?;
    let floor = object(&mut map, "floor")?;
    let averages = object(&mut map, "averages")?;
    let decides = map.remove("decide").is_some() || averages.is_some();
    let inputs = Inputs {
        settings,
        start,
        learned,
        observation: part(&mut map, Part::Observation, "ready")?,
        holding: part(&mut map, Part::Holding, "held")?,
        report: part(&mut map, Part::Report, "replica")?,
        reading,
        floor,
        shadow,
        averages,
        decides,
    };
    only(&map, &[], "", "inputs").map(|()| inputs)
}

/// Checked settings: the first thing that is wrong is told.
fn settings(name: &str, given: &Value) -> Result<Scaling, Fault> {
    settings_from_json(given).map_err(|problems| match problems.into_iter().next() {
        Some(Problem {
            field,
            value,
            message,
            ..
        }) => {
            let value = value.unwrap_or_else(|| "it".to_owned());
            Fault::new(format!("{name}.{field}"), value, message)
        }
        None => Fault::new(name, given, "settings that can be used"),
    })
}

/// The policy beside the one that acts, and how often it decides.
fn shadow(map: &mut Map<String, Value>) -> Result<Option<Option<(Scaling, Duration)>>, Fault> {
    let tick = map.remove("shadowTickSeconds");
    let Some(given) = map.remove("shadow") else {
        return match tick {
            Some(tick) => Err(Fault::new("shadowTickSeconds", tick, "with shadow only")),
            None => Ok(None),
        };
    };
    if given.is_null() {
        return Ok(Some(None));
    }
    let seconds = tick.as_ref().map_or(Some(2.0), Value::as_f64);
    let seconds = seconds.filter(|seconds| (0.01..=60.0).contains(seconds));
    let Some(seconds) = seconds else {
        let tick = tick.unwrap_or_default();
        return Err(Fault::new(
            "shadowTickSeconds",
            tick,
            "seconds from 0.01 to 60",
        ));
    };
    let scaling = settings("shadow", &given)?;
    Ok(Some(Some((scaling, Duration::from_secs_f64(seconds)))))
}

/// What was learned before, with its age.
fn learned(map: &mut Map<String, Value>) -> Result<Option<(Memory, Duration)>, Fault> {
    let age = map.remove("learnedAgeSeconds");
    match (object(map, "learned")?, age) {
        (Some(memory), age) => {
            let age = age.and_then(|age| age.as_u64()).unwrap_or(0);
            Ok(Some((memory, Duration::from_secs(age))))
        }
        (None, Some(age)) => Err(Fault::new("learnedAgeSeconds", age, "with learned only")),
        (None, None) => Ok(None),
    }
}

/// The field that holds an object of its own.
fn object<T: DeserializeOwned>(
    map: &mut Map<String, Value>,
    field: &str,
) -> Result<Option<T>, Fault> {
    map.remove(field)
        .map(|value| parse(field, value))
        .transpose()
}

/// The fields of a part of the line; `least` is the one that it cannot be without.
fn part<T: DeserializeOwned>(
    map: &mut Map<String, Value>,
    part: Part,
    least: &str,
) -> Result<Option<T>, Fault> {
    let Some(taken) = fields::take(map, part) else {
        return Ok(None);
    };
    if !taken.contains_key(least) {
        let given: Vec<_> = taken.keys().map(String::as_str).collect();
        let expected = format!("a value, because {} is given", given.join(", "));
        return Err(Fault::new(least, "nothing", expected));
    }
    parse(least, Value::Object(taken)).map(Some)
}

fn parse<T: DeserializeOwned>(field: &str, value: Value) -> Result<T, Fault> {
    let text = value.to_string();
    serde_json::from_value(value).map_err(|error| Fault::new(field, text, error.to_string()))
}

fn named(map: &mut Map<String, Value>, fields: &[&str]) {
    for field in fields {
        map.remove(*field);
    }
}

/// Refuses fields that a line of this sort does not have.
fn only(map: &Map<String, Value>, parts: &[Part], also: &str, line: &str) -> Result<(), Fault> {
    match fields::outside(map, parts, also) {
        None => Ok(()),
        Some((field, value)) => Err(Fault::new(field, value, format!("no such field in {line}"))),
    }
}

/// The first 80 characters of a line.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().take(80).collect()
}
