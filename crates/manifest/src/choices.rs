// SPDX-License-Identifier: Apache-2.0
//! The settings that take either a word or a number, as they are written.
use std::borrow::Cow;

use cheerful_scaling::{BurstCapacity, Concurrency, Delay, Paused, Policy, Target};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{DurationText, duration::NotADuration, scalar::Scalar};

/// A number with a fraction as text: what stands in a cluster for the number, where a field takes a word or a whole number.
pub const DECIMAL: &str = "^[0-9]{1,10}([.][0-9]{1,20})?$";

const PAUSED: &str =
    "should be true, false, or a whole number from 0: the count of replicas to hold";

/// Makes a type that is written as a word or a number out of one of `scaling`'s.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident($inner:ty), schema $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(try_from = "Scalar", into = "Scalar")]
        pub struct $name(pub $inner);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

choice! {
    /// `auto`, or requests in flight per replica.
    TargetText(Target),
    schema {"oneOf": [{"const": "auto"}, {"type": "number", "minimum": 0.01}, {"type": "string", "pattern": DECIMAL}]}
}
choice! {
    /// `stable-panic` or `auto`.
    PolicyText(Policy),
    schema {"type": "string", "enum": ["stable-panic", "auto"]}
}
choice! {
    /// `auto`, or a length of time.
    DelayText(Delay),
    schema {"oneOf": [{"const": "auto"}, {"type": "string", "pattern": DurationText::PATTERN, "minLength": 2}]}
}
choice! {
    /// `single`, `multi`, or a hard limit per replica.
    ConcurrencyText(Concurrency),
    schema {"oneOf": [{"enum": ["single", "multi"]}, {"type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32}]}
}
choice! {
    /// `auto`, a number of requests in flight, or -1: always in the path.
    BurstCapacityText(BurstCapacity),
    schema {"oneOf": [{"const": "auto"}, {"const": -1}, {"type": "number", "minimum": 0}, {"type": "string", "pattern": DECIMAL}]}
}
choice! {
    /// `true`, `false`, or the count of replicas to hold.
    PausedText(Paused),
    schema {"oneOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32}]}
}

impl TryFrom<Scalar> for TargetText {
    type Error = &'static str;

    fn try_from(scalar: Scalar) -> Result<Self, Self::Error> {
        match number(&scalar) {
            Some(number) => Ok(Self(Target::PerReplica(number))),
            None if is(&scalar, "auto") => Ok(Self(Target::Auto)),
            None => {
                Err("should be auto, or a number: the requests in flight per replica to aim for")
            }
        }
    }
}

impl From<TargetText> for Scalar {
    fn from(TargetText(target): TargetText) -> Self {
        match target {
            Target::Auto => Self::Text("auto".to_owned()),
            Target::PerReplica(number) => written(number),
        }
    }
}

impl TryFrom<Scalar> for PolicyText {
    type Error = &'static str;

    fn try_from(scalar: Scalar) -> Result<Self, Self::Error> {
        if is(&scalar, "stable-panic") {
            Ok(Self(Policy::StablePanic))
        } else if is(&scalar, "auto") {
            Ok(Self(Policy::Auto))
        } else {
            Err("should be stable-panic or auto")
        }
    }
}

impl From<PolicyText> for Scalar {
    fn from(PolicyText(policy): PolicyText) -> Self {
        let word = match policy {
            Policy::StablePanic => "stable-panic",
            Policy::Auto => "auto",
        };
        Self::Text(word.to_owned())
    }
}

impl TryFrom<Scalar> for DelayText {
    type Error = NotADuration;

    fn try_from(scalar: Scalar) -> Result<Self, Self::Error> {
        if is(&scalar, "auto") {
            return Ok(Self(Delay::Auto));
        }
        let DurationText(given) = scalar.try_into()?;
        Ok(Self(Delay::Given(given)))
    }
}

impl From<DelayText> for Scalar {
    fn from(DelayText(delay): DelayText) -> Self {
        match delay {
            Delay::Auto => Self::Text("auto".to_owned()),
            Delay::Given(given) => DurationText(given).into(),
        }
    }
}

impl TryFrom<Scalar> for ConcurrencyText {
    type Error = &'static str;

    fn try_from(scalar: Scalar) -> Result<Self, Self::Error> {
        match count(&scalar) {
            Some(limit) if limit > 0 => Ok(Self(Concurrency::Limit(limit))),
            None if is(&scalar, "single") => Ok(Self(Concurrency::Single)),
            None if is(&scalar, "multi") => Ok(Self(Concurrency::Multi)),
            _ => Err(
                "should be single, multi, or a whole number from 1: the most requests at once in a replica",
            ),
        }
    }
}

impl From<ConcurrencyText> for Scalar {
    fn from(ConcurrencyText(concurrency): ConcurrencyText) -> Self {
        match concurrency {
            Concurrency::Single => Self::Text("single".to_owned()),
            Concurrency::Multi => Self::Text("multi".to_owned()),
            Concurrency::Limit(limit) => Self::Whole(limit.into()),
        }
    }
}

impl TryFrom<Scalar> for BurstCapacityText {
    type Error = &'static str;

    fn try_from(scalar: Scalar) -> Result<Self, Self::Error> {
        match number(&scalar) {
            Some(-1.0) => Ok(Self(BurstCapacity::AlwaysInPath)),
            Some(number) => Ok(Self(BurstCapacity::Requests(number))),
            None if is(&scalar, "auto") => Ok(Self(BurstCapacity::Auto)),
            None => Err(
                "should be auto, a number of requests in flight from 0, or -1: always in the path",
            ),
        }
    }
}

impl From<BurstCapacityText> for Scalar {
    fn from(BurstCapacityText(capacity): BurstCapacityText) -> Self {
        match capacity {
            BurstCapacity::Auto => Self::Text("auto".to_owned()),
            BurstCapacity::Requests(number) => written(number),
            BurstCapacity::AlwaysInPath => Self::Whole(-1),
        }
    }
}

impl TryFrom<Scalar> for PausedText {
    type Error = &'static str;

    fn try_from(scalar: Scalar) -> Result<Self, Self::Error> {
        match (&scalar, count(&scalar)) {
            (Scalar::Bool(false), _) => Ok(Self(Paused::No)),
            (Scalar::Bool(true), _) => Ok(Self(Paused::Present)),
            (Scalar::Text(text), _) if text == "false" => Ok(Self(Paused::No)),
            (Scalar::Text(text), _) if text == "true" => Ok(Self(Paused::Present)),
            (Scalar::Text(text), _) if is_count(text) => text
                .parse()
                .map(|replicas| Self(Paused::At(replicas)))
                .map_err(|_| PAUSED),
            (_, Some(replicas)) => Ok(Self(Paused::At(replicas))),
            _ => Err(PAUSED),
        }
    }
}

impl From<PausedText> for Scalar {
    fn from(PausedText(paused): PausedText) -> Self {
        match paused {
            Paused::No => Self::Bool(false),
            Paused::Present => Self::Bool(true),
            Paused::At(replicas) => Self::Whole(replicas.into()),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of requests far below 2^53; the checks refuse the rest"
)]
fn number(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Whole(value) => Some(*value as f64),
        Scalar::Number(value) => Some(*value),
        Scalar::Text(text) if is_decimal(text) => text.parse().ok(),
        Scalar::Bool(_) | Scalar::Text(_) => None,
    }
}

/// A number of requests as it is written: in a cluster a word or a number is either text or a whole number, so one with a
/// fraction is text.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a number of so few digits that all are exact"
)]
fn written(number: f64) -> Scalar {
    let text = number.to_string();
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Scalar::Whole(number as i128)
    } else if is_decimal(&text) {
        Scalar::Text(text)
    } else {
        Scalar::Number(number)
    }
}

/// Whether a text is as [`DECIMAL`] says.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str, most| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    digits(whole, 10) && digits(fraction, 20)
}

