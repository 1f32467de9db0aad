// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::{Moment, Report};

/// After this time without a report of a replica nothing is in flight in it as far as anyone knows.
const STALE: Duration = Duration::from_secs(3);

/// Requests in flight of late, for people: what the last report of each replica said, summed. Replicas of a gateway report
/// together, pods each at a time of its own. No decision depends on it.
///
/// Only reports that the ledger took come here, so there are no more replicas than it knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// By replica: when its last report came, and what was in flight.
    last: BTreeMap<String, (Moment, f64)>,
}

impl Load {
    /// Takes a report that was not refused.
    pub(super) fn add(&mut self, report: &Report, now: Moment) {
        let in_flight = report
            .in_flight
            .unwrap_or_else(|| report.request_seconds / report.seconds);
        if let Some(last) = self.last.get_mut(&report.replica) {
            *last = (now, in_flight);
        } else {
            self.last.insert(report.replica.clone(), (now, in_flight));
        }
    }

    /// Forgets who has not reported of late.
    pub(super) fn forget_stale(&mut self, now: Moment) {
        self.last.retain(|_, (at, _)| now.since(*at) <= STALE);
    }

    /// Requests in flight.
    pub(super) fn in_flight(&self, now: Moment) -> f64 {
        let fresh = self.last.values().filter(|(at, _)| now.since(*at) <= STALE);
        fresh.map(|(_, in_flight)| in_flight).sum::<f64>().max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(replica: &str, request_seconds: f64) -> Report {
        Report {
            replica: replica.to_owned(),
            seconds: 0.5,
            request_seconds,
            ..Report::default()
        }
    }

    fn in_flight(load: &Load, now: Moment) -> f64 {
        (load.in_flight(now) * 1000.0).round() / 1000.0
    }

    #[test]
    fn what_each_replica_said_last_is_summed_whenever_it_said_so() {
        let mut load = Load::default();
        let at = Moment::from_micros;
        load.add(&report("a", 1.0), at(1_000_000));
        load.add(&report("b", 2.0), at(1_400_000));
        load.add(&report("c", 0.0), at(1_800_000));
        assert!((in_flight(&load, at(1_900_000)) - 6.0).abs() < 1e-9);
        load.add(&report("b", 0.5), at(2_400_000));
        assert!((in_flight(&load, at(2_500_000)) - 3.0).abs() < 1e-9);
        // Only what is in flight in those that report still.
        assert!((in_flight(&load, at(4_100_000)) - 1.0).abs() < 1e-9);
        assert!(in_flight(&load, at(9_000_000)).abs() < 1e-9);
        load.forget_stale(at(5_000_000));
        assert_eq!(load.last.len(), 1);
        load.forget_stale(at(9_000_000));
        assert!(load.last.is_empty());
    }
}
