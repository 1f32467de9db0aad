// SPDX-License-Identifier: Apache-2.0
use std::{borrow::Cow, time::Duration};

use serde_json::Value;

use super::{
    clock,
    columns::Columns,
    quantity::{self, Unit, excerpt},
    record::{Edge, Fault, Reader, Record},
};

/// JSON lines: one object for each request. A field inside another is named with a point: `httpRequest.latency`.
pub(super) struct JsonLines {
    time: (String, Edge),
    duration: Option<(String, Unit)>,
    key: Option<String>,
    only: Option<String>,
}

/// Objects within objects are looked into for names so deep.
const DEPTH: usize = 3;
/// Names that are looked at, at most.
const NAMES: usize = 1000;

impl JsonLines {
    /// With fields that are named, or are guessed from the first line; the fields, for a person to see.
    ///
    /// # Errors
    /// Why none can be.
    pub(super) fn new(
        first: &[u8],
        columns: &Columns,
        only: Option<String>,
    ) -> Result<(Self, Columns), String> {
        if columns.count.is_some() {
            return Err("counts can be read from CSV only, not from JSON lines".to_owned());
        }
        let mut names = Vec::new();
        if let Ok(value) = serde_json::from_slice(first) {
            collect(&value, "", DEPTH, &mut names);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let columns = columns.guess(&names);
        let Some(time) = columns.time.clone() else {
            let known = excerpt(names.join(", ").as_bytes());
            return Err(format!(
                "no field is known to be the time: name it (time=...); there are: {known}"
            ));
        };
        let duration = columns.duration.clone();
        let reader = Self {
            time,
            duration: duration.map(|(name, unit)| (name, unit.unwrap_or(Unit::Seconds))),
            key: columns.key.clone(),
            only,
        };
        Ok((reader, columns))
    }

    fn is_other(&self, value: &Value) -> bool {
        let (Some(key), Some(only)) = (&self.key, &self.only) else {
            return false;
        };
        let found = find(value, key).and_then(text);
        !found.is_some_and(|found| found.starts_with(only.as_str()))
    }

    fn work(&self, value: &Value) -> Result<Option<Duration>, Fault> {
        let Some((name, unit)) = &self.duration else {
            return Ok(None);
        };
        let Some(value) = find(value, name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let text = text(value).ok_or_else(|| wrong(name, value, "should be a number or text"))?;
        Ok(quantity::duration(text.as_bytes(), *unit)?)
    }
}

impl Reader for JsonLines {
    fn read(&mut self, line: &[u8]) -> Result<Record, Fault> {
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| format!("{}: should be a JSON object: {error}", excerpt(line)))?;
        if !value.is_object() {
            return Err(format!("{}: should be a JSON object", excerpt(line)).into());
        }
        if self.is_other(&value) {
            return Ok(Record::Other);
        }
        let (name, edge) = &self.time;
        let found = find(&value, name).ok_or_else(|| format!("no field {name}"))?;
        let at = text(found)
            .and_then(|text| clock::read(text.as_bytes()))
            .ok_or_else(|| wrong(name, found, clock::EXPECTED))?;
        Ok(Record::Request {
            at,
            edge: *edge,
            work: self.work(&value)?,
        })
    }
}

fn wrong(name: &str, value: &Value, expected: &str) -> Fault {
    let shown = excerpt(value.to_string().as_bytes());
    Fault::Broken(format!("{name} {shown}: {expected}"))
}

/// A field by its name; one with points in it may be a path.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(name) {
        return Some(found);
    }
    let (outer, inner) = name.split_once('.')?;
    find(value.get(outer)?, inner)
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

fn collect(value: &Value, before: &str, depth: usize, names: &mut Vec<String>) {
    let Value::Object(fields) = value else {
        return;
    };
    for (name, value) in fields {
        if names.len() >= NAMES {
            return;
        }
        let name = format!("{before}{name}");
        if depth > 1 {
            collect(value, &format!("{name}."), depth - 1, names);
        }
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(first: &str, columns: &str) -> Result<JsonLines, String> {
        let columns = columns.parse().unwrap();
        JsonLines::new(first.as_bytes(), &columns, Some("a".to_owned())).map(|(reader, _)| reader)
    }

    #[test]
    fn fields_are_found_by_name_and_by_path() {
        let line = r#"{"ts":1.5,"httpRequest":{"latency":"0.020s"},"app":{"name":"abc"}}"#;
        let mut reader = open(line, "key=app.name").unwrap();
        let Ok(Record::Request { at, work, .. }) = reader.read(line.as_bytes()) else {
            panic!("{line}");
        };
        assert_eq!(
            (at.micros, work),
            (1_500_000, Some(Duration::from_millis(20)))
        );
        assert_eq!(
            reader.read(br#"{"ts":1.5,"app":{"name":"b"}}"#),
            Ok(Record::Other)
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut reader = open(r#"{"time":"2026-11-24T15:04:05Z","duration_ms":5}"#, "").unwrap();
        let mut wrong = |line: &[u8]| match reader.read(line) {
            Err(Fault::Broken(what)) => what,
            other => panic!("{other:?}"),
        };
        assert!(wrong(b"nothing").contains("should be a JSON object"));
        assert!(wrong(b"[1]").contains("should be a JSON object"));
        assert!(wrong(b"\xff{}").contains("should be a JSON object"));
        assert_eq!(wrong(b"{}"), "no field time");
        assert!(wrong(br#"{"time":true}"#).starts_with("time true: should be a time"));
        let negative = br#"{"time":"2026-11-24T15:04:05Z","duration_ms":-5}"#;
        assert_eq!(wrong(negative), "duration -5: should be 0 or more");
        assert!(open(r#"{"a":1}"#, "").err().unwrap().contains("name it"));
    }
}
