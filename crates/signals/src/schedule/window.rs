// SPDX-License-Identifier: Apache-2.0
use std::cmp::Reverse;

use cheerful_manifest::{Cron, ScheduleSpec, Zone};
use jiff::Timestamp;

use super::begins;

/// At least so many replicas for a while after each moment that a cron expression names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What people call it.
    pub name: String,
    /// When it begins.
    pub cron: Cron,
    /// By whose clock.
    pub zone: Zone,
    /// How long it lasts, by a clock that nobody sets.
    pub seconds: u32,
    /// Least replicas while it is on.
    pub min: u32,
}

/// The schedule that counts: of those that are on the one with the largest minimum, and of these the one that is on
/// for longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct On<'a> {
    /// Which.
    pub schedule: &'a Schedule,
    /// When it ends, in seconds since 1970; `None`: it begins again each time before it ends, as far as was looked.
    pub until: Option<i64>,
}

/// Begins after which no end is looked for, where each comes before the last has ended.
const CHAIN: usize = 16;

/// Which schedule counts at a moment, in seconds since 1970.
#[must_use]
pub fn on(schedules: &[Schedule], at: i64) -> Option<On<'_>> {
    let on = schedules
        .iter()
        .enumerate()
        .filter_map(|(index, schedule)| {
            let until = schedule.until(at)?;
            Some((index, On { schedule, until }))
        });
    on.max_by_key(|(index, on)| {
        (
            on.schedule.min,
            on.until.unwrap_or(i64::MAX),
            Reverse(*index),
        )
    })
    .map(|(_, on)| on)
}

/// The next moment at which [`on`] may be another, within 400 days.
#[must_use]
pub fn next_change(schedules: &[Schedule], at: i64) -> Option<i64> {
    let changes = schedules.iter().flat_map(|schedule| {
        let end = schedule
            .begun(at)
            .map(|begin| begin + i64::from(schedule.seconds));
        [begins::next(&schedule.cron, &schedule.zone, at), end]
    });
    changes.flatten().min()
}

impl Schedule {
    /// What a manifest says.
    ///
    /// # Errors
    /// What is wrong and what would be right: nothing once the manifest is checked.
    pub fn read(spec: &ScheduleSpec) -> Result<Self, String> {
        let seconds = spec.lasts.map_or(0, |lasts| lasts.0.as_secs());
        Ok(Self {
            name: spec.name().to_owned(),
            cron: spec
                .begins()
                .map_err(|wrong| format!("cron: {:?}: {wrong}", spec.cron))?,
            zone: spec.zone().map_err(|wrong| {
                format!(
                    "timeZone: {:?}: {wrong}",
                    spec.time_zone.as_deref().unwrap_or_default()
                )
            })?,
            seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            min: spec.min,
        })
    }

    /// When it began last, if it is still on.
    fn begun(&self, at: i64) -> Option<i64> {
        let since = at.checked_sub(i64::from(self.seconds))?;
        begins::last(&self.cron, &self.zone, since, at)
    }

    /// If it is on: until when.
    fn until(&self, at: i64) -> Option<Option<i64>> {
        let mut begin = self.begun(at)?;
        for _ in 0..CHAIN {
            let end = begin + i64::from(self.seconds);
            match begins::next(&self.cron, &self.zone, begin) {
                Some(next) if next <= end => begin = next,
                _ => return Some(Some(end)),
            }
        }
        Some(None)
    }
}

