// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::Moment;

/// One request. A load is an iterator of them in rising time; one that comes with an earlier moment than the one
/// before counts as coming at that one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it reaches the gateway.
    pub at: Moment,
    /// How long a replica takes for it that has nothing else to do. A microsecond at least.
    pub work: Duration,
}
