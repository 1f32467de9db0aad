// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr, time::Duration};

use cheerful_manifest::DurationText;

use super::SpecError;
use crate::Law;

impl FromStr for Law {
    type Err = SpecError;

    /// Reads `50ms` or `constant:50ms`, `exp:50ms` (the mean), `uniform:10ms:90ms`, `lognormal:50ms:1.2` (the median,
    /// and the deviation of the natural logarithm), `pareto:10ms:2.5` (the least, and the power of the tail).
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let wrong = |expected: &str| SpecError::new("law", text, expected);
        let mut parts = text.trim().split(':');
        let (name, first) = match (parts.next().unwrap_or_default(), parts.next()) {
            (duration, None) => ("constant", duration),
            (name, Some(first)) => (name, first),
        };
        let (second, more) = (parts.next(), parts.next());
        let duration = |text: &str| {
            let read: Result<DurationText, _> = text.trim().parse();
            read.map(|read| read.0)
                .map_err(|error| wrong(&error.to_string()))
        };
        let number = |text: Option<&str>, what: &str| {
            let number = text.and_then(|text| text.trim().parse::<f64>().ok());
            let number = number.filter(|number| number.is_finite() && *number > 0.0);
            number.ok_or_else(|| wrong(what))
        };
        let takes_one = matches!(name, "constant" | "exp" | "exponential");
        if more.is_some() || (takes_one && second.is_some()) {
            return Err(wrong(EXPECTED));
        }
        match name {
            "constant" => Ok(Self::Constant(duration(first)?)),
            "exp" | "exponential" => Ok(Self::Exponential(duration(first)?)),
            "uniform" => {
                let (low, high) = (duration(first)?, duration(second.unwrap_or_default())?);
                let rises = low <= high;
                rises
                    .then_some(Self::Uniform(low, high))
                    .ok_or_else(|| wrong("the second duration should be the longer one"))
            }
            "lognormal" => {
                let median = duration(first)?;
                if median == Duration::ZERO {
                    return Err(wrong("the median should be above 0"));
                }
                let sigma = number(
                    second,
                    "should be a median and a deviation: lognormal:50ms:1.2",
                )?;
                Ok(Self::LogNormal {
                    mu: median.as_secs_f64().ln(),
                    sigma,
                })
            }
            "pareto" => {
                let power = number(second, "should be the least and a power: pareto:10ms:2.5")?;
                let least = duration(first)?;
                Ok(Self::Pareto { least, power })
            }
            _ => Err(wrong(EXPECTED)),
        }
    }
}

const EXPECTED: &str = "should be a duration such as 50ms, or exp:50ms, uniform:10ms:90ms, lognormal:50ms:1.2 or \
     pareto:10ms:2.5";

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |duration: Duration| DurationText(duration);
        match *self {
            Self::Constant(duration) => write!(f, "{}", text(duration)),
            Self::Uniform(low, high) => write!(f, "uniform:{}:{}", text(low), text(high)),
            Self::Exponential(mean) => write!(f, "exp:{}", text(mean)),
            Self::LogNormal { mu, sigma } => {
                let median = Duration::from_secs_f64(mu.exp().clamp(0.0, 36e6));
                write!(f, "lognormal:{}:{sigma}", text(median))
            }
            Self::Pareto { least, power } => write!(f, "pareto:{}:{power}", text(least)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_written_as_they_are_read() {
        for text in [
            "50ms",
            "exp:1s500ms",
            "uniform:10ms:90ms",
            "lognormal:1s350ms:1.326",
            "pareto:10ms:2.5",
        ] {
            assert_eq!(text.parse::<Law>().unwrap().to_string(), text);
        }
        assert_eq!("constant:50ms".parse(), "50ms".parse::<Law>());
        assert_eq!("exponential:50ms".parse(), "exp:50ms".parse::<Law>());
    }

    #[test]
    fn the_rest_is_refused_with_what_would_be_right() {
        for (text, part) in [
            ("50", "did you mean 50s?"),
            ("", "should be a duration"),
            ("exp:50", "did you mean 50s?"),
            ("exp:50ms:1", "exp:50ms, uniform"),
            ("gamma:50ms", "pareto:10ms:2.5"),
            ("uniform:90ms:10ms", "the longer one"),
            ("lognormal:50ms", "lognormal:50ms:1.2"),
            ("lognormal:0s:1", "above 0"),
            ("pareto:1ms:nan", "a power"),
            ("pareto:1ms:2:3", "pareto:10ms:2.5"),
        ] {
            let wrong = text.parse::<Law>().unwrap_err().to_string();
            assert!(
                wrong.starts_with("law: ") && wrong.contains(part),
                "{wrong}"
            );
        }
    }
}
