// SPDX-License-Identifier: Apache-2.0
//! Replicas as child processes of this machine: start, probe, drain, restart.
mod door;
mod platform;
mod revision;

pub use door::FrontDoor;
pub use platform::{ProcessEvent, Processes, ProcessesConfig, ReplicaView};
pub use revision::{Probe, ProcessRevision, RunAs};