impl On<'_> {
    /// What people are told of its end: `until 18:00 Europe/Berlin`, with the day where it is another than that of `at`.
    #[must_use]
    pub fn until_text(&self, at: i64) -> Option<String> {
        let zone = &self.schedule.zone;
        let local = |at: i64| Some(zone.rules().to_datetime(Timestamp::from_second(at).ok()?));
        let (now, end) = (local(at)?, local(self.until?)?);
        let format = if now.date() == end.date() {
            "%H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        Some(format!("until {} {zone}", end.strftime(format)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn schedule(name: &str, cron: &str, zone: &str, hours: u32, min: u32) -> Schedule {
        Schedule {
            name: name.to_owned(),
            cron: cron.parse().unwrap(),
            zone: zone.parse().unwrap(),
            seconds: hours * 3600,
            min,
        }
    }

    fn said(schedules: &[Schedule], now: &str) -> String {
        let now = at(now);
        on(schedules, now).map_or_else(String::new, |on| {
            let until = on.until_text(now).unwrap_or_else(|| "always".to_owned());
            format!("{} {} {until}", on.schedule.name, on.schedule.min)
        })
    }

    #[test]
    fn office_hours() {
        let office = [schedule(
            "office",
            "0 8 * * mon-fri",
            "Europe/Berlin",
            10,
            5,
        )];
        // 24 November 2026 is a Tuesday.
        for (now, expected) in [
            ("2026-11-24T06:59:59Z", ""),
            ("2026-11-24T07:00:00Z", "office 5 until 18:00 Europe/Berlin"),
            ("2026-11-24T16:59:59Z", "office 5 until 18:00 Europe/Berlin"),
            ("2026-11-24T17:00:00Z", ""),
            ("2026-11-28T10:00:00Z", ""),
            ("2026-07-06T06:00:00Z", "office 5 until 18:00 Europe/Berlin"),
        ] {
            assert_eq!(said(&office, now), expected, "{now}");
        }
        let changes = |now: &str| {
            Timestamp::from_second(next_change(&office, at(now)).unwrap())
                .unwrap()
                .to_string()
        };
        assert_eq!(changes("2026-11-24T06:59:59Z"), "2026-11-24T07:00:00Z");
        assert_eq!(changes("2026-11-24T07:00:00Z"), "2026-11-24T17:00:00Z");
        assert_eq!(
            changes("2026-11-27T17:00:00Z"),
            "2026-11-30T07:00:00Z",
            "over the weekend"
        );
    }

    #[test]
    fn it_lasts_as_long_on_a_day_of_23_hours() {
        let night = [schedule("night", "0 22 * * *", "Europe/Berlin", 8, 1)];
        assert_eq!(
            said(&night, "2026-03-28T21:00:00Z"),
            "night 1 until 2026-03-29 07:00 Europe/Berlin"
        );
        assert_eq!(
            said(&night, "2026-10-24T20:00:00Z"),
            "night 1 until 2026-10-25 05:00 Europe/Berlin"
        );
    }

    #[test]
    fn the_largest_counts_then_the_longest_then_the_first() {
        let all = [
            schedule("day", "0 0 * * *", "UTC", 24, 2),
            schedule("noon", "0 12 * * *", "UTC", 1, 7),
            schedule("late noon", "0 12 * * *", "UTC", 2, 7),
            schedule("also late noon", "0 12 * * *", "UTC", 2, 7),
        ];
        assert_eq!(said(&all, "2026-11-24T11:00:00Z"), "day 2 always");
        assert_eq!(
            said(&all, "2026-11-24T12:00:00Z"),
            "late noon 7 until 14:00 UTC"
        );
        assert_eq!(
            next_change(&all, at("2026-11-24T12:00:00Z")),
            Some(at("2026-11-24T13:00:00Z"))
        );
        assert_eq!(on(&[], 0), None);
        assert_eq!(next_change(&[], 0), None);
    }

    #[test]
    fn what_begins_again_before_it_ends_is_one() {
        let twice = [schedule("twice", "0 8,10 * * *", "UTC", 3, 2)];
        assert_eq!(
            said(&twice, "2026-11-24T08:00:00Z"),
            "twice 2 until 13:00 UTC"
        );
        let week = [schedule("week", "0 0 * * mon-fri", "UTC", 24, 2)];
        assert_eq!(
            said(&week, "2026-11-24T08:00:00Z"),
            "week 2 until 2026-11-28 00:00 UTC"
        );
    }

    #[test]
    fn any_moment_can_be_asked() {
        let one = [schedule("one", "* * * * *", "UTC", 1000, 2)];
        for at in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(on(&one, at).is_none(), at.unsigned_abs() > 1 << 40);
            assert_eq!(next_change(&one, at).is_none(), at.unsigned_abs() > 1 << 40);
        }
    }
}
