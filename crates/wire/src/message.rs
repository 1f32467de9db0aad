// SPDX-License-Identifier: Apache-2.0
//! The messages as plain Rust, for the rooms that do not name protobuf.
use std::{fmt, net::SocketAddr, time::Duration};

use cheerful_scaling::Report;

/// The version of the messages that this side speaks.
pub const VERSION: u32 = 1;

/// What is scaled as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Workload {
    pub namespace: String,
    pub kind: WorkloadKind,
    pub name: String,
}

/// Whose pods they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// Those of a Revision, and its name is theirs.
    Revision,
    /// Those of a workload that an Autoscaler of that name scales.
    Autoscaler,
}

/// `shop/cart` for a revision, `shop/autoscaler/cart` for what an Autoscaler scales.
impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            WorkloadKind::Revision => "",
            WorkloadKind::Autoscaler => "autoscaler/",
        };
        write!(f, "{}/{kind}{}", self.namespace, self.name)
    }
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Who {
    Queue {
        workload: Workload,
        pod: String,
        /// Where its queue takes requests.
        address: SocketAddr,
    },
    Gateway {
        namespace: String,
        pod: String,
    },
}

/// The first message up.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Hello {
    /// The version that the other side speaks.
    pub version: u32,
    /// For people, at most 64 bytes.
    pub software: String,
    /// What proves who it is; empty: nothing.
    pub token: String,
    pub who: Who,
}

/// Without the token.
impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("version", &self.version)
            .field("software", &self.software)
            .field("who", &self.who)
            .finish_non_exhaustive()
    }
}

/// What goes up after the [`Hello`].
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Upward {
    Report(ReplicaReport),
    Holding(Holding),
    /// A renewed token.
    Token(String),
}

/// A report, and the state of the replica that made it. The replica's name is not sent: it is the pod that the stream
/// has proved to be.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaReport {
    /// Its `replica` is filled in by the server with the pod's name.
    pub report: Report,
    /// Whether the app answers its readiness probe.
    pub ready: bool,
    /// Whether the replica has been told to stop.
    pub draining: bool,
}

/// What a gateway holds for one workload, now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Holding {
    pub workload: Workload,
    pub held: u64,
    /// Since the last such message.
    pub arrived: u64,
    /// Who woke it, if it was woken since the last such message.
    pub woken_by: Option<String>,
    pub last_request: Option<String>,
}

/// What comes down. Boxed: a channel keeps room for 32, and there are tens of thousands of channels.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Downward {
    Pace(Box<Pace>),
    Replica(Box<Replica>),
}

impl From<Pace> for Downward {
    fn from(pace: Pace) -> Self {
        Self::Pace(Box::new(pace))
    }
}

impl From<Replica> for Downward {
    fn from(replica: Replica) -> Self {
        Self::Replica(Box::new(replica))
    }
}

/// How often to report.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Pace {
    /// To a gateway: which workload it concerns. To a queue: `None`.
    pub workload: Option<Workload>,
    pub interval: Duration,
    /// From how many requests in flight (and held) at the receiver on to report at once; `None`: never.
    pub burst_threshold: Option<f64>,
}

/// To a gateway: a replica answers, or no longer takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Replica {
    pub workload: Workload,
    pub pod: String,
    pub address: SocketAddr,
    pub ready: bool,
}
