// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

use crate::Forgotten;

use super::{Offered, StartUps, Surprise, keeping::Keeping, level::Level};

/// What [`crate::Policy::Auto`] has learned, to be kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LearnedLoad {
    /// Forgetting sums of request-seconds served and of requests finished: their ratio is the service time.
    served: f64,
    finished: f64,
    /// Forgetting sums of squared changes of the load over the time of a start, and of the load.
    squares: f64,
    loads: f64,
    /// How long the last starts took, in seconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    start_ups: Vec<f32>,
    /// Replicas in one level.
    #[serde(skip_serializing_if = "is_zero")]
    width: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    levels: Vec<LearnedLevel>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct LearnedLevel {
    hurt: f32,
    onsets: f32,
    /// Bins that are not empty, with their counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<(u8, f32)>,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

impl LearnedLoad {
    /// Of each figure.
    const MOST: f64 = 1e15;
    /// Replicas in one level: 20 of these are more than there can be.
    const WIDEST: u32 = 1 << 28;

    pub(super) fn of(
        offered: &Offered,
        surprise: &Surprise,
        start_ups: &StartUps,
        keeping: &Keeping,
    ) -> Self {
        let first = start_ups.count.saturating_sub(StartUps::KEPT);
        let took = (first..start_ups.count).map(|number| start_ups.took[number % StartUps::KEPT]);
        let level = |level: &Level| LearnedLevel {
            hurt: level.hurt,
            onsets: level.onsets,
            gaps: (0_u8..)
                .zip(level.gaps)
                .filter(|(_, count)| *count > 0.0)
                .collect(),
        };
        Self {
            served: offered.served,
            finished: offered.finished,
            squares: surprise.squares,
            loads: surprise.loads,
            start_ups: took.collect(),
            width: keeping.width,
            levels: keeping.levels.iter().map(level).collect(),
        }
    }

    /// Refuses what cannot have been learned.
    pub(crate) fn check(&self) -> Result<(), Forgotten> {
        let sum = |value: f64| (0.0..=Self::MOST).contains(&value);
        let sums = [self.served, self.finished, self.squares, self.loads];
        let right = sums.iter().all(|value| sum(*value))
            && self.start_ups.len() <= StartUps::KEPT
            && self
                .start_ups
                .iter()
                .all(|took| (0.0..=StartUps::LONGEST).contains(took))
            && (self.width == 0 || self.width.is_power_of_two() && self.width <= Self::WIDEST)
            && self.levels.len() <= Keeping::MOST_LEVELS
            && self.levels.iter().all(|level| {
                let gap = |(bin, count): &(u8, f32)| {
                    usize::from(*bin) < Level::BINS && sum(f64::from(*count))
                };
                sum(level.hurt.into()) && sum(level.onsets.into()) && level.gaps.iter().all(gap)
            });
        right.then_some(()).ok_or(Forgotten::Corrupt)
    }

    /// Puts it back; it was checked.
    pub(super) fn recall(
        &self,
        offered: &mut Offered,
        surprise: &mut Surprise,
        start_ups: &mut StartUps,
        keeping: &mut Keeping,
    ) {
        (offered.served, offered.finished) = (self.served, self.finished);
        (surprise.squares, surprise.loads) = (self.squares, self.loads);
        for seconds in &self.start_ups {
            start_ups.add(*seconds);
        }
        keeping.width = self.width.max(1);
        keeping.levels = self.levels.iter().map(LearnedLevel::level).collect();
    }
}

impl LearnedLevel {
    fn level(&self) -> Level {
        let mut level = Level::default();
        (level.hurt, level.onsets) = (self.hurt, self.onsets);
        for (bin, count) in &self.gaps {
            if let Some(gap) = level.gaps.get_mut(usize::from(*bin)) {
                *gap = *count;
            }
        }
        level
    }
}
