// SPDX-License-Identifier: Apache-2.0
//! The target learned from what the reports tell: the most requests in flight in a replica at which they do not hinder
//! each other much.
mod curve;
mod learned;
mod logarithm;
mod memory;
mod objective;
mod panel;

pub use learned::{Learned, Why};
pub use memory::{Forgotten, LearnedTarget, Memory};

use std::time::Duration;

use crate::{Concurrency, Moment, Objective, Report, Scaling, Target};
use curve::Curve;
use logarithm::exp;
pub(crate) use logarithm::ln;
use objective::Kept;
use panel::Panel;

/// What is learned of one revision's replicas, and the target that follows from it.
///
/// It is fed with each report that was taken, and asked at each decision. The target moves only when it is outside of
/// what the curve and its error allow, by at most a tenth in 30 s, and never in panic. Fixed size: about 1.6 KB, and
/// 0.4 KB more with an objective.
#[derive(Clone, Debug)]
pub(crate) struct Learner {
    bounds: Bounds,
    panel: Panel,
    curve: Curve,
    kept: Option<Kept>,
    target: f64,
    /// Where the target goes, and whether it is on its way.
    goal: f64,
    moving: bool,
    moved: Option<Moment>,
    /// Seconds of data, of one replica at a time.
    seconds: f64,
    last_block: u64,
    told: Learned,
}

/// Within what the target is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    start: f64,
    least: f64,
    most: f64,
    /// So many in flight count as a request that is alone.
    alone: f64,
}

impl Learner {
    /// At most one step in this time,
    const PAUSE: Duration = Duration::from_secs(30);
    /// of at most this share.
    const STEP: f64 = 0.1;
    /// A target this much off what is allowed stays.
    const SLACK: f64 = 0.05;
    /// It is there when it is so near.
    const NEAR: f64 = 0.02;
    /// So many standard errors are allowed for: 19 times in 20 the limit lies within.
    const DOUBT: f64 = 2.0;
    /// With data for so long and nothing learned, the load does not change.
    const LONG: f64 = 300.0;

    /// For settings that leave the target to it.
    pub(crate) fn new(scaling: &Scaling) -> Option<Self> {
        let settings = scaling.settings();
        if settings.target != Target::Auto {
            return None;
        }
        let bounds = Bounds::of(scaling);
        Some(Self {
            bounds,
            panel: Panel::default(),
            curve: Curve::default(),
            kept: settings.latency.map(Kept::new),
            target: bounds.start,
            goal: bounds.start,
            moving: false,
            moved: None,
            seconds: 0.0,
            last_block: 0,
            told: Learned::nothing(settings.latency),
        })
    }

    /// Other settings: what was learned stays.
    pub(crate) fn change(&mut self, scaling: &Scaling) {
        let latency = scaling.settings().latency;
        if self.kept.as_ref().map(Kept::objective) != latency {
            self.kept = latency.map(Kept::new);
        }
        let bounds = Bounds::of(scaling);
        if bounds != self.bounds {
            self.bounds = bounds;
            self.panel.forget_levels();
            self.target = if self.curve.is_known() {
                self.bounds.within(self.target)
            } else {
                bounds.start
            };
        }
        self.judge();
    }

    /// Takes a report that was believed.
    pub(crate) fn report(&mut self, now: Moment, report: &Report) {
        if let Some(kept) = &mut self.kept {
            kept.report(report);
        }
        let now = now.as_micros();
        let Some(ended) = self.panel.report(now, report) else {
            return;
        };
        let since = now.saturating_sub(self.last_block) as f64 / 1e6;
        self.seconds = (self.seconds + ended.seconds.min(since)).min(1e9);
        self.last_block = now;
        if let Some(change) = ended.change {
            self.curve.learn(change);
        }
        self.judge();
    }

