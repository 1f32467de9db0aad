// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Moment;
use serde_json::{Map, Value};

use super::Fault;

/// What a field of a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    Line,
    Report,
    Holding,
    Observation,
    Decision,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Checked by whoever reads it.
    Any,
    Count,
    CountU32,
    Flag,
    Moment,
    MomentOrNull,
    Name,
    Number,
    Object,
    ObjectOrNull,
    True,
}

/// Every field there is, by the part of a line that it belongs to.
const FIELDS: &[(&str, Part, Kind)] = &[
    ("cheerfulRecording", Part::Header, Kind::Count),
    ("by", Part::Header, Kind::Name),
    ("unixMillis", Part::Header, Kind::Count),
    ("at", Part::Line, Kind::Moment),
    ("revision", Part::Line, Kind::Name),
    ("settings", Part::Line, Kind::Object),
    ("state", Part::Line, Kind::Object),
    ("learned", Part::Line, Kind::Object),
    ("learnedAgeSeconds", Part::Line, Kind::Count),
    ("averages", Part::Line, Kind::Object),
    ("reading", Part::Line, Kind::Object),
    ("floor", Part::Line, Kind::ObjectOrNull),
    ("shadow", Part::Line, Kind::ObjectOrNull),
    ("shadowTickSeconds", Part::Line, Kind::Number),
    ("compared", Part::Line, Kind::Object),
    ("decide", Part::Line, Kind::True),
    ("removed", Part::Line, Kind::True),
    ("lost", Part::Line, Kind::Count),
    ("replica", Part::Report, Kind::Name),
    ("sequence", Part::Report, Kind::Count),
    ("ageSeconds", Part::Report, Kind::Number),
    ("seconds", Part::Report, Kind::Number),
    ("requestSeconds", Part::Report, Kind::Number),
    ("waitingSeconds", Part::Report, Kind::Number),
    ("requests", Part::Report, Kind::Count),
    ("refused", Part::Report, Kind::Count),
    ("inFlight", Part::Report, Kind::Number),
    ("latency", Part::Report, Kind::Any),
    ("held", Part::Holding, Kind::Count),
    ("arrived", Part::Holding, Kind::Count),
    ("ready", Part::Observation, Kind::CountU32),
    ("starting", Part::Observation, Kind::CountU32),
    ("draining", Part::Observation, Kind::CountU32),
    ("busy", Part::Observation, Kind::CountU32),
    ("startingSince", Part::Observation, Kind::MomentOrNull),
    ("gatewaySince", Part::Observation, Kind::MomentOrNull),
    ("replicas", Part::Decision, Kind::CountU32),
    ("decided", Part::Decision, Kind::Flag),
    ("mode", Part::Decision, Kind::Any),
    ("spareCapacity", Part::Decision, Kind::Number),
    ("stable", Part::Decision, Kind::Number),
    ("panic", Part::Decision, Kind::Number),
    ("burst", Part::Decision, Kind::Number),
    ("target", Part::Decision, Kind::Number),
    ("wanted", Part::Decision, Kind::CountU32),
    ("bounds", Part::Decision, Kind::Any),
    ("why", Part::Decision, Kind::Any),
];

/// Checks each field of a line by itself: that it is known and holds what it may hold.
pub(super) fn check(map: &Map<String, Value>) -> Result<(), Fault> {
    for (field, value) in map {
        let Some((_, _, kind)) = FIELDS.iter().find(|(name, ..)| name == field) else {
            return Err(Fault::new(
                field,
                value,
                format!("no such field; {}", known()),
            ));
        };
        if let Some(expected) = kind.refuses(value) {
            return Err(Fault::new(field, value, expected));
        }
    }
    Ok(())
}

/// The first field that is not of one of these parts.
pub(super) fn outside<'a>(
    map: &'a Map<String, Value>,
    parts: &[Part],
    also: &str,
) -> Option<(&'a String, &'a Value)> {
    map.iter()
        .find(|(field, _)| field.as_str() != also && !part(field, parts))
}

/// Takes the fields of one part out of a line; `None` if there are none.
pub(super) fn take(map: &mut Map<String, Value>, wanted: Part) -> Option<Map<String, Value>> {
    let names: Vec<String> = map
        .keys()
        .filter(|field| part(field, &[wanted]))
        .cloned()
        .collect();
    let taken: Map<_, _> = names
        .iter()
        .filter_map(|name| map.remove_entry(name))
        .collect();
    (!taken.is_empty()).then_some(taken)
}

fn part(field: &str, parts: &[Part]) -> bool {
    FIELDS
        .iter()
        .any(|(name, part, _)| *name == field && parts.contains(part))
}

fn known() -> String {
    let names: Vec<_> = FIELDS.iter().map(|(name, ..)| *name).collect();
    format!("known are {}", names.join(", "))
}

impl Kind {
    /// What would be right, if the value is not.
    fn refuses(self, value: &Value) -> Option<&'static str> {
        let (right, expected) = match self {
            Self::Any => (true, ""),
            Self::Count => (value.is_u64(), "a whole number from 0"),
            Self::CountU32 => (
                value
                    .as_u64()
                    .is_some_and(|count| u32::try_from(count).is_ok()),
                "a whole number from 0 to 4294967295",
            ),
            Self::Flag => (value.is_boolean(), "true or false"),
            Self::Moment => (is_moment(value), "seconds from 0 to 2251799813"),
            Self::MomentOrNull => (
                value.is_null() || is_moment(value),
                "seconds from 0 to 2251799813, or null",
            ),
            Self::Name => (
                value.as_str().is_some_and(is_name),
                "a text of 1 to 253 bytes",
            ),
            Self::Number => (value.is_number(), "a number"),
            Self::Object => (value.is_object(), "an object"),
            Self::ObjectOrNull => (value.is_object() || value.is_null(), "an object, or null"),
            Self::True => (*value == Value::Bool(true), "true, or no such field"),
        };
        (!right).then_some(expected)
    }
}

fn is_moment(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|seconds| Moment::try_from(seconds).is_ok())
}

fn is_name(name: &str) -> bool {
    (1..=253).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::{Holding, Observation, Report};

    use super::*;

    fn all_known(value: &Value, wanted: Part) {
        for field in value.as_object().unwrap().keys() {
            assert!(
                part(field, &[wanted]),
                "{field} of {wanted:?} is not in the table"
            );
        }
    }

    #[test]
    fn the_fields_of_what_is_recorded_are_known() {
        let report = Report {
            replica: "a".to_owned(),
            sequence: Some(1),
            age_seconds: 1.0,
            seconds: 1.0,
            request_seconds: 1.0,
            waiting_seconds: 1.0,
            requests: 1,
            refused: 1,
            in_flight: Some(1.0),
            latency: None,
        };
        all_known(&serde_json::to_value(report).unwrap(), Part::Report);
        all_known(
            &serde_json::to_value(Holding::default()).unwrap(),
            Part::Holding,
        );
        let observation = Observation {
            ready: 1,
            starting: 1,
            draining: 1,
            busy: 1,
            starting_since: Some(Moment::ZERO),
            gateway_since: Some(Moment::ZERO),
        };
        all_known(
            &serde_json::to_value(observation).unwrap(),
            Part::Observation,
        );
    }

    #[test]
    fn every_field_is_documented() {
        let page = include_str!("../../../../docs/recording.md");
        for (field, ..) in FIELDS {
            let named = [format!("`{field}`"), format!("\"{field}\":")];
            assert!(named.iter().any(|name| page.contains(name)), "{field}");
        }
    }
}
