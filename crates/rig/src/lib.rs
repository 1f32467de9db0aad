// SPDX-License-Identifier: Apache-2.0
//! For tests only: an echo app, raw peers, traffic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod app;
mod peer;
mod script;

pub use app::App;
pub use peer::{Peer, Reply};
pub use script::{Script, read_head};
