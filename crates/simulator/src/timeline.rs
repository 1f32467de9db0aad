// SPDX-License-Identifier: Apache-2.0
use std::{fmt, time::Duration};

/// What was there over time, in less than 4,096 steps of equal length: a second at first, twice as long each time they
/// are full. Each holds means over its time, no samples, so that nothing falls between.
#[derive(Clone, PartialEq)]
pub struct Timeline {
    step_micros: u64,
    sums: Vec<Sums>,
}

/// Means over one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// When the step begins, in seconds.
    pub at: f64,
    /// Replicas that answer requests.
    pub ready: f64,
    /// Replicas on their way.
    pub starting: f64,
    /// Replicas that finish what they have.
    pub draining: f64,
    /// Replicas with at least one request in them.
    pub busy: f64,
    /// Requests in replicas.
    pub in_flight: f64,
    /// Requests held.
    pub held: f64,
    /// Requests that arrived, per second.
    pub arrivals: f64,
    /// Of those that arrived in the step, how many waited longer than [`crate::Outcome::LONG_WAIT`], per second.
    pub long_waits: f64,
}

/// Integrals over a time, in microseconds, and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) micros: u64,
    pub(crate) ready: u64,
    pub(crate) starting: u64,
    pub(crate) draining: u64,
    pub(crate) busy: u64,
    pub(crate) in_flight: u64,
    pub(crate) held: u64,
    pub(crate) arrivals: u64,
    pub(crate) long_waits: u64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        self.micros += other.micros;
        self.ready += other.ready;
        self.starting += other.starting;
        self.draining += other.draining;
        self.busy += other.busy;
        self.in_flight += other.in_flight;
        self.held += other.held;
        self.arrivals += other.arrivals;
        self.long_waits += other.long_waits;
    }

    fn point(&self, at: f64) -> Point {
        let micros = self.micros.max(1) as f64;
        let mean = |sum: u64| sum as f64 / micros;
        Point {
            at,
            ready: mean(self.ready),
            starting: mean(self.starting),
            draining: mean(self.draining),
            busy: mean(self.busy),
            in_flight: mean(self.in_flight),
            held: mean(self.held),
            arrivals: mean(self.arrivals) * 1e6,
            long_waits: mean(self.long_waits) * 1e6,
        }
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps of {:?}", self.sums.len(), self.step())
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            step_micros: 1_000_000,
            sums: Vec::new(),
        }
    }
}

impl Timeline {
    /// Fewer steps than this.
    pub const MOST: usize = 4096;

    /// Length of a step.
    #[must_use]
    pub const fn step(&self) -> Duration {
        Duration::from_micros(self.step_micros)
    }
    /// The steps in their order; the last may be shorter.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        let step = self.step_micros as f64 / 1e6;
        let numbered = self.sums.iter().enumerate();
        numbered.map(move |(number, sums)| sums.point(number as f64 * step))
    }

    pub(crate) const fn step_micros(&self) -> u64 {
        self.step_micros
    }
    /// Enters the next step; every step but the last has to be whole.
    pub(crate) fn push(&mut self, sums: Sums) {
        self.sums.push(sums);
        if self.sums.len() == Self::MOST {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        let pairs = self.sums.chunks(2).map(|pair| {
            let mut sum = pair[0];
            if let Some(second) = pair.get(1) {
                sum.add(second);
            }
            sum
        });
        self.sums = pairs.collect();
        self.step_micros *= 2;
    }
    /// Counts one that waited long under the time at which it arrived.
    pub(crate) fn long_wait(&mut self, arrived: u64) -> bool {
        let step = (arrived / self.step_micros) as usize;
        match self.sums.get_mut(step) {
            Some(sums) => {
                sums.long_waits += 1;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn becomes_coarser_and_loses_nothing() {
        let mut timeline = Timeline::default();
        let mut entered = 0;
        while entered < 100_000 {
            let micros = timeline.step_micros();
            entered += micros / 1_000_000;
            timeline.push(Sums {
                micros,
                ready: 3 * micros,
                arrivals: micros / 500_000,
                ..Sums::default()
            });
        }
        assert!(timeline.sums.len() <= Timeline::MOST);
        assert!(timeline.points().all(|point| point.ready == 3.0));
        assert!(timeline.points().all(|point| point.arrivals == 2.0));
        let whole: u64 = timeline.sums.iter().map(|sums| sums.micros).sum();
        assert_eq!(whole, entered * 1_000_000);
        let step = timeline.step().as_secs_f64();
        let last = timeline.points().last().unwrap().at;
        assert!((last + step - entered as f64).abs() <= step);
    }
}
