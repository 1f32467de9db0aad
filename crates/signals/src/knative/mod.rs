// SPDX-License-Identifier: Apache-2.0
//! What Knative's own parts tell, in their own protobuf: its sidecar on port 9090 of each pod when it is asked
//! ([`Reader`]), and its activator over a WebSocket by itself ([`serve`]).
mod activators;
mod message;
mod server;
mod stat;

pub use activators::{ActivatorCounts, Activators, Holder};
pub use message::{WireStatMessage, WireStatMessages};
pub use server::{PushConfig, PushCounts, PushServer, serve};
pub use stat::{Reader, Stat};

/// Where its sidecar answers.
pub const PORT: u16 = 9090;
/// And under which path.
pub const PATH: &str = "/metrics";
