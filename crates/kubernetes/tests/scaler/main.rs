// SPDX-License-Identifier: Apache-2.0
//! The autoscaler at a real API server, with real pods that prove who they are. Skipped unless
//! `CHEERFUL_TEST_CLUSTER=1`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]
mod admission;
mod certificates;
mod conflicts;
mod scaling;
mod shadow;
mod shop;
mod signals;
mod stale;
mod streams;
mod takeover;
