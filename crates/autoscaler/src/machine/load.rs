// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Moment, Report};

/// Reports that arrive within this time of each other belong to one collection.
const TOGETHER: Duration = Duration::from_millis(10);
/// After this time without a report nothing is in flight as far as anyone knows.
const STALE: Duration = Duration::from_secs(3);

/// Requests in flight of late, for people: what the last collection of reports came to, over all replicas.
/// No decision depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    arrived: Moment,
    collected: f64,
    before: f64,
}

impl Load {
    /// Adds a report that was not refused.
    pub(super) fn add(&mut self, report: &Report, now: Moment) {
        if now.since(self.arrived) > TOGETHER {
            self.before = self.collected;
            self.collected = 0.0;
        }
        self.arrived = now;
        self.collected += report
            .in_flight
            .unwrap_or_else(|| report.request_seconds / report.seconds);
    }

    /// Requests in flight. While a collection comes in, that of the one before.
    pub(super) fn in_flight(&self, now: Moment) -> f64 {
        match now.since(self.arrived) {
            age if age > STALE => 0.0,
            age if age > TOGETHER => self.collected,
            _ => self.collected.max(self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(request_seconds: f64) -> Report {
        Report {
            replica: "a".to_owned(),
            seconds: 0.5,
            request_seconds,
            ..Report::default()
        }
    }

    #[test]
    fn the_reports_of_one_collection_are_summed_and_then_replaced() {
        let mut load = Load::default();
        let at = Moment::from_micros;
        load.add(&report(1.0), at(1_000_000));
        load.add(&report(2.0), at(1_001_000));
        assert!((load.in_flight(at(1_500_000)) - 6.0).abs() < 1e-9);
        load.add(&report(0.5), at(2_000_000));
        assert!(
            (load.in_flight(at(2_000_000)) - 6.0).abs() < 1e-9,
            "not yet complete"
        );
        assert!((load.in_flight(at(2_500_000)) - 1.0).abs() < 1e-9);
        assert!(load.in_flight(at(9_000_000)).abs() < 1e-9);
    }
}