    /// Moves the target, where that is due.
    pub(crate) fn advance(&mut self, now: Moment, panic: bool) {
        let due = |at| now.since(at) >= Self::PAUSE;
        if panic || !self.moving || !self.moved.is_none_or(due) {
            return;
        }
        let step = (self.goal / self.target).clamp(1.0 - Self::STEP, 1.0 + Self::STEP);
        self.target = self.bounds.within(self.target * step);
        self.moved = Some(now);
        self.moving = (self.goal / self.target - 1.0).abs() > Self::NEAR;
    }

    /// Requests in flight per replica to aim for.
    pub(crate) const fn target(&self) -> f64 {
        self.target
    }

    /// What is known, for people.
    pub(crate) const fn learned(&self) -> Learned {
        self.told
    }

    /// Points of the curve: requests in flight, how many times as long as alone a request takes, and the same two
    /// standard errors steeper.
    pub(crate) fn points(&self) -> Vec<[f64; 3]> {
        let alone = self.bounds.alone;
        let times = |in_flight, doubt| exp(self.curve.rise(alone, in_flight, doubt));
        (self.curve.known())
            .map(|in_flight| {
                [
                    in_flight,
                    times(in_flight, 0.0),
                    times(in_flight, Self::DOUBT),
                ]
            })
            .collect()
    }

    pub(crate) fn remember(&self) -> Option<LearnedTarget> {
        (self.curve.is_known()).then(|| LearnedTarget::of(self.target, self.seconds, &self.curve))
    }

    /// Goes on from what was known so long ago.
    pub(crate) fn recall(
        &mut self,
        memory: &LearnedTarget,
        age: Duration,
    ) -> Result<(), Forgotten> {
        self.curve = memory.curve(age)?;
        self.target = self.bounds.within(memory.requests());
        self.goal = self.target;
        self.seconds = memory.seconds();
        self.judge();
        Ok(())
    }

    /// Where the target should be, by all that is known.
    fn judge(&mut self) {
        let objective = self.kept.as_ref().map(Kept::objective);
        self.told = Learned {
            why: match self.seconds {
                0.0 => Why::NoData,
                few if few < Self::LONG => Why::FewData,
                _ => Why::NoSpread,
            },
            seconds: self.seconds as f32,
            ..Learned::nothing(objective)
        };
        if !self.curve.is_known() {
            return;
        }
        let alone = self.bounds.alone;
        let (budget, unmet) = self.budget();
        let (limit, found) = self.curve.reach(alone, budget, 0.0);
        self.told.why = match (unmet, found) {
            (true, _) => Why::Unmet,
            (false, true) => Why::Rises,
            (false, false) => Why::Flat,
        };
        self.told.limit = limit as f32;
        let (least, most) = if found {
            let reach = |doubt| self.curve.reach(alone, budget, doubt).0;
            (reach(Self::DOUBT), reach(-Self::DOUBT))
        } else {
            // Where the limit was not found, what was seen is no reason to go down; and what is in doubt is seen only
            // by going up.
            (limit, f64::INFINITY)
        };
        let (least, most) = (self.bounds.within(least), self.bounds.within(most));
        let outside =
            self.target < least * (1.0 - Self::SLACK) || self.target > most * (1.0 + Self::SLACK);
        if outside || self.moving {
            let goal = self.bounds.within(limit);
            self.goal = if found { goal } else { goal.max(self.target) };
            self.moving = (self.goal / self.target - 1.0).abs() > Self::NEAR;
        }
    }

    /// By how much the logarithm of the latency may rise over that of a request that is alone; and whether an objective
    /// is out of reach, so that the budget without one holds.
    fn budget(&self) -> (f64, bool) {
        let usual = ln(Objective::BUDGET);
        let Some((in_flight, over)) = self.kept.as_ref().and_then(Kept::level) else {
            return (usual, false);
        };
        let alone = self.bounds.alone;
        let budget = self.curve.rise(alone, in_flight, 0.0) - over;
        if budget > 0.0 {
            (budget, false)
        } else {
            (usual, true)
        }
    }
}

