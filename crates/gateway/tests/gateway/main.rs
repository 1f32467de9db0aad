// SPDX-License-Identifier: Apache-2.0
//! The gateway as a whole.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]
mod counting;
mod door;
mod holding;
mod peers;
mod sockets;
