// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

use crate::Forgotten;

use super::{
    Forecast, Offered, StartUps,
    keeping::{Keeping, Onsets},
    level::Level,
};

/// What [`crate::Policy::Auto`] has learned, to be kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LearnedLoad {
    /// Forgetting sums of request-seconds served and of requests finished: their ratio is the service time.
    served: f64,
    finished: f64,
    /// Forgetting sums: of the squared difference of the load from its mean, and of that difference times the one that
    /// there was a start later.
    squares: f64,
    remained: f64,
    /// How far the load was off what was foreseen: bins that are not empty, with their counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    off: Vec<(u8, f32)>,
    /// How long the last starts took, in seconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    start_ups: Vec<f32>,
    /// Forgetting sums of which share of a level was missing when it was needed again, and of how often.
    hurt: f64,
    onsets: f64,
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
        forecast: &Forecast,
        start_ups: &StartUps,
        keeping: &Keeping,
    ) -> Self {
        let first = start_ups.count.saturating_sub(StartUps::KEPT);
        let took = (first..start_ups.count).map(|number| start_ups.took[number % StartUps::KEPT]);
        let level = |level: &Level| LearnedLevel {
            hurt: level.hurt,
            onsets: level.onsets,
            gaps: filled(&level.gaps),
        };
        Self {
            served: offered.served,
            finished: offered.finished,
            squares: forecast.squares,
            remained: forecast.remained,
            off: filled(&forecast.off),
            start_ups: took.collect(),
            hurt: keeping.onsets.hurt,
            onsets: keeping.onsets.count,
            width: keeping.width,
            levels: keeping.levels.iter().map(level).collect(),
        }
    }

    /// Refuses what cannot have been learned.
    pub(crate) fn check(&self) -> Result<(), Forgotten> {
        let sum = |value: f64| (0.0..=Self::MOST).contains(&value);
        let counts = |filled: &[(u8, f32)], bins: usize| {
            let mut all = filled.iter();
            all.all(|(bin, count)| usize::from(*bin) < bins && sum(f64::from(*count)))
        };
        let sums = [
            self.served,
            self.finished,
            self.squares,
            self.hurt,
            self.onsets,
        ];
        let right = sums.iter().all(|value| sum(*value))
            && sum(self.remained.abs())
            && counts(&self.off, Forecast::BINS)
            && self.start_ups.len() <= StartUps::KEPT
            && self
                .start_ups
                .iter()
                .all(|took| (0.0..=StartUps::LONGEST).contains(took))
            && (self.width == 0 || self.width.is_power_of_two() && self.width <= Self::WIDEST)
            && self.levels.len() <= Keeping::MOST_LEVELS
            && self.levels.iter().all(|level| {
                sum(level.hurt.into())
                    && sum(level.onsets.into())
                    && counts(&level.gaps, Level::BINS)
            });
        right.then_some(()).ok_or(Forgotten::Corrupt)
    }

    /// Puts it back; it was checked.
    pub(super) fn recall(
        &self,
        offered: &mut Offered,
        forecast: &mut Forecast,
        start_ups: &mut StartUps,
        keeping: &mut Keeping,
    ) {
        (offered.served, offered.finished) = (self.served, self.finished);
        (forecast.squares, forecast.remained) = (self.squares, self.remained);
        fill(&mut forecast.off, &self.off);
        keeping.onsets = Onsets {
            hurt: self.hurt,
            count: self.onsets,
        };
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
        fill(&mut level.gaps, &self.gaps);
        level
    }
}

/// Bins that are not empty, with their counts.
fn filled(counts: &[f32]) -> Vec<(u8, f32)> {
    let all = (0_u8..).zip(counts.iter().copied());
    all.filter(|(_, count)| *count > 0.0).collect()
}

/// Puts the counts back into their bins; they were checked.
fn fill(counts: &mut [f32], filled: &[(u8, f32)]) {
    for (bin, count) in filled {
        if let Some(place) = counts.get_mut(usize::from(*bin)) {
            *place = *count;
        }
    }
}
