// SPDX-License-Identifier: Apache-2.0
//! Replicas as child processes of this machine: start, probe, drain, restart.
//!
//! [`Processes`] is a handle on the one task that owns every revision (`owner`). What happens to a
//! replica is decided by a pure machine (`lifecycle`); the rest is its shell: `start` makes a process,
//! `child` owns it to its end, `waiting` probes and waits. `guard` and `warden` see to it that nothing
//! is left behind, whatever ends this process; [`watch_over`] is what the warden runs.
mod child;
mod door;
mod ending;
mod entry;
mod guard;
mod lifecycle;
mod metrics;
mod news;
mod outbox;
mod output;
mod owner;
mod passwd;
mod platform;
mod ports;
mod probe;
mod revision;
mod start;
mod waiting;
mod warden;

pub use door::{FirstAnswer, FrontDoor};
pub use guard::WardenCommand;
pub use metrics::ProcessMetrics;
pub use output::LineSink;
pub use platform::{ProcessEvent, Processes, ProcessesConfig, ReplicaView, StartView};
pub use revision::{Probe, ProcessRevision, RunAs};
pub use start::StartError;
pub use warden::watch_over;
