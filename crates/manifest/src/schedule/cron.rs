// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr};

use jiff::civil::Date;

use super::field::{Field, Numbers};

/// Moments by the clock on the wall, as cron has them: minute, hour, day of the month, month, day of the week. Where
/// neither of the two days begins with `*` one of them suffices, else both must be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Numbers,
    hours: Numbers,
    days: Numbers,
    months: Numbers,
    weekdays: Numbers,
}

/// Why a text is no cron expression: what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "should be a cron expression of five fields, minute, hour, day of the month, month and day of the week, such as \
     \"0 8 * * mon-fri\"{0}"
)]
pub struct NotACron(String);

const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of the month", 1, 31, &[]),
    field(
        "month",
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    field(
        "day of the week",
        0,
        7,
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

const fn field(name: &'static str, first: u32, last: u32, words: &'static [&'static str]) -> Field {
    Field {
        name,
        first,
        last,
        words,
    }
}

impl Cron {
    /// The longest text that is read.
    pub const LONGEST: usize = 100;

    /// Whether it is so on some minutes of this day.
    #[must_use]
    pub fn has_day(&self, day: Date) -> bool {
        let number = |number: i8| u32::from(number.unsigned_abs());
        let by_month = self.days.has(number(day.day()));
        let by_week = self
            .weekdays
            .has(number(day.weekday().to_sunday_zero_offset()));
        self.months.has(number(day.month()))
            && match self.days.any || self.weekdays.any {
                true => by_month && by_week,
                false => by_month || by_week,
            }
    }

    /// Hour and minute of such a day, in order.
    pub fn times(&self) -> impl DoubleEndedIterator<Item = (i8, i8)> + '_ {
        let hours = (0..24_i8).filter(|hour| self.hours.has(u32::from(hour.unsigned_abs())));
        hours.flat_map(|hour| {
            let minutes =
                (0..60_i8).filter(|minute| self.minutes.has(u32::from(minute.unsigned_abs())));
            minutes.map(move |minute| (hour, minute))
        })
    }

    /// Whether it is meant as every so many hours rather than at a time of the day: its hour begins with `*`.
    #[must_use]
    pub const fn is_each_hour(&self) -> bool {
        self.hours.any
    }

    /// Whether any day has it. Each pair of date and weekday comes again within 40 years.
    fn has_any_day(&self) -> bool {
        let mut day = Date::constant(2024, 1, 1);
        let end = Date::constant(2064, 1, 1);
        while day < end {
            if self.has_day(day) {
                return true;
            }
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => return false,
            }
        }
        false
    }
}

impl FromStr for Cron {
    type Err = NotACron;

    fn from_str(text: &str) -> Result<Self, NotACron> {
        let wrong = |why: &str| NotACron(why.to_owned());
        if text.len() > Self::LONGEST {
            return Err(wrong(", of at most 100 characters"));
        }
        if text.starts_with('@') {
            return Err(wrong("; @daily is \"0 0 * * *\""));
        }
        let parts: Vec<&str> = text.split_ascii_whitespace().collect();
        let Ok(parts) = <[&str; 5]>::try_from(parts.as_slice()) else {
            let count = parts.len();
            return Err(NotACron(format!("; here are {count}")));
        };
        let mut numbers = [Numbers {
            bits: 0,
            any: false,
        }; 5];
        for ((field, part), into) in FIELDS.iter().zip(parts).zip(&mut numbers) {
            *into = field
                .read(part)
                .map_err(|why| NotACron(format!("; {why}")))?;
        }
        let [minutes, hours, days, months, mut weekdays] = numbers;
        // Both 0 and 7 are Sunday.
        weekdays.bits |= weekdays.bits >> 7;
        let cron = Self {
            text: parts.join(" "),
            minutes,
            hours,
            days,
            months,
            weekdays,
        };
        match cron.has_any_day() {
            true => Ok(cron),
            false => Err(wrong("; no month has this day")),
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(text: &str) -> Cron {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn times(text: &str) -> Vec<(i8, i8)> {
        cron(text).times().collect()
    }

    fn days(text: &str) -> Vec<i8> {
        let cron = cron(text);
        // A month that begins on a Sunday.
        let days = (1..=30).map(|day| Date::constant(2026, 11, day));
        days.filter(|day| cron.has_day(*day))
            .map(Date::day)
            .collect()
    }

    #[test]
    fn times_of_a_day() {
        assert_eq!(times("0 8 * * *"), [(8, 0)]);
        assert_eq!(times("*/30 1,3 * * *"), [(1, 0), (1, 30), (3, 0), (3, 30)]);
        assert_eq!(times("10-40/15 05 * * *"), [(5, 10), (5, 25), (5, 40)]);
        assert_eq!(times("50/5 0 * * *"), [(0, 50), (0, 55)]);
        assert_eq!(times("* * * * *").len(), 1440);
        assert!(cron("0 */2 * * *").is_each_hour() && !cron("* 0-23 * * *").is_each_hour());
    }

    #[test]
    fn days_of_a_month() {
        assert_eq!(days("0 0 * * SUN"), [1, 8, 15, 22, 29]);
        assert_eq!(days("0 0 * * 0"), days("0 0 * * 7"));
        assert_eq!(days("0 0 * nov sat-sun"), [1, 7, 8, 14, 15, 21, 22, 28, 29]);
        assert_eq!(days("0 0 * * sun-mon").len(), 10);
        assert_eq!(days("0 0 13 * fri"), [6, 13, 20, 27], "either suffices");
        assert_eq!(
            days("0 0 13 * ?"),
            [13],
            "a day that begins with * hinders nothing"
        );
        assert_eq!(
            days("0 0 */7 * sun"),
            [1, 8, 15, 22, 29],
            "both must be right"
        );
        assert_eq!(days("0 0 29 2 *"), [] as [i8; 0]);
        assert!(cron("0 0 29 2 *").has_day(Date::constant(2028, 2, 29)));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (text, why) in [
            ("", "; here are 0"),
            ("0 0 8 * * mon", "; here are 6"),
            ("@daily", "; @daily is \"0 0 * * *\""),
            (
                "60 8 * * *",
                "; its minute is \"60\" and should be * or a number from 0 to 59",
            ),
            (
                "0 24 * * *",
                "; its hour is \"24\" and should be * or a number from 0 to 23",
            ),
            (
                "0 -8 * * *",
                "; its hour is \"\" and should be * or a number from 0 to 23",
            ),
            (
                "0 8 0 * *",
                "; its day of the month is \"0\" and should be * or a number from 1 to 31",
            ),
            (
                "0 8 * foo *",
                "; its month is \"foo\" and should be * or a number from 1 to 12, or jan to dec",
            ),
            (
                "0 8 * * mon-fry",
                "; its day of the week is \"fry\" and should be * or a number from 0 to 7, or sun to sat",
            ),
            (
                "0 22-6 * * *",
                "; its hour \"22-6\" should not end before it begins: write two, with a comma between",
            ),
            (
                "*/0 8 * * *",
                "; the step of its minute is \"0\" and should be a number from 1 to 59",
            ),
            (
                "0 8, * * *",
                "; its hour is \"\" and should be * or a number from 0 to 23",
            ),
            ("0 8 30 2 *", "; no month has this day"),
        ] {
            let error = text.parse::<Cron>().unwrap_err();
            assert_eq!(error.0, why, "{text}");
        }
        assert!("0 ".repeat(60).parse::<Cron>().is_err());
    }
}
