// SPDX-License-Identifier: Apache-2.0
use std::{str::FromStr, time::Duration};

use cheerful_manifest::DurationText;

use super::{Pattern, Shape, SpecError};
use crate::Law;

/// The largest rate, in requests per second.
const MOST_RATE: f64 = 1e6;
/// The largest burst.
const MOST_COUNT: u64 = 10_000_000;

impl FromStr for Pattern {
    type Err = SpecError;

    /// Reads `poisson:20/s,service=exp:50ms,for=1h`: a shape with its rate, then what it takes besides. Shapes are
    /// `constant`, `poisson`, `onoff` (`on`, `off`, `low`), `diurnal` (`swing`, `period`) and `burst` (a count; `at`).
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut parts = text.split(',').map(str::trim);
        let head = parts.next().unwrap_or_default();
        let Some((name, value)) = head.split_once(':') else {
            return Err(SpecError::new("load", head, SHAPES));
        };
        let mut given = Given(Vec::new());
        for part in parts {
            let Some((field, value)) = part.split_once('=') else {
                let expected = "should be a name and a value, such as for=1h";
                return Err(SpecError::new("load", part, expected));
            };
            if given.0.iter().any(|(known, _)| *known == field) {
                return Err(SpecError::new(field, value, "should be given once"));
            }
            given.0.push((field, value));
        }
        let shape = match name {
            "constant" => Shape::Constant {
                rate: positive("rate", value)?,
            },
            "poisson" => Shape::Poisson {
                rate: positive("rate", value)?,
            },
            "onoff" => Shape::OnOff {
                rate: positive("rate", value)?,
                low: given.take("low").map_or(Ok(0.0), |low| rate("low", low))?,
                on: given.duration("on", Some(10))?,
                off: given.duration("off", Some(50))?,
            },
            "diurnal" => Shape::Diurnal {
                rate: positive("rate", value)?,
                swing: given.take("swing").map_or(Ok(0.8), swing)?,
                period: given.duration("period", Some(86_400))?,
            },
            "burst" => Shape::Burst {
                count: count(value)?,
                at: given.moment("at")?,
            },
            _ => return Err(SpecError::new("load", name, SHAPES)),
        };
        let service = match given.take("service") {
            None => Law::Exponential(Duration::from_millis(100)),
            Some(law) => law.parse().map_err(|error: SpecError| SpecError {
                field: "service".to_owned(),
                ..error
            })?,
        };
        let day = matches!(shape, Shape::Diurnal { .. });
        let lasts = given.duration("for", Some(if day { 86_400 } else { 3600 }))?;
        given.nothing_else(name)?;
        Ok(Self {
            shape,
            service,
            lasts,
        })
    }
}

const SHAPES: &str = "should be constant:20/s, poisson:20/s, onoff:100/s, diurnal:20/s or burst:200, and what else it \
     takes after commas";

/// What was given by name and not yet used.
struct Given<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Given<'a> {
    fn take(&mut self, field: &str) -> Option<&'a str> {
        let place = self.0.iter().position(|(known, _)| *known == field)?;
        Some(self.0.remove(place).1)
    }

    fn duration(&mut self, field: &str, seconds: Option<u64>) -> Result<Duration, SpecError> {
        let Some(value) = self.take(field) else {
            return Ok(Duration::from_secs(seconds.unwrap_or_default()));
        };
        let duration = read(field, value)?;
        if duration == Duration::ZERO {
            return Err(SpecError::new(field, value, "should be above 0s"));
        }
        Ok(duration)
    }

    fn moment(&mut self, field: &str) -> Result<Duration, SpecError> {
        self.take(field)
            .map_or(Ok(Duration::ZERO), |value| read(field, value))
    }

    fn nothing_else(&self, shape: &str) -> Result<(), SpecError> {
        let Some((field, value)) = self.0.first() else {
            return Ok(());
        };
        let also = match shape {
            "onoff" => ", low, on, off",
            "diurnal" => ", swing, period",
            "burst" => ", at",
            _ => "",
        };
        let expected = format!("{shape} takes no such field; it takes service, for{also}");
        Err(SpecError::new(*field, *value, expected))
    }
}

