// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use cheerful_scaling::{Moment, Observation, Report};

use crate::{Choice, Policy, Waiting};

/// The autoscaler of 2018, from which both Knative's and ours come: a mean for each pod heard within the stable window
/// (60 s) and the panic window (6 s), a count that would bring each to the target, panic when the mean per pod
/// is twice the target, up at most ten times, at least one pod, no way down but the window.
///
/// Its rule stands in its public scenarios, and is held against them; its faults are kept: the pods of the last minute
/// count, whether they are there or not. What waits counted in the pod before which it waited; here it is shared out
/// evenly.
#[derive(Clone, Debug)]
pub struct Year2018 {
    target: f64,
    /// For each pod its values of late, with the second of their arrival.
    pods: BTreeMap<String, VecDeque<(Moment, f64)>>,
    /// Request-seconds held since the last decision, and over which time.
    held: (f64, f64),
    panic: Option<(Moment, u32)>,
}

impl Year2018 {
    const STABLE: Duration = Duration::from_secs(60);
    const PANIC: Duration = Duration::from_secs(6);
    const PANIC_THRESHOLD: f64 = 2.0;
    const MAX_UP: f64 = 10.0;

    /// With so many requests in flight per pod to aim for.
    #[must_use]
    pub fn with_target(target: f64) -> Self {
        Self {
            target: target.max(0.01),
            pods: BTreeMap::new(),
            held: (0.0, 0.0),
            panic: None,
        }
    }

    /// Pods heard within the window, and the sum of their means.
    fn heard(&self, now: Moment, window: Duration) -> (f64, f64) {
        let means = self.pods.values().filter_map(|values| {
            let late = values.iter().filter(|(at, _)| now.since(*at) < window);
            let (count, sum) = late.fold((0, 0.0), |(count, sum), (_, value)| {
                (count + 1, sum + value)
            });
            (count > 0).then(|| sum / f64::from(count))
        });
        means.fold((0.0, 0.0), |(pods, sum), mean| (pods + 1.0, sum + mean))
    }

    fn desired(&mut self, now: Moment) -> Option<u32> {
        for values in self.pods.values_mut() {
            while values
                .front()
                .is_some_and(|(at, _)| now.since(*at) >= Self::STABLE)
            {
                values.pop_front();
            }
        }
        self.pods.retain(|_, values| !values.is_empty());
        let (pods, stable) = self.heard(now, Self::STABLE);
        let (panic_pods, panic) = self.heard(now, Self::PANIC);
        if pods == 0.0 {
            return None;
        }
        let (seconds, held) = std::mem::take(&mut self.held);
        let held = if seconds > 0.0 { held / seconds } else { 0.0 };
        let bounded = |pods: f64, sum: f64| {
            let rate = ((sum + held) / pods / self.target).min(Self::MAX_UP);
            (rate * pods - 1e-9).ceil().max(1.0) as u32
        };
        let stable = bounded(pods, stable);
        if panic_pods == 0.0 {
            return Some(stable);
        }
        let mean = (panic + held) / panic_pods;
        let panic = bounded(panic_pods, panic);
        if mean >= Self::PANIC_THRESHOLD * self.target && self.panic.is_none() {
            self.panic = Some((now, 0));
        }
        self.panic
            .take_if(|(since, _)| now.since(*since) > Self::STABLE);
        match &mut self.panic {
            Some((since, most)) => {
                if panic > *most {
                    *since = now;
                    *most = panic;
                }
                Some(*most)
            }
            None => Some(stable),
        }
    }
}

impl Policy for Year2018 {
    fn name(&self) -> String {
        format!("2018 target {}", self.target)
    }
    fn report(&mut self, now: Moment, report: &Report) {
        let value = report.request_seconds / report.seconds;
        let values = self.pods.entry(report.replica.clone()).or_default();
        values.push_back((now, value));
    }
    fn holding(&mut self, _now: Moment, waiting: &Waiting) {
        self.held.0 += waiting.seconds;
        self.held.1 += waiting.request_seconds;
    }
    fn observe(&mut self, _now: Moment, _observation: Observation) {}
    fn tick(&self) -> Duration {
        Duration::from_secs(2)
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        // Nothing was heard: the first pod is somebody else's, and has to be there.
        self.desired(now)
            .or_else(|| (now == Moment::ZERO).then_some(1))
    }
    fn choice(&self) -> Choice {
        Choice::InTurn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Series = ((f64, f64), u32, u32);

    /// The scenarios: series of values, each second from so many pods, and a decision after each group.
    fn steps(target: f64, groups: &[(&[Series], Option<u32>)]) {
        let mut policy = Year2018::with_target(target);
        let mut now = 0;
        for (series, expected) in groups {
            for ((from, to), seconds, pods) in *series {
                for second in 1..=*seconds {
                    let share = f64::from(second) / f64::from(*seconds);
                    let value = (from + (to - from) * share).trunc();
                    for pod in 0..*pods {
                        let report = Report {
                            replica: pod.to_string(),
                            seconds: 1.0,
                            request_seconds: value,
                            ..Report::default()
                        };
                        policy.report(Moment::from_micros(now * 1_000_000), &report);
                    }
                    now += 1;
                }
            }
            // A value of second s is heard at its beginning here: the decision follows the last one.
            let found = policy.desired(Moment::from_micros(now * 1_000_000 - 1));
            assert_eq!(found, *expected);
        }
    }

    #[test]
    fn the_scenarios_of_2018() {
        steps(10.0, &[(&[((10.0, 10.0), 60, 10)], Some(10))]);
        steps(10.0, &[(&[((10.0, 20.0), 60, 10)], Some(15))]);
        steps(10.0, &[(&[((20.0, 10.0), 60, 10)], Some(15))]);
        steps(10.0, &[(&[((10.0, 10.0), 60, 1)], Some(1))]);
        steps(10.0, &[(&[((0.0, 0.0), 60, 2)], Some(1))]);
        let double: &[Series] = &[((10.0, 10.0), 60, 10), ((20.0, 20.0), 6, 10)];
        steps(10.0, &[(double, Some(20))]);
        let rise = (1.0, 10.0);
        steps(
            1.0,
            &[
                (&[(rise, 6, 1)], Some(6)),
                (&[(rise, 6, 6)], Some(36)),
                (&[(rise, 6, 36)], Some(216)),
                (&[(rise, 6, 216)], Some(1296)),
                (&[((1.0, 1.0), 6, 1296)], Some(1296)),
            ],
        );
        steps(
            10.0,
            &[
                (&[((10.0, 10.0), 60, 10)], Some(10)),
                (&[((100.0, 100.0), 6, 10)], Some(100)),
                (&[((1.0, 1.0), 30, 100)], Some(100)),
                (&[((1.0, 1.0), 31, 100)], Some(10)),
            ],
        );
    }
}
