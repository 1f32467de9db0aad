// SPDX-License-Identifier: Apache-2.0
//! One HTTP hop: in-flight accounting, a concurrency limit with a bounded wait line, forward, stream,
//! upgrade, time limits, drain. It does not know who reports or who scales.
//!
//! [`serve`] takes connections, asks a [`Choose`] for the [`Place`] of each request, and forwards it there.
mod accounting;
mod choose;
mod server;
mod upstream;

pub use accounting::{Accounting, Counts, InFlight};
pub use choose::{Answer, Attempt, Choose, Failure, Place, TimeLimits};
pub use server::{Drain, Listener, ServerConfig, serve};
pub use upstream::{Upstream, UpstreamConfig};
