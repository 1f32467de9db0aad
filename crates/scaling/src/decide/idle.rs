// SPDX-License-Identifier: Apache-2.0
//! Step 5, second half: when the last replica may go, and how few there are when there are any.
use std::time::Duration;

use super::Course;
use crate::{Bound, Moment};

/// What keeps the last replica.
pub(crate) struct LastReplica {
    pub(crate) present: u32,
    /// Until the last request is long enough ago.
    pub(crate) idle_remains: Duration,
    /// Until the gateway stands in the path for long enough; `None`: it does not stand there.
    pub(crate) grace_remains: Option<Duration>,
    pub(crate) activation: u32,
}

impl LastReplica {
    pub(crate) fn keep(&self, course: &mut Course) {
        if self.present > 0 && !self.idle_remains.is_zero() {
            course.at_least(1, Bound::IdleDelay);
        }
        if self.present > 0 && self.grace_remains.is_none_or(|remains| !remains.is_zero()) {
            course.at_least(1, Bound::GracePeriod);
        }
        if course.replicas > 0 {
            course.at_least(self.activation, Bound::Activation);
        }
    }
}

/// Until the gateway has stood in the path for the grace period. Since the origin means always.
pub(crate) fn grace_remains(
    now: Moment,
    gateway_since: Option<Moment>,
    grace_period: Duration,
) -> Option<Duration> {
    gateway_since.map(|since| {
        if since == Moment::ZERO {
            Duration::ZERO
        } else {
            grace_period.saturating_sub(now.since(since))
        }
    })
}
