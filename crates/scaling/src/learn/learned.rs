// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Objective, Percentile};

/// What is known of a target that is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Learned {
    /// Why it is what it is.
    pub why: Why,
    /// Requests in flight in a replica up to which the latency keeps to the budget, or up to which it is known to.
    pub limit: f32,
    /// Seconds of data.
    pub seconds: f32,
    /// The objective: small, for each decision that is kept carries it.
    pub(super) percentile: Option<Percentile>,
    pub(super) within_micros: u32,
}

/// Why a target that is learned is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// No replica has reported for long enough.
    NoData,
    /// There is too little data yet.
    FewData,
    /// There is data, but the load of a replica hardly changes.
    NoSpread,
    /// Beyond the limit the latency is over the budget.
    Rises,
    /// The latency keeps to the budget as far as was seen.
    Flat,
    /// The objective is not met even by a request that is alone: the budget without one holds.
    Unmet,
}

impl Learned {
    pub(crate) const fn nothing(objective: Option<Objective>) -> Self {
        Self {
            why: Why::NoData,
            limit: 0.0,
            seconds: 0.0,
            percentile: match objective {
                Some(Objective { percentile, .. }) => Some(percentile),
                None => None,
            },
            within_micros: match objective {
                // At most an hour.
                Some(Objective { within, .. }) => within.as_micros() as u32,
                None => 0,
            },
        }
    }

    /// The objective that it keeps to; without one it is [`Objective::BUDGET`].
    #[must_use]
    pub fn objective(&self) -> Option<Objective> {
        self.percentile.map(|percentile| Objective {
            percentile,
            within: Duration::from_micros(self.within_micros.into()),
        })
    }

    /// Whether the target is what was learned; else it is the value it begins with, or the last that was learned.
    #[must_use]
    pub const fn is_sure(&self) -> bool {
        matches!(self.why, Why::Rises | Why::Flat | Why::Unmet)
    }
}
