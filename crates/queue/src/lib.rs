// SPDX-License-Identifier: Apache-2.0
//! What stands before one replica: its upstream, its concurrency limit, its report.
//! It does not know the platform. On one machine it is an object inside the gateway's process.
mod queue;
mod reporter;

pub use queue::{Queue, QueueConfig, QueuePlace};
pub use reporter::Reporter;
