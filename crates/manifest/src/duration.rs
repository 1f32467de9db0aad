// SPDX-License-Identifier: Apache-2.0
use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::scalar::Scalar;

/// A length of time as people write it: `60s`, `1m30s`, `250ms`, `1h`, `0s`. Whole microseconds, up to
/// [`DurationText::MAX`]. A bare number is refused, for it has no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Scalar", into = "Scalar")]
pub struct DurationText(pub Duration);

impl DurationText {
    /// The longest that can be written: 10,000 hours.
    pub const MAX: Duration = Duration::from_secs(10_000 * 3600);

    /// What every duration looks like; not all that look so are short enough.
    pub const PATTERN: &str = "^([0-9]{1,5}([.][0-9]{1,9})?h)?([0-9]{1,6}([.][0-9]{1,9})?m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,11}([.][0-9]{1,9})?ms)?([0-9]{1,14}([.][0-9]{1,9})?(us|µs))?$";
}

/// Each unit with its length in microseconds and the digits of the longest duration in it, the longest first.
const UNITS: [(&str, u64, usize); 6] = [
    ("h", 3_600_000_000, 5),
    ("m", 60_000_000, 6),
    ("s", 1_000_000, 8),
    ("ms", 1_000, 11),
    ("us", 1, 14),
    ("µs", 1, 14),
];

const EXPECTED: &str = "should be a duration such as 60s, 1m30s, 250ms or 1h";

/// Why a text is no duration: what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotADuration(Cow<'static, str>);

impl FromStr for DurationText {
    type Err = NotADuration;

    /// Reads `1h2m3.5s`: one or more of a number and its unit, each unit once, longest first.
    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let wrong = || NotADuration(EXPECTED.into());
        let number = |c: char| c.is_ascii_digit() || c == '.';
        if !text.is_empty() && text.chars().all(number) {
            return Err(NotADuration(
                format!("{EXPECTED}: a bare number has no unit (did you mean {text}s?)").into(),
            ));
        }
        let (mut rest, mut micros, mut next_unit) = (text, 0_u64, 0);
        while !rest.is_empty() || text.is_empty() {
            let digits = rest.find(|c| !number(c)).ok_or_else(wrong)?;
            let (count, tail) = rest.split_at(digits);
            let end = tail.find(number).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            let (index, (_, length, most_digits)) = UNITS
                .iter()
                .enumerate()
                .skip(next_unit)
                .find(|(_, (name, ..))| *name == unit)
                .ok_or_else(wrong)?;
            let part = micros_of(count, *length, *most_digits).ok_or_else(wrong)?;
            micros = micros.checked_add(part).ok_or_else(wrong)?;
            (rest, next_unit) = (tail, index + 1);
        }
        let duration = Duration::from_micros(micros);
        if duration > Self::MAX {
            return Err(NotADuration("should be at most 10000h".into()));
        }
        Ok(Self(duration))
    }
}

/// `1.5` of a unit in microseconds, without floating point, so that what is written is what is read back.
fn micros_of(count: &str, unit: u64, most_digits: usize) -> Option<u64> {
    let (whole, fraction) = count.split_once('.').unwrap_or((count, "0"));
    if whole.is_empty() || whole.len() > most_digits || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let parts = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / u128::from(scale);
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(unit)?
        .checked_add(u64::try_from(parts).ok()?)
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        if micros == 0 {
            return f.write_str("0s");
        }
        for (name, length, _) in UNITS {
            let count = micros / length;
            micros %= length;
            if count > 0 {
                write!(f, "{count}{name}")?;
            }
        }
        Ok(())
    }
}

impl TryFrom<Scalar> for DurationText {
    type Error = NotADuration;

    fn try_from(scalar: Scalar) -> Result<Self, NotADuration> {
        match scalar {
            Scalar::Text(text) => text.parse(),
            other => other.to_string().parse(),
        }
    }
}

impl From<DurationText> for Scalar {
    fn from(duration: DurationText) -> Self {
        Self::Text(duration.to_string())
    }
}

impl From<DurationText> for Duration {
    fn from(duration: DurationText) -> Self {
        duration.0
    }
}

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN, "minLength": 2})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, micros) in [
            ("60s", 60_000_000),
            ("1m30s", 90_000_000),
            ("250ms", 250_000),
            ("1h", 3_600_000_000),
            ("1.5s", 1_500_000),
            ("0s", 0),
            ("1h1m1s1ms1us", 3_661_001_001),
        ] {
            assert_eq!(
                text.parse(),
                Ok(DurationText(Duration::from_micros(micros))),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest_and_says_what_would_be_right() {
        for text in [
            "",
            "s",
            "1",
            "1.",
            "-1s",
            "1s1h",
            "1s1s",
            "1 s",
            "1d",
            "1e3s",
            ".5s",
            "é",
            "99999999999999h",
        ] {
            assert!(text.parse::<DurationText>().is_err(), "{text}");
        }
        let bare = "60".parse::<DurationText>().unwrap_err().to_string();
        assert!(bare.contains("did you mean 60s?"), "{bare}");
        assert!(
            "10001h"
                .parse::<DurationText>()
                .unwrap_err()
                .to_string()
                .contains("at most 10000h")
        );
    }

    proptest! {
        #[test]
        fn is_written_as_it_is_read(micros in 0_u64..36_000_000_000_000) {
            let duration = DurationText(Duration::from_micros(micros));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            prop_assert!(text.parse::<DurationText>().is_ok_and(|d| d.0 <= DurationText::MAX)
                || text.parse::<DurationText>().is_err());
        }
    }
}
