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
    /// From the creation of a replica until it answers.
    pub(crate) start_up: Duration,
    /// Requests at once that one replica is meant for.
    pub(crate) slots: f64,
    /// Replicas for all three.
    pub(crate) replicas: u32,
    /// Replicas for what is there now, without what may come.
    pub(crate) at_once: u32,
}

/// What waits for a place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) now: f64,
    /// Up to a second ago.
    pub(crate) before: f64,
}

impl Spare {
    /// A backlog is drained within this time, or within that of a start, for nothing that is started now helps sooner.
    const DRAINED_WITHIN: Duration = Duration::from_secs(2);

    pub(crate) fn new(
        load: f64,
        margin: f64,
        waiting: Waiting,
        service_seconds: f64,
        start_up: Duration,
        slots: f64,
    ) -> Self {
        let within = start_up.max(Self::DRAINED_WITHIN).as_secs_f64();
        let work = waiting.now * service_seconds;
        let came = Self::came(&waiting, service_seconds);
        let backlog = waiting.now.min(work / within + came);
        let at_once = ceil((load + backlog) / slots).max(u32::from(waiting.now > 0.0));
        Self {
            load,
            margin,
            backlog,
            start_up,
            slots,
            replicas: ceil((load + margin + backlog) / slots).max(at_once),
            at_once,
        }
    }

    /// What came to wait within the last second is load, as if it went on for as long as each of them is served.
    pub(crate) fn came(waiting: &Waiting, service_seconds: f64) -> f64 {
        ((waiting.now - waiting.before).max(0.0) * service_seconds).min(waiting.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare(load: f64, now: f64, before: f64, service: f64, start: u64) -> Spare {
        let waiting = Waiting { now, before };
        Spare::new(
            load,
            2.5 * load.sqrt(),
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
