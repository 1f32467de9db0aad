// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Report;

use crate::Queue;

/// Turns the sums of a queue into reports: each covers what happened since the one before.
#[derive(Debug)]
pub struct Reporter {}

impl Reporter {
    /// The first report covers the time since now.
    #[must_use]
    pub fn new(_queue: &Queue) -> Self {
        todo!()
    }
    /// What happened since the last report; `None` if no time has passed. `burst`: with the requests in flight now.
    pub fn report(&mut self, _queue: &Queue, _burst: bool) -> Option<Report> {
        todo!()
    }
}
