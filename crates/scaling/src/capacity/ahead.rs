// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::level::Level;

/// Where requests come again after a time that hardly varies, the last replica may go at once and another one be
/// started ahead of the next request: when to let it go, when to have one ready, and until when to wait then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Seconds from the last request.
    pub(crate) keep: f64,
    pub(crate) from: f64,
    pub(crate) until: f64,
    /// Of ten requests, how many came in that time.
    in_ten: u32,
}

/// A replica that is there for the next request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ahead {
    /// From the last request to the next: so long at least,
    pub(crate) from: Duration,
    /// and so long at most,
    pub(crate) until: Duration,
    /// in so many of ten cases.
    pub(crate) in_ten: u32,
}

impl Plan {
    /// Only what costs at most this share of the best that can be done by keeping alone.
    const WORTH: f64 = 0.75;
    /// Not for shorter pauses.
    const SHORTEST: f64 = 20.0;
    /// So many pauses at least must be known.
    const FEW: f32 = 5.0;

    /// The plan that would have cost least over the pauses that are known, if one is better than to keep the replica.
    ///
    /// `start` is what each start costs, `cold` what it costs when a request has to wait for it, both in seconds of a
    /// replica. A pause costs what the replica idled in it, its start, and where that came too late the wait.
    pub(crate) fn best(level: &Level, start: f64, cold: f64) -> Option<Self> {
        if level.known() < Self::FEW {
            return None;
        }
        let (mut below, mut idle) = ([0.0; Level::BINS + 1], [0.0; Level::BINS + 1]);
        for bin in 0..Level::BINS {
            let count = level.count(bin, cold);
            below[bin + 1] = below[bin] + count;
            idle[bin + 1] = idle[bin] + count * Level::middle_of(bin);
        }
        let all = below[Level::BINS];
        let mut best = (Self::WORTH * level.cost_of_keeping(cold), None);
        for keep in 0..Level::BINS {
            let kept = if keep == 0 {
                0.0
            } else {
                Level::begin_of(keep)
            };
            let before = idle[keep] + (all - below[keep]) * kept;
            for from in keep + 1..Level::BINS {
                let ready = Level::begin_of(from);
                if ready < kept + Self::SHORTEST {
                    continue;
                }
                let early = (below[from] - below[keep]) * cold;
                let started = (all - below[from]) * start;
                for until in from + 1..=Level::BINS {
                    let within = below[until] - below[from];
                    let waited = idle[until] - idle[from] - within * ready;
                    let late = (all - below[until]) * (Level::begin_of(until) - ready + cold);
                    let cost = before + early + started + waited + late;
                    if cost < best.0 {
                        best = (cost, Some((kept, from, until)));
                    }
                }
            }
        }
        best.1.map(|(keep, from, until)| Self {
            keep,
            from: Level::begin_of(from),
            until: Level::begin_of(until),
            in_ten: level.in_ten(from..until),
        })
    }

    /// The replica that ought to be there so long after the last request, if a start takes `lead` seconds.
    pub(crate) fn at(&self, idle: f64, lead: f64) -> Option<Ahead> {
        let is_due = idle + lead >= self.from && idle < self.until;
        is_due.then(|| Ahead {
            from: Duration::from_secs_f64(self.from),
            until: Duration::from_secs_f64(self.until),
            in_ten: self.in_ten,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(gaps: impl IntoIterator<Item = u32>) -> Option<Plan> {
        let mut level = Level::default();
        for gap in gaps {
            level.enter(gap);
        }
        Plan::best(&level, 12.0, 400.0)
    }

    #[test]
    fn a_clock_is_known_by_its_beat() {
        let plan = plan(std::iter::repeat_n(299, 60)).unwrap();
        assert_eq!((plan.keep, plan.in_ten), (0.0, 10));
        assert!(plan.from <= 299.0 && plan.until > 299.0, "{plan:?}");
        assert_eq!(plan.at(100.0, 5.0), None);
        assert!(plan.at(plan.from - 4.0, 5.0).is_some());
        assert_eq!(plan.at(plan.until, 5.0), None);
    }

    #[test]
    fn what_comes_by_chance_is_not_foreseen() {
        // Evenly spread, so that it may come at any time.
        assert_eq!(plan((0..100).map(|n| 1 + n * 6)), None);
        assert_eq!(plan(std::iter::repeat_n(299, 4)), None);
        // So soon that to let it go is not worth it.
        assert_eq!(plan(std::iter::repeat_n(15, 100)), None);
    }
}
