// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// The unit of a duration that is a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// The longest duration that is believed: 10,000 hours.
const MOST_SECONDS: f64 = 36e6;

const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("", 0.0),
];

impl Unit {
    /// By its name, as in `duration=latency:ms`.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Millis),
            "us" => Some(Self::Micros),
            "ns" => Some(Self::Nanos),
            _ => None,
        }
    }

    /// By the end of a column's name: `latency_ms`, `durationMs`, `elapsed_us`. Seconds where it says nothing.
    pub(super) fn of_column(name: &str) -> Self {
        let ends = |all: &[&str]| all.iter().any(|end| name.ends_with(end));
        if ends(&["_ms", "Ms", "_millis", "Millis", "_msec", ".ms"]) || name == "ms" {
            Self::Millis
        } else if ends(&["_us", "Us", "_micros", "Micros", "_usec", ".us"]) || name == "us" {
            Self::Micros
        } else if ends(&["_ns", "Ns", "_nanos", "Nanos", "_nsec", ".ns"]) || name == "ns" {
            Self::Nanos
        } else {
            Self::Seconds
        }
    }

    const fn seconds(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Millis => 1e-3,
            Self::Micros => 1e-6,
            Self::Nanos => 1e-9,
        }
    }
}

/// Reads how long something took: `0.123`, `12ms`; `None` where there is none (`-`, nothing).
///
/// # Errors
/// What is wrong with it.
pub(super) fn duration(text: &[u8], unit: Unit) -> Result<Option<Duration>, String> {
    let text = text.trim_ascii();
    if matches!(text, b"" | b"-" | b"null") {
        return Ok(None);
    }
    let shown = || excerpt(text);
    let number = |what: &str| format!("duration {}: {what}", shown());
    let text = std::str::from_utf8(text).map_err(|_| number("should be a number"))?;
    let tail = text.trim_end_matches(|c: char| c.is_alphabetic());
    let (name, tail) = match text.strip_prefix(tail) {
        // `inf` and `nan` are numbers for some.
        Some(name) if !tail.is_empty() => (name, tail),
        _ => ("", text),
    };
    let seconds = match UNITS.iter().find(|(unit, _)| *unit == name) {
        Some(("", _)) => unit.seconds(),
        Some((_, seconds)) => *seconds,
        None => {
            return Err(number(
                "should be a number, or one with ns, us, ms, s, m or h",
            ));
        }
    };
    let value: f64 = tail
        .trim_end()
        .parse()
        .map_err(|_| number("should be a number"))?;
    seconds_of(value * seconds).map(Some).map_err(number)
}

/// A duration of so many seconds.
///
/// # Errors
/// What would be right.
pub(super) fn seconds_of(seconds: f64) -> Result<Duration, &'static str> {
    if seconds.is_nan() || seconds < 0.0 {
        Err("should be 0 or more")
    } else if seconds > MOST_SECONDS {
        Err("should be at most 10000h")
    } else {
        Ok(Duration::from_secs_f64(seconds))
    }
}

/// The first 60 characters of something that is wrong.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let head = bytes.get(..240).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { '.' } else { c })
        .take(60)
        .collect();
    if bytes.len() > shown.len() && text.chars().nth(60).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Option<Duration> {
        duration(text.as_bytes(), Unit::Millis).unwrap()
    }

    #[test]
    fn a_unit_of_its_own_beats_that_of_the_column() {
        assert_eq!(millis("12"), Some(Duration::from_millis(12)));
        assert_eq!(millis("12s"), Some(Duration::from_secs(12)));
        assert_eq!(millis("1.5 ms"), Some(Duration::from_micros(1500)));
        assert_eq!(millis("7e-1"), Some(Duration::from_micros(700)));
        assert_eq!(millis("-"), None);
    }

    #[test]
    fn the_rest_is_refused_with_what_would_be_right() {
        for (text, part) in [
            ("-0.5", "0 or more"),
            ("nan", "0 or more"),
            ("inf", "at most"),
            ("1e99", "at most"),
            ("fast", "a number"),
            ("12 parsecs", "ns, us, ms"),
        ] {
            let wrong = duration(text.as_bytes(), Unit::Seconds).unwrap_err();
            assert!(wrong.contains(part) && wrong.contains(text), "{wrong}");
        }
    }

    #[test]
    fn a_column_says_its_unit() {
        for (name, unit) in [
            ("latency_ms", Unit::Millis),
            ("durationMs", Unit::Millis),
            ("elapsed_us", Unit::Micros),
            ("took_ns", Unit::Nanos),
            ("request_time", Unit::Seconds),
        ] {
            assert_eq!(Unit::of_column(name), unit, "{name}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_has_no_control_characters() {
        assert_eq!(excerpt(b"a\x1b[31m"), "a.[31m");
        assert_eq!(excerpt(&[b'x'; 1000]).len(), 63);
        assert!(excerpt(&[0xff; 1000]).chars().count() <= 63);
    }
}
