// SPDX-License-Identifier: Apache-2.0
//! When a schedule begins. A time of day that does not exist, for the clock is set forward over it, begins as much later;
//! one that is there twice begins at the first, or at both where the hour of its cron expression begins with `*`.
use cheerful_manifest::{Cron, Zone};
use jiff::{
    Timestamp,
    civil::Date,
    tz::{AmbiguousOffset, Offset},
};

/// How far ahead is looked.
const AHEAD: u32 = 400;

/// The last begin after `since` and up to `at`, both in seconds since 1970.
pub(super) fn last(cron: &Cron, zone: &Zone, since: i64, at: i64) -> Option<i64> {
    let first_day = day_of(zone, since)?.yesterday().ok()?;
    let mut day = day_of(zone, at)?;
    let mut found = None;
    while day >= first_day {
        // A begin that was put off may have come over midnight: the day before is looked at too.
        let is_last = found.is_some();
        let begins = begins_of(cron, zone, day).filter(|begin| since < *begin && *begin <= at);
        found = begins.chain(found).max();
        if is_last {
            break;
        }
        day = day.yesterday().ok()?;
    }
    found
}

/// The first begin after `at`, within 400 days.
pub(super) fn next(cron: &Cron, zone: &Zone, at: i64) -> Option<i64> {
    let mut day = day_of(zone, at)?.yesterday().ok()?;
    let mut found = None;
    for _ in 0..AHEAD {
        let is_last = found.is_some();
        let begins = begins_of(cron, zone, day).filter(|begin| *begin > at);
        found = begins.chain(found).min();
        if is_last {
            break;
        }
        day = day.tomorrow().ok()?;
    }
    found
}

fn day_of(zone: &Zone, at: i64) -> Option<Date> {
    let at = Timestamp::from_second(at).ok()?;
    Some(zone.rules().to_datetime(at).date())
}

