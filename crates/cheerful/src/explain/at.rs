// SPDX-License-Identifier: Apache-2.0
//! `--at 03:12`: what held at a moment that is over.
use cheerful_autoscaler::DecisionLine;
use jiff::{Timestamp, civil::Time};
use serde::Serialize;

use super::{decided, logs};

/// Decisions that are told on each side of the moment.
const AROUND: usize = 8;

/// A moment that is over, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(u64);

impl At {
    /// Reads `03:12` or `03:12:30`, the last time that the clock (UTC, as all that is printed) showed that, or a whole
    /// date and time as of RFC 3339.
    ///
    /// # Errors
    /// It is neither, or has not come yet.
    pub(super) fn read(text: &str, now_unix_seconds: u64) -> Result<Self, String> {
        const DAY: u64 = 86_400;
        let wrong = "should be a time of day in UTC such as 03:12, or 2026-01-31T03:12:00+01:00";
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return match u64::try_from(timestamp.as_second()) {
                Ok(second) if second <= now_unix_seconds => Ok(Self(second)),
                Ok(_) => Err(format!(
                    "is still to come; it is {} now",
                    logs::time_of_day(now_unix_seconds)
                )),
                Err(_) => Err(wrong.to_owned()),
            };
        }
        let text = text.strip_suffix('Z').unwrap_or(text);
        let is_clock = text
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == ':');
        let time: Time = match text.parse() {
            Ok(time) if is_clock && text.contains(':') => time,
            _ => return Err(wrong.to_owned()),
        };
        let parts = [time.hour(), time.minute(), time.second()];
        let second = parts
            .into_iter()
            .fold(0, |sum, part| sum * 60 + u64::from(part.unsigned_abs()));
        let today = now_unix_seconds - now_unix_seconds % DAY;
        let moment = today + second;
        Ok(Self(if moment > now_unix_seconds {
            moment.saturating_sub(DAY)
        } else {
            moment
        }))
    }
}

/// What is told of that moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Then<'a> {
    revision: &'a str,
    /// The moment.
    unix_millis: u64,
    /// Oldest first.
    before: &'a [DecisionLine],
    /// The decision that held.
    held: &'a DecisionLine,
    after: &'a [DecisionLine],
}

impl<'a> Then<'a> {
    /// Finds the decision that held, of decisions whose newest is last.
    ///
    /// # Errors
    /// The moment is before the first that is known.
    pub(super) fn find(
        revision: &'a str,
        decisions: &'a [DecisionLine],
        at: At,
    ) -> Result<Self, String> {
        let unix_millis = at.0.saturating_mul(1000);
        // A moment is told by the second, and a decision within that second is meant as well.
        let found = decisions
            .iter()
            .enumerate()
            .rfind(|(_, decision)| decision.began_unix_millis() / 1000 <= at.0);
        let Some((index, held)) = found else {
            let kept = match decisions.first() {
                None => "nothing was decided yet".to_owned(),
                Some(oldest) => format!(
                    "the decisions that are kept begin at {}",
                    logs::time_of_day(oldest.began_unix_millis() / 1000)
                ),
            };
            return Err(format!(
                "{revision}: {kept}; what was before is known only if it was recorded \
                 (`cheerful run --record FILE`, then `cheerful replay FILE`)"
            ));
        };
        let (before, from) = decisions.split_at(index);
        let after = from.get(1..).unwrap_or_default();
        Ok(Self {
            revision,
            unix_millis,
            before: before.get(index.saturating_sub(AROUND)..).unwrap_or(before),
            held,
            after: after.get(..AROUND).unwrap_or(after),
        })
    }

