// SPDX-License-Identifier: Apache-2.0
//! One HTTP hop: in-flight accounting, a concurrency limit with a bounded wait line, forward, stream,
//! upgrade, time limits, drain. It does not know who reports or who scales.
//!
//! [`serve`] takes connections, asks a [`Choose`] for the [`Place`] of each request, and forwards it there.
mod accounting;
mod answer;
mod body;
mod choose;
mod chunks;
mod client;
mod connection;
mod detect;
mod drain;
mod exchange;
mod framing;
mod headers;
mod limits;
mod line;
mod pool;
mod retry;
mod server;
mod single;
mod socket;
mod tasks;
mod transport;
mod tunnel;
mod upstream;

pub use accounting::{Accounting, Counts, InFlight};
pub use choose::{Answer, Attempt, Choose, Failure, Place, TimeLimits};
pub use drain::Drain;
pub use line::{Full, Line, Turn};
pub use server::{Listener, ServerConfig, serve};
pub use single::{SinglePlace, SingleUpstream};
pub use tasks::{TaskExecutor, Tasks};
pub use upstream::{Upstream, UpstreamConfig};
