// SPDX-License-Identifier: Apache-2.0
//! For tests only: an echo app, raw peers, traffic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod app;
#[cfg(feature = "cluster")]
pub mod cluster;
mod peer;
mod prometheus;
mod script;
mod traffic;

pub use app::App;
pub use peer::{Peer, Reply};
pub use prometheus::Prometheus;
pub use script::{Script, read_head};
pub use traffic::{Tally, Traffic};
