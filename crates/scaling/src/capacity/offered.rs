// SPDX-License-Identifier: Apache-2.0
use crate::bucket::SECOND_MICROS;

/// The offered load: how many requests would be in flight if none had ever to wait.
///
/// Served requests are in flight; those that wait are a backlog, which is work to be done once and no load
/// that goes on. What the backlog tells of the load is its change: `served + service time x change per second`,
/// for arrivals = completions + growth of the backlog, and load = arrivals x service time (Little).
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// Held at the end of each of the last seconds.
    held: [u32; Self::SECONDS],
    /// Request-seconds that waited in the replicas' own lines.
    waited: [f32; Self::SECONDS],
    /// The offered load of the last seconds.
    loads: [f32; Self::SECONDS],
    /// The second that runs.
    now: u64,
    /// Forgetting sums of served request-seconds and of requests finished.
    pub(super) served: f64,
    pub(super) finished: f64,
}

impl Default for Offered {
    fn default() -> Self {
        Self {
            held: [0; Self::SECONDS],
            waited: [0.0; Self::SECONDS],
            loads: [0.0; Self::SECONDS],
            now: 0,
            served: 0.0,
            finished: 0.0,
        }
    }
}

impl Offered {
    const SECONDS: usize = 8;
    /// What remains of the sums after a second with a request: about the last 100 such seconds count.
    const REMAINS: f64 = 0.99;
    /// Taken for the service time until a request has finished.
    const UNKNOWN_SECONDS: f64 = 1.0;
    /// Bounds of the service time.
    const BOUNDS: (f64, f64) = (0.001, 600.0);

    /// Lets time pass, in which so many were held.
    pub(crate) fn pass(&mut self, now: u64, held: u64) {
        let second = now / SECOND_MICROS;
        let passed = second.saturating_sub(self.now).min(Self::SECONDS as u64);
        for back in 1..=passed {
            let place = place(second - back);
            self.held[place] = u32::try_from(held).unwrap_or(u32::MAX);
        }
        for ahead in 0..passed {
            self.waited[place(second + 1 - ahead)] = 0.0;
        }
        self.now = self.now.max(second);
    }
    /// Takes request-seconds that waited in a replica's own line.
    pub(crate) fn waited(&mut self, end: u64, request_seconds: f64) {
        let second = end.saturating_sub(1) / SECOND_MICROS;
        if second + Self::SECONDS as u64 > self.now {
            self.waited[place(second)] += request_seconds as f32;
        }
    }
    /// The offered load of a whole second, in which so many were in flight or waited in the replicas, and so many
    /// finished.
    pub(crate) fn load(&mut self, second: u64, in_replicas: f64, finished: u32) -> f64 {
        let waiting = f64::from(self.waited[place(second)]).min(in_replicas);
        let served = in_replicas - waiting;
        if served > 0.0 || finished > 0 {
            self.served = self.served * Self::REMAINS + served;
            self.finished = self.finished * Self::REMAINS + f64::from(finished);
        }
        let backlog = f64::from(self.held[place(second)]) + waiting;
        let before = second.saturating_sub(1);
        let before = f64::from(self.held[place(before)]) + f64::from(self.waited[place(before)]);
        let change = (self.service_seconds() * (backlog - before)).min(backlog);
        let load = (served + change).max(0.0);
        self.loads[place(second)] = load as f32;
        load
    }
    /// The largest of the last seconds: what is worked off is in flight and comes no more.
    pub(crate) fn lately(&self) -> f64 {
        f64::from(self.loads.iter().copied().fold(0.0, f32::max))
    }
    /// Mean time that a request takes once it is served.
    pub(crate) fn service_seconds(&self) -> f64 {
        if self.finished > 0.0 {
            (self.served / self.finished).clamp(Self::BOUNDS.0, Self::BOUNDS.1)
        } else {
            Self::UNKNOWN_SECONDS
        }
    }
    /// How many were held when it was looked last, up to a second ago.
    pub(crate) fn held_before(&self) -> f64 {
        f64::from(self.held[place(self.now.saturating_sub(1))])
    }
}

fn place(second: u64) -> usize {
    (second % Offered::SECONDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_that_stands_is_no_load_and_one_that_grows_is() {
        let mut offered = Offered::default();
        let mut second = |number: u64, held: u64, served: f64, finished| {
            offered.pass((number + 1) * SECOND_MICROS, held);
            offered.load(number, served, finished)
        };
        // Two seconds each, so that 4 in flight finish 2 per second.
        for number in 1..50 {
            assert_eq!(second(number, 0, 4.0, 2), 4.0);
        }
        assert_eq!(second(50, 3, 4.0, 2), 7.0);
        assert_eq!(second(51, 13, 4.0, 2), 17.0);
        assert_eq!(second(52, 13, 4.0, 2), 4.0);
        assert_eq!(second(53, 12, 4.0, 2), 2.0);
    }

    #[test]
    fn who_waits_in_a_replica_is_a_backlog_too() {
        let mut offered = Offered::default();
        offered.pass(11 * SECOND_MICROS, 0);
        for second in [10, 11] {
            offered.pass((second + 1) * SECOND_MICROS, 0);
            offered.waited((second + 1) * SECOND_MICROS, 6.0);
        }
        offered.load(10, 10.0, 4);
        assert_eq!(offered.load(11, 10.0, 4), 4.0);
        assert_eq!(offered.service_seconds(), 1.0);
    }
}
