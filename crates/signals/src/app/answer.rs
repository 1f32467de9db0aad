// SPDX-License-Identifier: Apache-2.0
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    Unread,
    exposition::Want,
    meter::Figures,
    preset::{Preset, PresetBuilder},
    told::is_load,
};

/// What an app says of itself: `{"in_flight": 3, "capacity": 8, "busy": true}`. Fields that are not known are skipped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppAnswer {
    /// Its requests.
    pub figures: Figures,
    /// Whether it works in the background, so that it is to be neither drained nor scaled to zero.
    pub busy: Option<bool>,
}

/// The longest answer in JSON, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// Reads an answer in JSON.
///
/// # Errors
/// When it is none, has a field that is no load, or says neither how many requests are in flight nor whether it is busy.
pub fn read(answer: &[u8]) -> Result<AppAnswer, Unread> {
    let mut reader = serde_json::Deserializer::from_slice(answer);
    let object = Map::<String, Value>::deserialize(&mut reader)
        .map_err(|error| Unread::Malformed(format!("JSON: {error}")))?;
    reader
        .end()
        .map_err(|error| Unread::Malformed(format!("JSON: {error}")))?;
    let number = |name: &str| match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) if is_load(number) => Ok(Some(number)),
            _ => Err(Unread::Impossible {
                what: name.to_owned(),
                value: value.to_string().chars().take(40).collect(),
            }),
        },
    };
    let busy = match object.get("busy") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(busy)) => Some(*busy),
        Some(other) => {
            let other: String = other.to_string().chars().take(40).collect();
            return Err(Unread::Malformed(format!(
                "busy is {other}, and should be true or false"
            )));
        }
    };
    let figures = Figures {
        in_flight: number("in_flight")?,
        waiting: number("waiting")?,
        requests: number("requests")?,
        seconds: number("seconds")?,
        refused: number("refused")?,
        ..Figures::default()
    };
    if !figures.says_load() && busy.is_none() {
        return Err(Unread::Absent("in_flight".to_owned()));
    }
    Ok(AppAnswer { figures, busy })
}

/// The same names on a page of Prometheus.
#[must_use]
pub fn text_preset() -> Preset {
    PresetBuilder::default()
        .in_flight(Want::named("in_flight"))
        .waiting(Want::named("waiting"))
        .requests(Want::named("requests_total"))
        .seconds(Want::named("seconds_total"))
        .refused(Want::named("refused_total"))
        .busy(Want::named("busy"))
        .began(Want::named("process_start_time_seconds"))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_says_what_it_has_and_whether_it_is_busy() {
        let answer = read(br#"{"in_flight": 3, "capacity": 8, "more": [1]}"#).unwrap();
        assert_eq!(answer.figures.in_flight, Some(3.0));
        assert_eq!(answer.busy, None);
        let answer = read(br#"{"busy": true}"#).unwrap();
        assert_eq!(
            (answer.busy, answer.figures.says_load()),
            (Some(true), false)
        );
    }

    #[test]
    fn what_is_no_answer_is_refused_by_reason() {
        for (answer, name) in [
            ("{}", "absent"),
            ("[]", "malformed"),
            ("{\"in_flight\": 1", "malformed"),
            ("{\"in_flight\": 1} x", "malformed"),
            ("<html>", "malformed"),
            ("{\"in_flight\": -1}", "impossible"),
            ("{\"in_flight\": \"3\"}", "impossible"),
            ("{\"in_flight\": 1e999}", "malformed"),
            ("{\"in_flight\": 1e300}", "impossible"),
            ("{\"in_flight\": 1, \"busy\": 1}", "malformed"),
        ] {
            assert_eq!(
                read(answer.as_bytes()).unwrap_err().name(),
                name,
                "{answer}"
            );
        }
    }
}