fn begins_of<'a>(cron: &'a Cron, zone: &'a Zone, day: Date) -> impl Iterator<Item = i64> + 'a {
    let times = cron.has_day(day).then(|| cron.times());
    let begins = times.into_iter().flatten().flat_map(move |(hour, minute)| {
        let time = day.at(hour, minute, 0, 0);
        let instant = |offset: Offset| Some(offset.to_timestamp(time).ok()?.as_second());
        match zone.rules().to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => [instant(offset), None],
            AmbiguousOffset::Gap { before, .. } => [instant(before), None],
            AmbiguousOffset::Fold { before, .. } if !cron.is_each_hour() => [instant(before), None],
            AmbiguousOffset::Fold { before, after } => [instant(before), instant(after)],
        }
    });
    begins.flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    /// The begins in a day and a half from `from` on, as UTC.
    fn begins(cron: &str, zone: &str, from: &str) -> Vec<String> {
        let (cron, zone) = (cron.parse().unwrap(), zone.parse().unwrap());
        let (mut now, end) = (at(from) - 1, at(from) + 36 * 3600);
        let mut seen = Vec::new();
        while let Some(begin) = next(&cron, &zone, now).filter(|begin| *begin < end) {
            assert_eq!(
                last(&cron, &zone, now, begin),
                Some(begin),
                "the same from behind"
            );
            assert_eq!(last(&cron, &zone, now, begin - 1), None);
            seen.push(
                Timestamp::from_second(begin)
                    .unwrap()
                    .strftime("%d %H:%M")
                    .to_string(),
            );
            now = begin;
        }
        seen
    }

    #[test]
    fn the_clock_is_set_forward() {
        // Berlin, 29 March 2026: 02:00 +1 is 03:00 +2.
        let spring = |cron: &str| begins(cron, "Europe/Berlin", "2026-03-28T23:00:00Z");
        assert_eq!(spring("0 8 * * *"), ["29 06:00", "30 06:00"]);
        assert_eq!(
            spring("30 2 * * *"),
            ["29 01:30", "30 00:30"],
            "30 minutes after the leap, not left out"
        );
        assert_eq!(spring("0 2 29 * *"), ["29 01:00"], "at the leap");
        let hours = spring("0 * * * *");
        assert_eq!(
            &hours[..4],
            ["28 23:00", "29 00:00", "29 01:00", "29 02:00"],
            "each hour once"
        );
        assert_eq!(hours.len(), 36);
        // Lord Howe goes by half an hour: 4 October 2026, 02:00 +10:30 is 02:30 +11.
        let howe = |cron: &str| begins(cron, "Australia/Lord_Howe", "2026-10-03T13:30:00Z");
        assert_eq!(howe("15 2 * * *"), ["03 15:45", "04 15:15"]);
    }

    #[test]
    fn the_clock_is_set_back() {
        // Berlin, 25 October 2026: 03:00 +2 is 02:00 +1.
        let autumn = |cron: &str| begins(cron, "Europe/Berlin", "2026-10-24T22:00:00Z");
        assert_eq!(
            autumn("30 2 * * *"),
            ["25 00:30", "26 01:30"],
            "the first of the two"
        );
        assert_eq!(
            autumn("30 * 25 * *")[..4],
            ["24 22:30", "24 23:30", "25 00:30", "25 01:30"],
            "both"
        );
        assert_eq!(autumn("0 8 * * *"), ["25 07:00", "26 07:00"]);
        // Santiago, 5 April 2026: 24:00 of the 4th -3 is 23:00 -4.
        let santiago = |cron: &str| begins(cron, "America/Santiago", "2026-04-04T12:00:00Z");
        assert_eq!(santiago("30 23 4 * *"), ["05 02:30"]);
        assert_eq!(santiago("0 0 5 * *"), ["05 04:00"]);
    }

    #[test]
    fn half_hours_leap_days_and_a_day_that_never_was() {
        assert_eq!(
            begins("0 9 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z"),
            ["01 03:30", "02 03:30"]
        );
        assert_eq!(
            begins("0 9 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z"),
            ["01 03:15", "02 03:15"]
        );
        assert_eq!(
            begins("0 0 29 2 *", "UTC", "2028-02-28T12:00:00Z"),
            ["29 00:00"]
        );
        let (leap, utc) = ("0 0 29 2 *".parse().unwrap(), Zone::utc());
        assert_eq!(
            next(&leap, &utc, at("2026-02-28T00:00:00Z")),
            None,
            "further than is looked"
        );
        assert_eq!(
            next(&leap, &utc, at("2027-02-28T00:00:00Z")),
            Some(at("2028-02-29T00:00:00Z"))
        );
        // Samoa had no 30 December 2011: what begins there begins a day later.
        assert_eq!(
            begins("0 8 30 * *", "Pacific/Apia", "2011-12-29T12:00:00Z"),
            ["30 18:00"]
        );
    }

    #[test]
    fn the_ends_of_time_are_no_begin() {
        let (cron, utc) = ("* * * * *".parse().unwrap(), Zone::utc());
        for now in [i64::MIN, i64::MAX, -400_000_000_000, 300_000_000_000] {
            assert_eq!(
                (last(&cron, &utc, now, now), next(&cron, &utc, now)),
                (None, None)
            );
        }
    }

    const ZONES: [&str; 6] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/Santiago",
    ];

    proptest! {
        /// Where no clock is set within three days, the begins are the minutes whose numbers are right.
        #[test]
        fn begins_are_the_minutes_that_look_so(
            minute in 0..60_u32, hours in proptest::collection::btree_set(0..24_u32, 1..4), weekday in 0..7_u32,
            zone in proptest::sample::select(&ZONES[..]), now in 1_700_000_000..1_900_000_000_i64,
        ) {
            let hours: BTreeSet<_> = hours.iter().map(ToString::to_string).collect();
            let hours = hours.into_iter().collect::<Vec<_>>().join(",");
            let cron: Cron = format!("{minute} {hours} * * {weekday}").parse().unwrap();
            let zone: Zone = zone.parse().unwrap();
            let offset = |at: i64| zone.rules().to_offset(Timestamp::from_second(at).unwrap());
            const DAYS: i64 = 3 * 86_400;
            prop_assume!(offset(now - DAYS) == offset(now + DAYS));
            let looks_so = |at: i64| {
                let local = zone.rules().to_datetime(Timestamp::from_second(at).unwrap());
                cron.has_day(local.date()) && cron.times().any(|time| time == (local.hour(), local.minute()))
            };
            let whole = now - now.rem_euclid(60);
            let behind = (0..2 * 1440).map(|back| whole - back * 60).filter(|at| *at > now - DAYS).find(|at| looks_so(*at));
            prop_assert_eq!(last(&cron, &zone, now - 2 * 86_400, now), behind.filter(|at| *at > now - 2 * 86_400));
            let ahead = (1..=2 * 1440).map(|ahead| whole + ahead * 60).find(|at| looks_so(*at));
            let found = next(&cron, &zone, now).filter(|at| *at <= whole + 2 * 86_400);
            prop_assert_eq!(found, ahead);
        }
    }
}
