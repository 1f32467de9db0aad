// SPDX-License-Identifier: Apache-2.0
//! What stands before one replica: its upstream, its concurrency limit, its report.
//! It does not know the platform. On one machine it is an object inside the gateway's process ([`Queue`]); in a pod
//! it is a process of its own ([`Sidecar`]) that also probes the app, reports over the wire, and drains.
mod door;
mod feed;
mod health;
mod lifecycle;
mod probe;
mod queue;
mod reporter;
mod settings;
mod sidecar;
mod state;

pub use door::DoorMetrics;
pub use feed::{BURST_DELAY, Reports};
pub use probe::{HttpProbe, Kind, Probe, Thresholds, WrongProbe};
pub use queue::{Queue, QueueConfig, QueuePlace};
pub use reporter::{Counted, Reporter};
pub use settings::{Fault, Settings};
pub use sidecar::{Sidecar, SidecarConfig, SidecarMetrics};
