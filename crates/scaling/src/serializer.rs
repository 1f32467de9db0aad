// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::Moment;

/// One scale request at a time, the newest wish next: the pure half of writing a scale.
///
/// A wish that equals what was last written (or is being written) is no request. A request that has not
/// answered within [`Serializer::LIMIT`] is given up; its late answer is ignored, and the newest wish goes next.
#[derive(Clone, Debug, Default)]
pub struct Serializer {}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SerializerEvent {
    /// A decision.
    Wanted { replicas: u32 },
    /// The request of that number was carried out.
    Done { request: u64 },
    /// The request of that number failed.
    Failed { request: u64 },
    /// Time passed.
    Tick,
}

/// What the shell has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SerializerAction {
    /// Nothing.
    Rest,
    /// Send this request now, and say `Tick` at `deadline` at the latest. A request under way before is to be dropped.
    Send { request: u64, replicas: u32, deadline: Moment },
}

impl Serializer {
    /// How long a scale request may take.
    pub const LIMIT: Duration = Duration::from_secs(5);
    /// Takes what happened and says what to do.
    pub fn step(&mut self, _event: SerializerEvent, _now: Moment) -> SerializerAction {
        todo!()
    }
}
