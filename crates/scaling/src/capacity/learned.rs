// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

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

    /// Puts back what can be used; a figure that cannot be is left out.
    pub(super) fn recall(
        &self,
        offered: &mut Offered,
        surprise: &mut Surprise,
        start_ups: &mut StartUps,
        keeping: &mut Keeping,
    ) {
        let usable = |value: f64| value.is_finite() && value >= 0.0;
        if usable(self.served) && usable(self.finished) {
            (offered.served, offered.finished) = (self.served, self.finished);
        }
        if usable(self.squares) && usable(self.loads) {
            (surprise.squares, surprise.loads) = (self.squares, self.loads);
        }
        for seconds in self.start_ups.iter().take(StartUps::KEPT) {
            start_ups.add(*seconds);
        }
        keeping.width = self.width.clamp(1, 1 << 26).next_power_of_two();
        keeping.levels = self
            .levels
            .iter()
            .take(Keeping::MOST_LEVELS)
            .map(LearnedLevel::level)
            .collect();
    }
}

impl LearnedLevel {
    fn level(&self) -> Level {
        let usable = |value: f32| {
            if value.is_finite() {
                value.clamp(0.0, 1e9)
            } else {
                0.0
            }
        };
        let mut level = Level::default();
        (level.hurt, level.onsets) = (usable(self.hurt), usable(self.onsets));
        for (bin, count) in &self.gaps {
            if let Some(gap) = level.gaps.get_mut(usize::from(*bin)) {
                *gap = usable(*count);
            }
        }
        level
    }
}
