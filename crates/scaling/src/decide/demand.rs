// SPDX-License-Identifier: Apache-2.0
//! Step 1 and 2: how much load there is, and how many replicas it would have.
use crate::number::{ceil, reaches};

/// What is known at the decision.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Total concurrency, averaged over the stable window.
    pub(crate) stable: f64,
    /// Total concurrency, averaged over the panic window.
    pub(crate) panic: f64,
    /// Requests in flight in the bursts of the last second.
    pub(crate) burst: f64,
    /// Requests held by the gateway.
    pub(crate) held: u64,
    /// Requests that began to be held within the last second.
    pub(crate) arrived: u64,
}

/// What the load is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) ready: u32,
    pub(crate) starting: u32,
    pub(crate) target: f64,
    pub(crate) panic_threshold: f64,
}

/// How many replicas the load would have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Demand {
    /// By the stable window, what is held, and a burst.
    pub(crate) stable: u32,
    /// By both windows, what is held, and a burst.
    pub(crate) panic: u32,
    /// By what is held alone.
    pub(crate) held: u32,
    /// By what is held, and a burst.
    pub(crate) at_once: u32,
    /// Requests in flight and held right now, if that is a burst.
    pub(crate) burst: Option<f64>,
    /// Whether panic must begin or go on.
    pub(crate) breach: bool,
    /// Whether a part of what is held was not counted, for replicas are on their way for it.
    pub(crate) discounted: bool,
}

impl Measure {
    /// What the ready replicas are meant for (one at least).
    fn meant(&self) -> f64 {
        f64::from(self.ready.max(1)) * self.target
    }

    /// Requests in flight from which on a burst shows: the panic threshold times what the ready replicas are
    /// meant for, M, and three standard deviations more of a load that comes by chance (Poisson, so that
    /// the standard deviation of a load of M is the square root of M): 2 M + 3 sqrt(M).
    pub(crate) fn burst_threshold(&self) -> f64 {
        let meant = self.meant();
        self.panic_threshold * meant + 3.0 * meant.sqrt()
    }

    /// Requests held that count on top of `average`. While replicas start, a backlog that builds up is no
    /// more demand than was known: beyond what the present scale is meant for only the arrivals of the last
    /// second count.
    fn held_that_count(&self, average: f64, load: &Load) -> f64 {
        let held = load.held as f64;
        if self.starting == 0 {
            return held;
        }
        let present = f64::from(self.ready.saturating_add(self.starting)) * self.target;
        held.min((present - average).max(load.arrived as f64))
    }

    pub(crate) fn demand(&self, load: &Load) -> Demand {
        let replicas = |requests: f64| ceil(requests / self.target);
        let larger = load.stable.max(load.panic);
        let waiting = self.held_that_count(0.0, load);
        // What is held for replicas on their way is no burst, but for what arrived just now.
        let fresh = if self.starting == 0 {
            load.held
        } else {
            load.held.min(load.arrived)
        };
        let now = load.burst + fresh as f64;
        let burst = reaches(now, self.burst_threshold());
        let at_once = if burst { replicas(now) } else { 0 };
        let stable = replicas(load.stable + self.held_that_count(load.stable, load));
        let panic = replicas(larger + self.held_that_count(larger, load));
        Demand {
            stable: stable.max(at_once),
            panic: panic.max(at_once),
            held: replicas(waiting),
            at_once: at_once.max(replicas(waiting)),
            burst: burst.then_some(now),
            // Compared before rounding up: a single replica does not panic at just over its target.
            breach: burst || reaches(load.panic, self.panic_threshold * self.meant()),
            discounted: waiting < load.held as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURE: Measure = Measure {
        ready: 2,
        starting: 0,
        target: 10.0,
        panic_threshold: 2.0,
    };

    #[test]
    fn a_burst_shows_at_twice_the_load_and_three_deviations() {
        assert_eq!(MEASURE.burst_threshold(), 40.0 + 3.0 * 20.0_f64.sqrt());
        let demand = |burst| {
            MEASURE.demand(&Load {
                burst,
                ..Load::default()
            })
        };
        assert_eq!((demand(53.4).burst, demand(53.4).stable), (None, 0));
        assert_eq!((demand(53.5).burst, demand(53.5).stable), (Some(53.5), 6));
        assert!(demand(53.5).breach);
    }

    #[test]
    fn a_backlog_behind_starting_replicas_asks_for_no_more() {
        let starting = Measure {
            ready: 0,
            starting: 5,
            ..MEASURE
        };
        let held = |held, arrived| {
            starting
                .demand(&Load {
                    held,
                    arrived,
                    ..Load::default()
                })
                .stable
        };
        assert_eq!(held(250, 40), 5);
        assert_eq!(held(250, 61), 7);
        assert_eq!(held(20, 20), 2);
        let none = Measure {
            ready: 0,
            starting: 0,
            ..MEASURE
        };
        assert_eq!(
            none.demand(&Load {
                held: 250,
                ..Load::default()
            })
            .stable,
            25
        );
    }
}