fn read(field: &str, value: &str) -> Result<Duration, SpecError> {
    let read: Result<DurationText, _> = value.parse();
    read.map(|read| read.0)
        .map_err(|error| SpecError::new(field, value, error.to_string()))
}

/// A rate in requests per second.
fn rate(field: &str, value: &str) -> Result<f64, SpecError> {
    let wrong = |expected: String| SpecError::new(field, value, expected);
    let Some((count, unit)) = value.split_once('/') else {
        return Err(wrong(format!(
            "should be a rate with its unit: {value}/s, {value}/m or {value}/h"
        )));
    };
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(wrong("its unit should be /s, /m, /h or /d".to_owned())),
    };
    let count = count.trim().parse::<f64>().ok();
    let rate = count.map(|count| count / seconds);
    rate.filter(|rate| (0.0..=MOST_RATE).contains(rate))
        .ok_or_else(|| wrong("should be from 0/s to 1000000/s".to_owned()))
}

fn positive(field: &str, value: &str) -> Result<f64, SpecError> {
    let rate = rate(field, value)?;
    if rate > 0.0 {
        Ok(rate)
    } else {
        Err(SpecError::new(field, value, "should be above 0"))
    }
}

fn swing(value: &str) -> Result<f64, SpecError> {
    let swing = value
        .parse()
        .ok()
        .filter(|swing| (0.0..=1.0).contains(swing));
    swing.ok_or_else(|| SpecError::new("swing", value, "should be a number from 0 to 1"))
}

fn count(value: &str) -> Result<u64, SpecError> {
    let count = value
        .parse()
        .ok()
        .filter(|count| (1..=MOST_COUNT).contains(count));
    count.ok_or_else(|| {
        SpecError::new(
            "count",
            value,
            "should be a whole number from 1 to 10000000",
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let pattern: Pattern = "poisson:90/m".parse().unwrap();
        assert_eq!(pattern.shape, Shape::Poisson { rate: 1.5 });
        assert_eq!(pattern.lasts, Duration::from_secs(3600));
        assert_eq!(
            pattern.service,
            Law::Exponential(Duration::from_millis(100))
        );
        let pattern: Pattern = "diurnal:20/s, service=lognormal:50ms:1.2".parse().unwrap();
        assert_eq!(pattern.lasts, Duration::from_secs(86_400));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (text, told) in [
            ("", "load: \"\": should be constant:20/s"),
            ("poisson", "load: \"poisson\": should be constant:20/s"),
            ("gamma:20/s", "load: \"gamma\": should be constant:20/s"),
            (
                "poisson:20",
                "rate: \"20\": should be a rate with its unit: 20/s",
            ),
            ("poisson:0/s", "rate: \"0/s\": should be above 0"),
            (
                "poisson:1e9/s",
                "rate: \"1e9/s\": should be from 0/s to 1000000/s",
            ),
            ("poisson:nan/s", "rate: \"nan/s\": should be from 0/s"),
            ("poisson:20/w", "rate: \"20/w\": its unit should be /s"),
            (
                "poisson:20/s,for",
                "load: \"for\": should be a name and a value",
            ),
            ("poisson:20/s,for=60", "for: \"60\": should be a duration"),
            ("poisson:20/s,for=0s", "for: \"0s\": should be above 0s"),
            (
                "poisson:20/s,on=5s",
                "on: \"5s\": poisson takes no such field; it takes service, for",
            ),
            (
                "poisson:20/s,for=1s,for=2s",
                "for: \"2s\": should be given once",
            ),
            (
                "poisson:20/s,service=fast",
                "service: \"fast\": should be a duration",
            ),
            (
                "diurnal:20/s,swing=2",
                "swing: \"2\": should be a number from 0 to 1",
            ),
            ("burst:0", "count: \"0\": should be a whole number"),
        ] {
            let wrong = text.parse::<Pattern>().unwrap_err().to_string();
            assert!(wrong.starts_with(told), "{text}: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "(constant|poisson|onoff|diurnal|burst):[0-9e/sm.,=a-z:-]{0,40}") {
            if let Ok(pattern) = text.parse::<Pattern>() {
                let all: Vec<_> = pattern.arrivals(1).take(100).collect();
                prop_assert!(all.is_sorted_by_key(|arrival| arrival.at));
            }
        }
    }
}
