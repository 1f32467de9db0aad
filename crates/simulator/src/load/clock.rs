// SPDX-License-Identifier: Apache-2.0

/// A time as a trace has it: somewhere from `micros` to before `micros + grain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Microseconds since 1970, or since whatever the trace counts from.
    pub(super) micros: i64,
    /// How exact it is: a second where the text has whole seconds, else 0.
    pub(super) grain: i64,
}

/// A time that cannot be read: what would be right.
pub(super) const EXPECTED: &str = "should be a time such as 2026-11-24T15:04:05.123Z, 24/Nov/2026:15:04:05 +0000 or 1795532645.123";

/// Microseconds in a second.
pub(super) const SECOND: i64 = 1_000_000;

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// The largest count of seconds, either way, that is taken for a time; about 3,000 years.
const MOST_SECONDS: f64 = 1e11;

/// Reads a time in any of the forms that traces have: RFC 3339 (also with a space, and without a zone, which is then
/// UTC), that of access logs, and a count since 1970 in seconds, milliseconds, microseconds or nanoseconds (told
/// apart by its size).
pub(super) fn read(text: &[u8]) -> Option<Stamp> {
    let text = text.trim_ascii();
    match text {
        [_, _, b'/', ..] => common_log(text),
        [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) => {
            calendar(text)
        }
        _ => count(text),
    }
}

/// `24/Nov/2026:15:04:05 +0000`, as in an access log.
fn common_log(text: &[u8]) -> Option<Stamp> {
    let mut rest = Scan(text);
    let day = rest.number(2)?;
    rest.byte(b'/')?;
    let name = rest.take(3)?;
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    rest.byte(b'/')?;
    let year = rest.number(4)?;
    rest.byte(b':')?;
    let days = days_since_1970(year, month as i64, day)?;
    rest.clock(days)
}

/// `2026-11-24T15:04:05.123Z`.
fn calendar(text: &[u8]) -> Option<Stamp> {
    let mut rest = Scan(text);
    let year = rest.number(4)?;
    rest.byte(b'-')?;
    let month = rest.number(2)?;
    rest.byte(b'-')?;
    let day = rest.number(2)?;
    rest.byte(b'T')
        .or_else(|| rest.byte(b' '))
        .or_else(|| rest.byte(b't'))?;
    rest.clock(days_since_1970(year, month, day)?)
}

fn count(text: &[u8]) -> Option<Stamp> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(whole) = text.parse::<i64>() {
        let micros = match whole.unsigned_abs() {
            0..100_000_000_000 => whole.checked_mul(SECOND)?,
            100_000_000_000..100_000_000_000_000 => whole.checked_mul(1_000)?,
            100_000_000_000_000..100_000_000_000_000_000 => whole,
            _ => whole / 1_000,
        };
        let grain = if micros == whole.wrapping_mul(SECOND) {
            SECOND
        } else {
            0
        };
        return Some(Stamp { micros, grain });
    }
    let seconds: f64 = text.parse().ok()?;
    // A count of milliseconds with a fraction is too large to be one of seconds.
    let seconds = match seconds.abs() {
        0.0..1e11 => seconds,
        1e11..1e14 => seconds / 1e3,
        1e14..1e17 => seconds / 1e6,
        _ => return None,
    };
    (seconds.abs() < MOST_SECONDS).then(|| Stamp {
        micros: (seconds * 1e6).round() as i64,
        grain: 0,
    })
}

/// Days from 1970-01-01 to a day of the Gregorian calendar (Hinnant, `days_from_civil`).
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// What is left of a text.
struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        self.take(digits)?.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i64::from(byte - b'0'))
        })
    }

    /// `15:04:05.123 +0000` to the end of the text.
    fn clock(&mut self, days: i64) -> Option<Stamp> {
        let hour = self.number(2)?;
        self.byte(b':')?;
        let minute = self.number(2)?;
        self.byte(b':')?;
        let second = self.number(2)?;
        // 60 is a leap second.
        if hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        let fraction = self.fraction()?;
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - self.zone()?;
        Some(Stamp {
            micros: seconds * SECOND + fraction.unwrap_or(0),
            grain: if fraction.is_some() { 0 } else { SECOND },
        })
    }

    /// Microseconds of `.123456789`; digits beyond them are cut.
    fn fraction(&mut self) -> Option<Option<i64>> {
        if self.byte(b'.').or_else(|| self.byte(b',')).is_none() {
            return Some(None);
        }
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit());
        let digits = self.take(digits.count())?;
        if digits.is_empty() {
            return None;
        }
        let micros = (0..6).fold(0, |micros, place| {
            let digit = digits.get(place).map_or(0, |digit| digit - b'0');
            micros * 10 + i64::from(digit)
        });
        Some(Some(micros))
    }

    /// Seconds of `Z`, `+01:00`, `+0100` or nothing, which is UTC.
    fn zone(&mut self) -> Option<i64> {
        let zone = self.0.trim_ascii();
        self.0 = zone;
        if zone.is_empty() || matches!(zone, b"Z" | b"z" | b"UTC") {
            return Some(0);
        }
        let sign = match self.take(1)? {
            b"+" => 1,
            b"-" => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.byte(b':');
        let minutes = self.number(2)?;
        self.0
            .is_empty()
            .then_some(sign * (hours * 60 + minutes) * 60)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(text: &str) -> i64 {
        let stamp = read(text.as_bytes());
        stamp
            .unwrap_or_else(|| panic!("{text} cannot be read"))
            .micros
    }

    #[test]
    fn the_forms_of_one_time_are_the_same() {
        let time = 1_795_532_645_000_000;
        for text in [
            "2026-11-24T15:04:05Z",
            "2026-11-24 15:04:05",
            "2026-11-24T16:04:05+01:00",
            "24/Nov/2026:15:04:05 +0000",
            "24/Nov/2026:14:34:05 -0030",
            "1795532645",
            "1795532645000",
            "1795532645000000",
            "1795532645000000000",
            " 1795532645.0 ",
        ] {
            assert_eq!(micros(text), time, "{text}");
        }
        assert_eq!(micros("2026-11-24T15:04:05.1234567Z"), time + 123_456);
        assert_eq!(micros("2026-11-24 15:04:05,5"), time + 500_000);
        assert_eq!(micros("1970-01-01T00:00:00Z"), 0);
        assert_eq!(micros("2000-02-29T00:00:00Z"), 951_782_400_000_000);
        assert_eq!(micros("7.9e-02"), 79_000);
        assert_eq!(micros("-1.5"), -1_500_000);
    }

    #[test]
    fn only_whole_seconds_are_coarse() {
        let grain = |text: &str| read(text.as_bytes()).unwrap().grain;
        assert_eq!(grain("24/Nov/2026:15:04:05 +0000"), SECOND);
        assert_eq!(grain("1795532645"), SECOND);
        assert_eq!(grain("1795532645123"), 0);
        assert_eq!(grain("2026-11-24T15:04:05.000Z"), 0);
    }

    #[test]
    fn the_rest_is_refused() {
        for text in [
            "",
            "-",
            "24/Nob/2026:15:04:05 +0000",
            "2026-13-01T00:00:00Z",
            "2026-11-24",
            "2026-11-24T15:04:05.Z",
            "2026-11-24T15:04:05+1",
            "1e300",
            "nan",
            "inf",
            "15:04:05",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            read(&bytes);
        }

        #[test]
        fn nor_what_is_nearly_a_time(text in "[0-9]{1,4}[-/][0-9A-Z]{1,3}[-/ ][0-9:T. +-]{0,30}") {
            read(text.as_bytes());
        }
    }
}
