// SPDX-License-Identifier: Apache-2.0
//! What goes into the machine and what comes out.
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::Observation;

use super::Number;

/// What has happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// So many replicas are wanted; with the requests in flight of the ready ones, as far as known.
    Wanted {
        replicas: u32,
        in_flight: BTreeMap<Number, u64>,
    },
    /// The process that was asked for runs.
    Spawned(Number),
    /// There is no process (any more): it could not be started, or has ended.
    Ended(Number),
    /// The front door has taken it out because it refused or dropped connections.
    Failing(Number),
    /// A wait is over.
    Waited {
        number: Number,
        ticket: u64,
        end: WaitEnd,
    },
    /// Everything ends now.
    KillAll,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitEnd {
    /// The probe was answered.
    Answered,
    /// The probe was not answered.
    NotAnswered,
    /// Nothing is in flight any more.
    Drained,
    /// The drain was called off.
    Recalled,
    /// The time has passed.
    TimeOver,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Start a process.
    Spawn(Number),
    /// Open it at the front door; `first_after`: how long its start took, if this ends a start.
    Open {
        number: Number,
        first_after: Option<Duration>,
    },
    /// No new requests.
    TakeOut(Number),
    /// The front door forgets it.
    Forget(Number),
    /// SIGTERM to its process group (or: do not start it after all).
    Terminate(Number),
    /// SIGKILL to its process group; `after_grace`: since it ignored SIGTERM.
    Kill { number: Number, after_grace: bool },
    /// Wait for something; an earlier wait of this replica ends unheard.
    Wait {
        number: Number,
        ticket: u64,
        wait: Wait,
    },
    /// End the present drain wait with [`WaitEnd::Recalled`], unless it has ended already.
    Recall(Number),
    /// It ended on its own and starts again after the wait.
    Crashed {
        number: Number,
        restart_in: Duration,
    },
    /// The machine has forgotten it; `lost`: its process did not even vanish on SIGKILL.
    Gone { number: Number, lost: bool },
    /// The counts have changed.
    Observe(Observation),
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// After so long probe once.
    Probe(Duration),
    /// Until nothing is in flight, at most so long.
    Drain(Duration),
    /// So long.
    Time(Duration),
}
