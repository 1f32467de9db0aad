// SPDX-License-Identifier: Apache-2.0
use cheerful_gateway::RevisionConfig;
use cheerful_processes::ProcessRevision;
use cheerful_scaling::{Observation, Scaling};

use super::{Signals, Spec};

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// These are the revisions from now on, each name once; `restart`: a new version of each even if nothing has changed.
    Apply { specs: Vec<Spec>, restart: bool },
    /// The autoscaler wants so many replicas of a revision.
    Wanted { revision: String, replicas: u32 },
    /// The counts of a version have changed.
    Observed {
        version: String,
        observation: Observation,
    },
    /// A replica of a version ended on its own.
    Crashed { version: String, why: String },
    /// A version's last replica has ended.
    Retired { version: String },
    /// A second has passed.
    Tick,
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Make a version known to the gateway and the processes, with no replica.
    Make {
        door: Box<RevisionConfig>,
        process: Box<ProcessRevision>,
    },
    /// Change a version's routes and limits at the gateway.
    ChangeDoor(Box<RevisionConfig>),
    /// Exactly these versions take requests from now on.
    Route {
        versions: Vec<String>,
    },
    /// Which version takes a revision's requests, and which is about to.
    Stand {
        revision: String,
        current: String,
        next: Option<String>,
    },
    /// Move what is held.
    MoveHeld {
        from: String,
        to: String,
    },
    /// Set the count of a version's replicas.
    Scale {
        version: String,
        replicas: u32,
    },
    /// Drain and end all of a version's replicas, then say [`Event::Retired`].
    Retire {
        version: String,
    },
    /// Forget a version at the gateway.
    Forget {
        version: String,
    },
    /// Tell the autoscaler of a new revision, a change, or that it is gone.
    Begin {
        revision: String,
        scaling: Box<Scaling>,
    },
    Rescale {
        revision: String,
        scaling: Box<Scaling>,
    },
    /// Tell the autoscaler of a second policy beside the one that acts, or that there is none any more.
    Shadow {
        revision: String,
        scaling: Option<Box<Scaling>>,
    },
    End {
        revision: String,
    },
    /// From now on these are the signals and schedules of a revision; what was listened to before is left.
    Listen {
        revision: String,
        signals: Box<Signals>,
    },
    /// Tell the autoscaler what is there.
    Observe {
        revision: String,
        observation: Observation,
    },
    /// For the log: a change of version, in a sentence; `failed` when it was given up.
    Say {
        revision: String,
        sentence: String,
        failed: bool,
    },
}
