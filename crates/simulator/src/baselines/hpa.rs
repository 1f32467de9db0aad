// SPDX-License-Identifier: Apache-2.0
use std::{collections::VecDeque, time::Duration};

use cheerful_scaling::{Moment, Observation, Report};

use crate::{Choice, Policy, Waiting};

/// Kubernetes' HorizontalPodAutoscaler (`autoscaling/v2`) on concurrency as a metric of pods, with its defaults:
/// a look every 15 s, nothing done within 10 % of the target, up at most to the double or by 4 pods in a look, down to
/// the largest wish of the last 300 s, at least one pod. Pods that start count as idle where there is more to do.
///
/// What is taken as given: the metric is the mean since the last look; what waits is shared out evenly over the ready
/// pods.
#[derive(Clone, Debug)]
pub struct Hpa {
    target: f64,
    sync: HpaSync,
    present: Observation,
    /// Request-seconds since the last look.
    load: f64,
    looked: Moment,
}

impl Hpa {
    /// With so many requests in flight per pod to aim for.
    #[must_use]
    pub fn with_target(target: f64) -> Self {
        Self {
            target: target.max(0.01),
            sync: HpaSync::default(),
            present: Observation::default(),
            load: 0.0,
            looked: Moment::ZERO,
        }
    }
}

impl Policy for Hpa {
    fn name(&self) -> String {
        format!("HPA target {}", self.target)
    }
    fn report(&mut self, _now: Moment, report: &Report) {
        self.load += report.request_seconds;
    }
    fn holding(&mut self, _now: Moment, waiting: &Waiting) {
        self.load += waiting.request_seconds;
    }
    fn observe(&mut self, _now: Moment, observation: Observation) {
        self.present = observation;
    }
    fn tick(&self) -> Duration {
        HpaSync::PERIOD
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        let seconds = now.since(self.looked).as_secs_f64();
        self.looked = now;
        let total = std::mem::take(&mut self.load) / seconds.max(1e-6);
        if self.present.present() == 0 {
            return Some(1);
        }
        let (ready, present) = (self.present.ready, self.present.present());
        if ready == 0 {
            // No pod has a metric.
            return Some(present);
        }
        let ratio = |pods: u32| total / f64::from(pods) / self.target;
        let among_ready = ratio(ready);
        let desired = if HpaSync::is_within_tolerance(among_ready) {
            present
        } else if among_ready < 1.0 || present == ready {
            ceil(among_ready * f64::from(ready))
        } else {
            // Those that start take their part: it may be enough already.
            let among_all = ratio(present);
            if among_all < 1.0 || HpaSync::is_within_tolerance(among_all) {
                present
            } else {
                ceil(among_all * f64::from(present))
            }
        };
        Some(self.sync.settle(now, present, desired))
    }
    fn choice(&self) -> Choice {
        Choice::InTurn
    }
}

/// What the HPA does with a wish.
#[derive(Clone, Debug, Default)]
pub(super) struct HpaSync {
    wishes: VecDeque<(Moment, u32)>,
}

impl HpaSync {
    pub(super) const PERIOD: Duration = Duration::from_secs(15);
    const STABILIZATION: Duration = Duration::from_secs(300);
    const TOLERANCE: f64 = 0.1;

    pub(super) fn is_within_tolerance(ratio: f64) -> bool {
        (ratio - 1.0).abs() <= Self::TOLERANCE
    }
    /// Down to the largest wish of late, up not too far at once, one at least.
    pub(super) fn settle(&mut self, now: Moment, present: u32, desired: u32) -> u32 {
        self.wishes.push_back((now, desired));
        while self
            .wishes
            .front()
            .is_some_and(|(at, _)| now.since(*at) > Self::STABILIZATION)
        {
            self.wishes.pop_front();
        }
        let largest = self.wishes.iter().map(|(_, wish)| *wish).max();
        let down = largest.unwrap_or(desired).min(present);
        let most = present.saturating_mul(2).max(present.saturating_add(4));
        if desired > present {
            desired.min(most)
        } else {
            down
        }
        .max(1)
    }
}

pub(super) fn ceil(replicas: f64) -> u32 {
    (replicas - 1e-9).ceil().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn up_by_four_or_to_the_double_and_down_after_five_minutes() {
        let mut sync = HpaSync::default();
        assert_eq!(sync.settle(at(0), 1, 100), 5);
        assert_eq!(sync.settle(at(15), 5, 100), 10);
        assert_eq!(sync.settle(at(30), 10, 12), 12);
        assert_eq!(sync.settle(at(45), 12, 2), 12);
        assert_eq!(sync.settle(at(315), 12, 2), 12);
        assert_eq!(sync.settle(at(345), 12, 2), 2);
        assert_eq!(sync.settle(at(700), 2, 0), 1);
    }

    #[test]
    fn nothing_is_done_near_the_target_and_starting_pods_take_their_part() {
        let decided = |ready, starting, total: f64| {
            let mut hpa = Hpa::with_target(10.0);
            hpa.observe(
                at(0),
                Observation {
                    ready,
                    starting,
                    ..Observation::default()
                },
            );
            hpa.load = total * 15.0;
            hpa.decide(at(15))
        };
        assert_eq!(decided(10, 0, 109.0), Some(10));
        assert_eq!(decided(10, 0, 111.0), Some(12));
        assert_eq!(decided(10, 0, 89.0), Some(9));
        assert_eq!(decided(10, 5, 150.0), Some(15));
        assert_eq!(decided(10, 5, 200.0), Some(20));
        assert_eq!(decided(0, 5, 200.0), Some(5));
    }
}
