// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc};

use cheerful_proxy::{Accounting, TimeLimits, Upstream};

/// What stands before one replica.
#[derive(Debug)]
pub struct Queue {}

/// What is fixed of a queue.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct QueueConfig {
    pub replica: String,
    pub address: SocketAddr,
    /// Requests in flight at most; `None`: no limit.
    pub limit: Option<u32>,
    pub time_limits: TimeLimits,
}

impl Queue {
    /// A queue before a replica that is ready.
    #[must_use]
    pub fn new(_config: QueueConfig) -> Arc<Self> {
        todo!()
    }
    /// The replica's name.
    #[must_use]
    pub fn replica(&self) -> &str {
        todo!()
    }
    /// Where requests go.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        todo!()
    }
    /// The sums.
    #[must_use]
    pub fn accounting(&self) -> &Arc<Accounting> {
        todo!()
    }
    /// Takes a place if one is free under the limit; never waits. `counts` false: forwarded without accounting.
    #[must_use]
    pub fn try_enter(self: &Arc<Self>, _counts: bool) -> Option<QueuePlace> {
        todo!()
    }
    /// Requests in flight (all, counted or not).
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        todo!()
    }
}

/// A place taken in a queue; dropping it gives it back.
#[derive(Debug)]
pub struct QueuePlace {}