fn is_count(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn count(scalar: &Scalar) -> Option<u32> {
    match scalar {
        Scalar::Whole(value) => u32::try_from(*value).ok(),
        _ => None,
    }
}

fn is(scalar: &Scalar, word: &str) -> bool {
    matches!(scalar, Scalar::Text(text) if text == word)
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn both_ways<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(
        written: serde_json::Value,
        meant: T,
    ) {
        assert_eq!(serde_json::from_value::<T>(written.clone()).unwrap(), meant);
        assert_eq!(serde_json::to_value(&meant).unwrap(), written);
    }

    #[test]
    fn words_and_numbers_are_read_and_written() {
        both_ways(json!("auto"), TargetText(Target::Auto));
        both_ways(json!("10.5"), TargetText(Target::PerReplica(10.5)));
        both_ways(json!(10), TargetText(Target::PerReplica(10.0)));
        both_ways(json!("stable-panic"), PolicyText(Policy::StablePanic));
        both_ways(json!("auto"), PolicyText(Policy::Auto));
        both_ways(json!("auto"), DelayText(Delay::Auto));
        let given = std::time::Duration::from_secs(90);
        both_ways(json!("1m30s"), DelayText(Delay::Given(given)));
        both_ways(json!("single"), ConcurrencyText(Concurrency::Single));
        both_ways(json!("multi"), ConcurrencyText(Concurrency::Multi));
        both_ways(json!(3), ConcurrencyText(Concurrency::Limit(3)));
        both_ways(json!("auto"), BurstCapacityText(BurstCapacity::Auto));
        both_ways(json!(-1), BurstCapacityText(BurstCapacity::AlwaysInPath));
        both_ways(json!(98), BurstCapacityText(BurstCapacity::Requests(98.0)));
        both_ways(json!(true), PausedText(Paused::Present));
        both_ways(json!(false), PausedText(Paused::No));
        both_ways(json!(7), PausedText(Paused::At(7)));
    }

    #[test]
    fn the_rest_is_refused() {
        for wrong in [
            json!("Auto"),
            json!(true),
            json!("1e3"),
            json!("-1"),
            json!("1."),
        ] {
            assert!(
                serde_json::from_value::<TargetText>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
        for wrong in [
            json!(0),
            json!(-1),
            json!(1.5),
            json!("none"),
            json!(4_294_967_296_u64),
        ] {
            assert!(
                serde_json::from_value::<ConcurrencyText>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
        for wrong in [json!(-1), json!(0.5), json!("yes")] {
            assert!(
                serde_json::from_value::<PausedText>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }
}
