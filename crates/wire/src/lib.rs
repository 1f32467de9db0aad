// SPDX-License-Identifier: Apache-2.0
//! How a report travels: versioned protobuf messages over a gRPC stream, or the same messages as WebSocket frames.
//!
//! [`Link`] is the end at a queue or gateway, [`serve`] the end at the autoscaler. Neither knows what a decision is.
//! What is on the wire, and what happens at each bound, is told in `docs/wire.md`.
mod codec;
mod convert;
mod end;
mod link;
mod message;
mod server;
mod tls;
mod websocket;

pub use link::{Link, LinkConfig, LinkMetrics, Lookup, Transport};
pub use message::{
    Downward, Hello, Holding, Pace, Replica, ReplicaReport, Upward, VERSION, Who, Workload,
    WorkloadKind,
};
pub use server::{Admit, Refusal, ServerConfig, ServerCounts, ServerMetrics, Session, serve};
pub use tls::{ServerTls, TlsError};

/// What the protobuf file says.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::use_self
)]
pub(crate) mod proto {
    tonic::include_proto!("cheerful.wire.v1");
}
