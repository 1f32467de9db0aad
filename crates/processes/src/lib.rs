// SPDX-License-Identifier: Apache-2.0
//! Replicas as child processes of this machine: start, probe, drain, restart.
//!
//! [`Processes`] is the platform; [`watch_over`] is what its warden process runs.
mod child;
mod door;
mod ending;
mod guard;
mod lifecycle;
mod metrics;
mod output;
mod owner;
mod passwd;
mod platform;
mod ports;
mod probe;
mod replica;
mod revision;
mod start;
mod warden;

pub use door::FrontDoor;
pub use guard::WardenCommand;
pub use metrics::ProcessMetrics;
pub use output::LineSink;
pub use platform::{ProcessEvent, Processes, ProcessesConfig, ReplicaView};
pub use revision::{Probe, ProcessRevision, RunAs};
pub use start::StartError;
pub use warden::watch_over;
