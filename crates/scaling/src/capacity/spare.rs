// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::number::ceil;

/// How many replicas the load and what waits would have, with what the load may become while a replica starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spare {
    /// Requests in flight that the load offers now.
    pub(crate) load: f64,
    /// What is added for what it may become.
    pub(crate) margin: f64,
    /// Places for what waits.
    pub(crate) backlog: f64,
    /// Replicas for all three.
    pub(crate) replicas: u32,
    /// Replicas for what is there now, without what may come.
    pub(crate) at_once: u32,
}

/// What waits for a place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) now: f64,
    /// At the end of the last whole second.
    pub(crate) before: f64,
}

impl Spare {
    /// A backlog is drained within this time, or within that of a start, for nothing that is started now helps sooner.
    const DRAINED_WITHIN: Duration = Duration::from_secs(2);

    /// `factor` times the root of the load is the margin.
    pub(crate) fn new(
        load: f64,
        factor: f64,
        waiting: Waiting,
        service_seconds: f64,
        start_up: Duration,
        slots: f64,
    ) -> Self {
        let margin = factor * load.sqrt();
        let within = start_up.max(Self::DRAINED_WITHIN).as_secs_f64();
        let work = waiting.now * service_seconds;
        // What came just now is load, as if it went on for as long as each of them is served.
        let came = (waiting.now - waiting.before).max(0.0) * service_seconds;
        let backlog = waiting.now.min(work / within + came);
        Self {
            load,
            margin,
            backlog,
            replicas: ceil((load + margin + backlog) / slots).max(u32::from(waiting.now > 0.0)),
            at_once: ceil((load + backlog) / slots).max(u32::from(waiting.now > 0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare(load: f64, now: f64, before: f64, service: f64, start: u64) -> Spare {
        let waiting = Waiting { now, before };
        Spare::new(
            load,
            2.5,
            waiting,
            service,
            Duration::from_secs(start),
            10.0,
        )
    }

    #[test]
    fn the_share_that_is_spare_falls_with_the_load() {
        assert_eq!(spare(4.0, 0.0, 0.0, 1.0, 5).replicas, 1);
        assert_eq!(spare(100.0, 0.0, 0.0, 1.0, 5).replicas, 13);
        assert_eq!(spare(10_000.0, 0.0, 0.0, 1.0, 5).replicas, 1_025);
    }

    #[test]
    fn a_backlog_that_stands_is_drained_within_a_start() {
        assert_eq!(spare(0.0, 200.0, 200.0, 1.0, 20).backlog, 10.0);
        assert_eq!(spare(0.0, 200.0, 200.0, 1.0, 0).backlog, 100.0);
        // All came just now: each of them has a place.
        let from_zero = spare(0.0, 200.0, 0.0, 1.0, 20);
        assert_eq!((from_zero.replicas, from_zero.at_once), (20, 20));
        // They take a tenth of a second each: nobody needs 200 places for them.
        assert_eq!(spare(0.0, 200.0, 0.0, 0.1, 20).replicas, 3);
        assert_eq!(spare(0.0, 1.0, 0.0, 0.001, 20).replicas, 1);
    }
}
