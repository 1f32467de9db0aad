// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use cheerful_scaling::{Moment, Observation};

/// Numbers a replica within its revision, from 1; never used twice.
pub(crate) type Number = u64;

/// One replica as the machine sees it.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) state: State,
    /// When it was first asked for.
    pub(crate) born: Moment,
    pub(crate) restarts: u32,
    /// Since when it is not ready, over all restarts.
    pub(super) starting_since: Moment,
    /// When its present process was asked for, or when it began to be probed again.
    pub(crate) spawned: Moment,
    /// Starts that failed and ends on its own, in a row.
    pub(super) failures: u32,
    /// The wait whose end counts; the end of any older one is ignored.
    pub(super) ticket: u64,
}

/// Where a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A process was asked for.
    Spawning,
    /// The process runs and is probed. `opened`: it was ready before, so requests may be in flight.
    Starting { opened: bool },
    /// Open at the front door.
    Ready { since: Moment },
    /// Taken out; at `until` it ends whatever is in flight. `recalled`: it is wanted again and
    /// opens as soon as its wait has ended.
    Draining { until: Moment, recalled: bool },
    /// SIGTERM was sent; `killed`: SIGKILL too.
    Stopping { killed: bool },
    /// Ended on its own; waits for its restart.
    Waiting,
}

impl State {
    /// Whether the replica is meant to stay.
    pub(super) fn stays(self) -> bool {
        match self {
            Self::Spawning | Self::Starting { .. } | Self::Ready { .. } | Self::Waiting => true,
            Self::Draining { recalled, .. } => recalled,
            Self::Stopping { .. } => false,
        }
    }

    /// Whether the front door may know of it.
    pub(crate) fn known_at_door(self) -> bool {
        match self {
            Self::Ready { .. } | Self::Draining { .. } | Self::Stopping { .. } => true,
            Self::Starting { opened } => opened,
            Self::Spawning | Self::Waiting => false,
        }
    }

    /// The least useful goes first; among the ready ones the requests in flight decide.
    pub(super) fn usefulness(self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Draining { .. } | Self::Stopping { .. } => 1,
            Self::Spawning => 2,
            Self::Starting { opened: false } => 3,
            Self::Starting { opened: true } => 4,
            Self::Ready { .. } => 5,
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spawning | Self::Starting { .. } => "starting",
            Self::Ready { .. } => "ready",
            Self::Draining { .. } => "draining",
            Self::Stopping { .. } => "stopping",
            Self::Waiting => "waiting to restart",
        }
    }
}

/// What the autoscaler is told. A replica that waits for its restart counts as starting, since it
/// was last ready: a crash loop is no reason to ask for more, and shows by its age.
pub(super) fn observation_of(replicas: &BTreeMap<Number, Replica>) -> Observation {
    // On one machine the gateway is the only way in: it has always stood in the path.
    let mut seen = Observation {
        gateway_since: Some(Moment::ZERO),
        ..Observation::default()
    };
    for replica in replicas.values() {
        match replica.state {
            State::Ready { .. } => seen.ready += 1,
            state if state.stays() => {
                seen.starting += 1;
                let since = replica.starting_since;
                seen.starting_since = Some(seen.starting_since.map_or(since, |old| old.min(since)));
            }
            _ => seen.draining += 1,
        }
    }
    seen
}
