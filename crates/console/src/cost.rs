// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

use serde::Serialize;

const HOUR: u64 = 3600;
/// Hours that are summed.
const HOURS: u64 = 24;

/// What a revision's replicas cost over the last 24 hours, hour by hour.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    hours: VecDeque<Hour>,
    last: Option<u64>,
}

#[derive(Debug, Default)]
struct Hour {
    /// Hours since 1970.
    number: u64,
    watched_seconds: u64,
    replica_seconds: u64,
    most: u32,
}

/// The sum, in replica-hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bill {
    /// What there was: ready, starting and draining replicas.
    pub(crate) replica_hours: f64,
    /// What it would have been with as many replicas as there ever were, all the time.
    pub(crate) always_on_hours: f64,
    /// How many that is.
    pub(crate) most: u32,
    /// Over how long.
    pub(crate) hours: f64,
}

/// A longer gap between two looks is not counted: nobody knows what was there.
const LONGEST_GAP: u64 = 120;

impl Cost {
    /// Takes how many replicas there are at a second since 1970.
    pub(crate) fn take(&mut self, second: u64, replicas: u32) {
        let passed = self.last.map_or(0, |last| second.saturating_sub(last));
        self.last = Some(second);
        let passed = if passed > LONGEST_GAP { 0 } else { passed };
        let number = second / HOUR;
        if self.hours.back().is_none_or(|hour| hour.number != number) {
            self.hours.push_back(Hour {
                number,
                ..Hour::default()
            });
        }
        if let Some(hour) = self.hours.back_mut() {
            hour.watched_seconds += passed;
            hour.replica_seconds += passed * u64::from(replicas);
            hour.most = hour.most.max(replicas);
        }
        let is_old = |hour: &Hour| hour.number + HOURS <= number;
        while self.hours.front().is_some_and(is_old) {
            self.hours.pop_front();
        }
    }

    pub(crate) fn bill(&self) -> Bill {
        let sum = |of: fn(&Hour) -> u64| self.hours.iter().map(of).sum::<u64>();
        let most = self.hours.iter().map(|hour| hour.most).max().unwrap_or(0);
        let watched = sum(|hour| hour.watched_seconds);
        Bill {
            replica_hours: hours(sum(|hour| hour.replica_seconds)),
            always_on_hours: hours(watched * u64::from(most)),
            most,
            hours: hours(watched),
        }
    }
}

/// To a hundredth of an hour, so that a revision at rest seldom has another bill.
#[expect(
    clippy::cast_precision_loss,
    reason = "under 2^53 replica-seconds in a day"
)]
fn hours(seconds: u64) -> f64 {
    (seconds as f64 / 36.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_was_against_as_many_all_the_time() {
        let mut cost = Cost::default();
        for second in 0..=7200 {
            cost.take(second, if second < 3600 { 4 } else { 0 });
        }
        let bill = cost.bill();
        assert!((bill.replica_hours - 4.0).abs() < 0.01, "{bill:?}");
        assert_eq!((bill.always_on_hours, bill.most), (8.0, 4));
    }

    #[test]
    fn a_day_is_kept_and_a_gap_is_not_counted() {
        let mut cost = Cost::default();
        for hour in 0..100 {
            cost.take(hour * 3600, 9);
            cost.take(hour * 3600 + 10, 1);
            assert!(cost.hours.len() <= 24);
        }
        let bill = cost.bill();
        assert_eq!(bill.hours, hours(240));
        assert_eq!(bill.replica_hours, hours(240));
    }
}