impl Bounds {
    /// The share of a hard limit that is not passed, for what comes beyond it waits.
    const MOST_SHARE: f64 = 0.9;
    const MOST: f64 = 1000.0;

    fn of(scaling: &Scaling) -> Self {
        let limit = match scaling.settings().concurrency {
            Concurrency::Single => Some(1.0),
            Concurrency::Multi => None,
            Concurrency::Limit(limit) => Some(f64::from(limit)),
        };
        let start = scaling.target();
        let half = limit.map_or(1.0, |limit| (0.5 * limit).min(1.0));
        Self {
            start,
            least: half,
            most: limit.map_or(Self::MOST, |limit| Self::MOST_SHARE * limit),
            alone: half,
        }
    }
    fn within(&self, target: f64) -> f64 {
        target.clamp(self.least, self.most.max(self.least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn learner() -> Learner {
        Learner::new(&Scaling::new(Settings::default()).unwrap()).unwrap()
    }

    #[test]
    fn the_size_is_as_the_documentation_says() {
        assert!(size_of::<Learner>() + Panel::SEATS * 104 <= 1_600);
    }

    /// Whatever is reported, the target stays within its bounds and moves by a tenth in 30 s at most.
    #[test]
    fn it_moves_slowly_and_within_its_bounds() {
        let mut learner = learner();
        let mut chance = 1_u64;
        let mut draw = |most: u64| {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (chance >> 33) % most
        };
        let mut moved = (0, learner.target());
        for second in 0..40_000_u64 {
            let report = Report {
                replica: format!("r{}", draw(10)),
                seconds: [1.0, 1e-6, 60.0][draw(3) as usize],
                request_seconds: [0.0, 1e6, draw(50) as f64][draw(3) as usize],
                waiting_seconds: draw(2) as f64,
                requests: [0, 1_000_000_000, draw(100)][draw(3) as usize],
                ..Report::default()
            };
            let now = Moment::from_micros(second * 1_000_000);
            learner.report(now, &report);
            learner.advance(now, draw(5) == 0);
            let target = learner.target();
            assert!((1.0..=1000.0).contains(&target), "{target}");
            if target != moved.1 {
                assert!((target / moved.1 - 1.0).abs() <= 0.1 + 1e-9);
                assert!(moved.0 == 0 || second - moved.0 >= 30);
                moved = (second, target);
            }
        }
    }

    /// Up to 40 in flight nothing was seen to rise, though of the upper half so little is known that it may.
    #[test]
    fn where_no_limit_was_found_it_goes_up_to_find_one() {
        let mut learner = learner();
        let mut change = |from: f64, to: f64, times: u32, steepness: f64| {
            for _ in 0..times {
                learner.curve.learn(panel::Change {
                    from: ln(from),
                    to: ln(to),
                    rate: (1.0 - steepness) * ln(to / from),
                    noise: 0.0,
                    full: true,
                });
            }
        };
        change(1.0, 20.0, 20, 0.0);
        change(20.0, 40.0, 1, 0.0);
        change(20.0, 40.0, 1, 1.1);
        learner.target = 40.0;
        learner.judge();
        assert_eq!(learner.told.why, Why::Flat);
        let budget = ln(Objective::BUDGET);
        let doubted = learner.curve.reach(1.0, budget, Learner::DOUBT);
        assert!(doubted.0 < 40.0, "{doubted:?}");
        assert!(learner.moving && learner.goal > 49.0, "{}", learner.goal);
    }

    #[test]
    fn in_panic_it_never_moves() {
        let mut learner = learner();
        (learner.goal, learner.moving) = (100.0, true);
        learner.advance(Moment::ZERO, true);
        assert_eq!(learner.target(), 10.0);
        learner.advance(Moment::ZERO, false);
        assert_eq!(learner.target(), 11.0);
    }
}
