// SPDX-License-Identifier: Apache-2.0
//! The controller, in this process, at a real API server with a real node.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::panic
)]

mod certificates;
mod dedicated;
mod keeping;
mod stage;
mod trouble;
mod way;
