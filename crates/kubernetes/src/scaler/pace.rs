// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// How often queues report, so that what is new is seen quickly and the whole stays below a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PaceRule {
    /// Reports a second over all queues at most, as far as the slowest pace allows.
    pub(crate) most_per_second: u32,
}

impl Default for PaceRule {
    fn default() -> Self {
        Self {
            most_per_second: 20_000,
        }
    }
}

/// What the pace of one workload's queues depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paced {
    /// New, scaled or woken within the last seconds.
    pub(crate) fresh: bool,
    /// Its queues that report.
    pub(crate) queues: usize,
    /// All queues that report to us.
    pub(crate) all_queues: usize,
    /// Those of workloads that are fresh.
    pub(crate) fresh_queues: usize,
}

impl PaceRule {
    /// For what is new.
    pub(crate) const QUICK: Duration = Duration::from_millis(200);
    /// For all else.
    pub(crate) const CALM: Duration = Duration::from_secs(1);
    /// For so many replicas that their sum is steady.
    pub(crate) const LARGE: (usize, Duration) = (200, Duration::from_secs(2));
    /// No queue reports more slowly.
    pub(crate) const SLOWEST: Duration = Duration::from_secs(5);
    /// How long something is new.
    pub(crate) const FRESH: Duration = Duration::from_secs(10);

    /// Between two reports of a queue of this workload.
    pub(crate) fn interval(self, paced: Paced) -> Duration {
        let most = f64::from(self.most_per_second);
        #[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
        let (all, fresh) = (paced.all_queues as f64, paced.fresh_queues as f64);
        // Half of the bound is for what is new.
        if paced.fresh && fresh / Self::QUICK.as_secs_f64() <= most / 2.0 {
            return Self::QUICK;
        }
        let by_size = if paced.queues >= Self::LARGE.0 && !paced.fresh {
            Self::LARGE.1
        } else {
            Self::CALM
        };
        // What all of them would need at half the bound, in whole halves of a second so that it seldom changes.
        let by_load = ((all / (most / 2.0)) * 2.0).ceil() / 2.0;
        by_size
            .max(Duration::from_secs_f64(by_load))
            .min(Self::SLOWEST)
    }
}

/// Whether a threshold has changed by so much (a fifth) that it is worth a message.
pub(crate) fn differs(told: Option<f64>, now: Option<f64>) -> bool {
    match (told, now) {
        (Some(told), Some(now)) => (now - told).abs() > 0.2 * told.abs(),
        (None, None) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_when_new_calm_then_and_slower_for_many() {
        let rule = PaceRule::default();
        let millis = |fresh, queues, all_queues, fresh_queues| {
            rule.interval(Paced {
                fresh,
                queues,
                all_queues,
                fresh_queues,
            })
            .as_millis()
        };
        assert_eq!(millis(true, 1, 1, 1), 200);
        assert_eq!(millis(false, 1, 1, 0), 1000);
        assert_eq!(millis(true, 3, 4000, 2000), 200);
        assert_eq!(millis(true, 3, 4000, 2001), 1000);
        assert_eq!(millis(false, 200, 200, 0), 2000);
        assert_eq!(millis(false, 1, 20_000, 0), 2000);
        assert_eq!(millis(false, 1, 1_000_000, 0), 5000);
    }

    #[test]
    fn the_whole_stays_below_the_bound() {
        let rule = PaceRule::default();
        for all in [1, 100, 2_000, 10_000, 19_999, 20_000, 40_000] {
            for fresh in [0, all / 7, all / 2, all] {
                let paced = |is_fresh| Paced {
                    fresh: is_fresh,
                    queues: 1,
                    all_queues: all,
                    fresh_queues: fresh,
                };
                let each = |is_fresh| 1.0 / rule.interval(paced(is_fresh)).as_secs_f64();
                let sum = fresh as f64 * each(true) + (all - fresh) as f64 * each(false);
                assert!(sum <= 20_000.0, "{all} {fresh}: {sum}");
            }
        }
    }

    #[test]
    fn a_fifth_is_worth_a_message() {
        assert!(!differs(Some(10.0), Some(12.0)));
        assert!(differs(Some(10.0), Some(12.1)));
        assert!(differs(None, Some(1.0)));
        assert!(!differs(None, None));
    }
}
