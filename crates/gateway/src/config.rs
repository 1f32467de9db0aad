// SPDX-License-Identifier: Apache-2.0
use cheerful_proxy::TimeLimits;

use crate::{HoldLimits, Route, WakingRules};

/// What the gateway has to know of a revision.
#[derive(Clone, Debug)]
pub struct RevisionConfig {
    /// Its name, unique in the gateway.
    pub name: String,
    /// Which requests are its own, once they are made live by `Gateway::route`. None: all requests.
    pub routes: Vec<Route>,
    /// Hard limit of requests in flight per replica; `None` or 0: no limit.
    pub limit: Option<u32>,
    /// Requests in flight per replica to aim for: a replica below it is filled before another is begun.
    pub target: f64,
    /// Bounds of what is held.
    pub hold: HoldLimits,
    /// How long what may take. The limit of the whole request bounds the wait as well.
    pub time_limits: TimeLimits,
    /// What counts and what wakes.
    pub waking: WakingRules,
}
