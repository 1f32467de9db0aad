// SPDX-License-Identifier: Apache-2.0
use serde::Deserialize;
use serde_json::Value;

use crate::{Unread, told::is_load};

/// The longest answer that is read.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Of what people are told of another's words.
const MOST_WORDS: usize = 300;

/// What Prometheus writes before a remark on a query that takes nothing from its answer.
const REMARK: &str = "PromQL info:";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    data: Option<Data>,
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

#[derive(Deserialize)]
struct Series {
    value: Option<(f64, String)>,
}

/// The number in an answer of `/api/v1/query`: of a scalar, or of a vector of exactly one series.
///
/// # Errors
/// An error of the server in its own words; an answer with a warning, of which a part may be missing; no series, or
/// several; a value that is no load.
pub fn value(status: u16, body: &[u8]) -> Result<f64, Unread> {
    let answer = match serde_json::from_slice::<Answer>(body) {
        Ok(answer) => answer,
        Err(_) if status != 200 => return Err(Unread::Status(status)),
        Err(error) => {
            return Err(Unread::Malformed(format!(
                "no answer of Prometheus: {error}"
            )));
        }
    };
    if answer.status != "success" || status != 200 {
        let kind = answer
            .error_type
            .unwrap_or_else(|| format!("status {status}"));
        let why = answer.error.unwrap_or_default();
        return Err(Unread::Refused(short(&format!("{kind}: {why}"))));
    }
    if let Some(warning) = answer
        .warnings
        .iter()
        .find(|warning| !warning.starts_with(REMARK))
    {
        let why = format!("warns, so that a part may be missing: {warning}");
        return Err(Unread::Refused(short(&why)));
    }
    let Some(data) = answer.data else {
        return Err(Unread::Absent("data".to_owned()));
    };
    let malformed =
        |error: serde_json::Error| Unread::Malformed(format!("{}: {error}", data.result_type));
    let text = match data.result_type.as_str() {
        "scalar" => {
            serde_json::from_value::<(f64, String)>(data.result)
                .map_err(malformed)?
                .1
        }
        "vector" => single(serde_json::from_value(data.result).map_err(malformed)?)?,
        other => {
            let why = format!(
                "a {}, where a scalar or a vector of one series is right",
                short(other)
            );
            return Err(Unread::Malformed(why));
        }
    };
    number(&text)
}

fn single(series: Vec<Series>) -> Result<String, Unread> {
    let count = series.len();
    let mut series = series.into_iter();
    match (series.next(), series.next()) {
        (Some(one), None) => match one.value {
            Some((_, value)) => Ok(value),
            None => Err(Unread::Malformed(
                "a histogram, where a number is right".to_owned(),
            )),
        },
        (None, _) => Err(Unread::Absent("series that the query names".to_owned())),
        (Some(_), Some(_)) => Err(Unread::Malformed(format!(
            "{count} series, where one is right: sum() or max() makes one of them"
        ))),
    }
}

/// As Prometheus writes numbers.
fn number(text: &str) -> Result<f64, Unread> {
    let impossible = || Unread::Impossible {
        what: "the value".to_owned(),
        value: short(text),
    };
    let value: f64 = text.parse().map_err(|_| impossible())?;
    if is_load(value) {
        // Minus nothing is nothing.
        Ok(value.abs())
    } else {
        Err(impossible())
    }
}

fn short(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector(series: &str) -> Vec<u8> {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#)
            .into_bytes()
    }

    fn one(value: &str) -> Result<f64, String> {
        let body = vector(&format!(
            r#"{{"metric":{{"job":"a"}},"value":[1435781451.781,"{value}"]}}"#
        ));
        super::value(200, &body).map_err(|why| why.to_string())
    }

    #[test]
    fn one_series_or_a_scalar_is_a_value() {
        for (text, expected) in [
            ("48", 48.0),
            ("0", 0.0),
            ("-0", 0.0),
            ("4.5e+01", 45.0),
            ("1e-3", 0.001),
        ] {
            assert_eq!(one(text), Ok(expected));
        }
        let scalar =
            br#"{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"7"]},
            "warnings":["PromQL info: metric might not be a counter"],"infos":["x"],"more":1}"#;
        assert_eq!(value(200, scalar), Ok(7.0));
    }

    #[test]
    fn what_is_no_value_says_why() {
        for (text, expected) in [
            ("NaN", "the value is NaN, and should be a number from 0 on"),
            (
                "+Inf",
                "the value is +Inf, and should be a number from 0 on",
            ),
            (
                "-Inf",
                "the value is -Inf, and should be a number from 0 on",
            ),
            ("-3", "the value is -3, and should be a number from 0 on"),
            ("", "the value is , and should be a number from 0 on"),
            ("1,5", "the value is 1,5, and should be a number from 0 on"),
        ] {
            assert_eq!(one(text).unwrap_err(), expected);
        }
        let two = r#"{"metric":{},"value":[1,"1"]},{"metric":{"a":"b"},"value":[1,"2"]}"#;
        let error = br#"{"status":"error","errorType":"bad_data","error":"1:4: parse error:\nunexpected }"}"#;
        let warns = br#"{"status":"success","data":{"resultType":"scalar","result":[1,"7"]},"warnings":["store-1 is away"]}"#;
        let cases: [(u16, &[u8], &str); 11] = [
            (200, &vector(""), "has no series that the query names"),
            (
                200,
                &vector(two),
                "cannot be read: 2 series, where one is right: sum() or max() makes one of them",
            ),
            (
                200,
                &vector(r#"{"metric":{},"histogram":[1,{"count":"1"}]}"#),
                "cannot be read: a histogram, where a number is right",
            ),
            (
                200,
                &vector("1"),
                "cannot be read: vector: invalid type: integer `1`, expected struct Series",
            ),
            (
                400,
                error,
                "refuses: bad_data: 1:4: parse error: unexpected }",
            ),
            (
                200,
                error,
                "refuses: bad_data: 1:4: parse error: unexpected }",
            ),
            (
                200,
                warns,
                "refuses: warns, so that a part may be missing: store-1 is away",
            ),
            (
                200,
                br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
                "cannot be read: a matrix, where a scalar or a vector of one series is right",
            ),
            (200, br#"{"status":"success"}"#, "has no data"),
            (
                200,
                b"<html>",
                "cannot be read: no answer of Prometheus: expected value at line 1 column 1",
            ),
            (502, b"<html>", "answered 502"),
        ];
        for (status, body, expected) in cases {
            assert_eq!(value(status, body).unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(status in 100..600_u16, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(value(status, &body));
        }

        #[test]
        fn a_value_is_a_load(text in "[-+]?[0-9NaIinf.eE+]{0,12}") {
            if let Ok(value) = one(&text) {
                prop_assert!(value.is_finite() && value.is_sign_positive());
            }
        }
    }
}
