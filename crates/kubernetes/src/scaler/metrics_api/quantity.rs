// SPDX-License-Identifier: Apache-2.0
use std::str::FromStr;

/// An amount as Kubernetes writes it: `250m`, `1.5Gi`, `12e6`, `3`. The number nearest to it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Quantity(pub(crate) f64);

/// A text that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no quantity, such as 250m or 1.5Gi")]
pub(crate) struct NotAQuantity(String);

/// Of a text that is told.
const MOST_WORDS: usize = 64;

/// Powers of 1024.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Powers of ten.
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let wrong = || NotAQuantity(text.chars().take(MOST_WORDS).collect());
        let signed = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = signed
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(signed.len());
        let (digits, ending) = signed.split_at(end);
        let is_number = digits.bytes().any(|byte| byte != b'.')
            && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
        if !is_number {
            return Err(wrong());
        }
        // The number is read with its power of ten, so that it is rounded once; a power of two rounds nothing.
        let binary = (BINARY.iter().zip(1..)).find(|(name, _)| **name == ending);
        let decimal = DECIMAL.iter().find(|(name, _)| *name == ending);
        let (power, times) = match (binary, decimal) {
            (Some((_, power)), _) => (0, 1024_f64.powi(power)),
            (None, Some((_, power))) => (*power, 1.0),
            (None, None) => (exponent(ending).ok_or_else(wrong)?, 1.0),
        };
        let size: f64 = format!("{digits}e{power}").parse().map_err(|_| wrong())?;
        let size = size * times;
        if !size.is_finite() {
            return Err(wrong());
        }
        Ok(Self(if text.starts_with('-') { -size } else { size }))
    }
}

/// What stands after `e` or `E`.
fn exponent(ending: &str) -> Option<i32> {
    let power = ending.strip_prefix(['e', 'E'])?;
    let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    power.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<f64> {
        text.parse().ok().map(|Quantity(number)| number)
    }

    #[test]
    fn every_form_of_a_quantity() {
        for (text, expected) in [
            ("0", 0.0),
            ("3", 3.0),
            ("+3", 3.0),
            ("-3", -3.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("0.1", 0.1),
            ("100m", 0.1),
            ("250m", 0.25),
            ("1500m", 1.5),
            ("-250m", -0.25),
            ("156340n", 0.000_156_34),
            ("12345678n", 0.012_345_678),
            ("7u", 0.000_007),
            ("1k", 1e3),
            ("1.5M", 1.5e6),
            ("2G", 2e9),
            ("2T", 2e12),
            ("2P", 2e15),
            ("2E", 2e18),
            ("1Ki", 1024.0),
            ("0.5Ki", 512.0),
            ("400Mi", 419_430_400.0),
            ("1.5Gi", 1_610_612_736.0),
            ("1Ti", 1_099_511_627_776.0),
            ("1Pi", 1_125_899_906_842_624.0),
            ("1Ei", 1_152_921_504_606_846_976.0),
            ("12e6", 12e6),
            ("12E6", 12e6),
            ("12e+6", 12e6),
            ("1.2e-3", 0.0012),
            ("3e0", 3.0),
            ("9223372036854775807", 9_223_372_036_854_775_807.0),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        for text in [
            "", "m", ".", "-", "+", "1 ", " 1", "1mi", "1KI", "1K", "1kk", "1e", "1e+", "1e1.5",
            "1E5m", "1.2.3", "--1", "1e9999", "NaN", "inf", "0x10", "1_000", "1,5", "1Mi3", "١",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let long = "9".repeat(400);
        let why = long.parse::<Quantity>().unwrap_err().to_string();
        assert!(why.len() < 120, "{why}");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(text in ".{0,40}") {
            if let Some(number) = read(&text) {
                prop_assert!(number.is_finite());
            }
        }

        #[test]
        fn thousandths_are_what_they_say(number in 0..9_000_000_000_000_u64) {
            #[expect(clippy::cast_precision_loss, reason = "less than 2^53")]
            let expected = number as f64 / 1000.0;
            prop_assert_eq!(read(&format!("{number}m")), Some(expected));
        }
    }
}