    /// A heading, and a line for each decision; that which held is marked.
    pub(super) fn in_words(&self) -> String {
        let mut text = format!(
            "{} at {}: {} wanted\n",
            self.revision,
            logs::time_of_day(self.unix_millis / 1000),
            crate::words::count(self.held.replicas.into(), "replica")
        );
        let marked = self
            .before
            .iter()
            .map(|decision| (' ', decision))
            .chain([('>', self.held)])
            .chain(self.after.iter().map(|decision| (' ', decision)));
        for (mark, decision) in marked {
            text += &format!("{mark} {}", decided(decision));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::line, *};

    /// 2026-11-24T09:25:07Z
    const NOW: u64 = 1_795_512_307;

    #[test]
    fn a_time_of_day_is_the_last_one() {
        let read = |text| At::read(text, NOW);
        let midnight = NOW - NOW % 86_400;
        assert_eq!(read("03:12"), Ok(At(midnight + 3 * 3600 + 12 * 60)));
        assert_eq!(
            read("03:12:30Z"),
            Ok(At(midnight + 3 * 3600 + 12 * 60 + 30))
        );
        assert_eq!(read("09:25:07"), Ok(At(NOW)));
        assert_eq!(
            read("09:26"),
            Ok(At(midnight + 9 * 3600 + 26 * 60 - 86_400))
        );
        assert_eq!(read("2026-11-24T09:25:07Z"), Ok(At(NOW)));
        assert_eq!(read("2026-11-24T10:25:00+01:00"), Ok(At(NOW - 7)));
    }

    #[test]
    fn what_is_no_moment_that_is_over_is_refused() {
        let refused = |text| At::read(text, NOW).unwrap_err();
        for text in [
            "",
            "3",
            "0312",
            "25:00",
            "03:12+02:00",
            "yesterday",
            "1960-01-01T00:00:00Z",
        ] {
            assert!(refused(text).contains("03:12"), "{text}");
        }
        assert_eq!(
            refused("2026-11-24T09:25:08Z"),
            "is still to come; it is 09:25:07Z now"
        );
    }

    /// Decisions so many seconds before now, with how many replicas.
    fn decisions(of: &[(u64, u32)]) -> Vec<DecisionLine> {
        let made = of.iter().map(|(ago, replicas)| DecisionLine {
            unix_millis: (NOW - ago) * 1000 + 400,
            replicas: *replicas,
            sentence: format!("-> {replicas}"),
            times: 1,
            ..line()
        });
        made.collect()
    }

    #[test]
    fn the_one_that_held_is_marked_among_its_neighbours() {
        let mut all = decisions(&[(300, 1), (180, 3), (60, 2)]);
        all[2].since_unix_millis = Some((NOW - 120) * 1000);
        all[2].times = 31;
        let told = |ago| Then::find("hello", &all, At(NOW - ago)).unwrap().in_words();
        insta::assert_snapshot!(told(150), @r"
        hello at 09:22:37Z: 3 replicas wanted
          09:20:07Z  -> 1
        > 09:22:07Z  -> 3
          09:24:07Z  -> 2 (31 times since 09:23:07Z)
        ");
        insta::assert_snapshot!(told(119), @r"
        hello at 09:23:08Z: 2 replicas wanted
          09:20:07Z  -> 1
          09:22:07Z  -> 3
        > 09:24:07Z  -> 2 (31 times since 09:23:07Z)
        ");
        assert!(
            told(180).starts_with("hello at 09:22:07Z: 3 replicas"),
            "within its second"
        );
    }

    #[test]
    fn before_the_first_it_says_from_when_on_it_is_known() {
        let all = decisions(&[(300, 1)]);
        let failed = Then::find("hello", &all, At(NOW - 301)).unwrap_err();
        assert!(
            failed.starts_with("hello: the decisions that are kept begin at 09:20:07Z; "),
            "{failed}"
        );
        let none = Then::find("hello", &[], At(NOW)).unwrap_err();
        assert!(
            none.starts_with("hello: nothing was decided yet; "),
            "{none}"
        );
    }

    #[test]
    fn only_near_ones_are_told() {
        let many: Vec<(u64, u32)> = (0..100).map(|n| (1000 - n * 10, 1)).collect();
        let all = decisions(&many);
        let then = Then::find("hello", &all, At(NOW - 500)).unwrap();
        assert_eq!((then.before.len(), then.after.len()), (AROUND, AROUND));
        let as_json = serde_json::to_value(&then).unwrap();
        assert_eq!(as_json["held"]["unixMillis"], (NOW - 500) * 1000 + 400);
    }
}
