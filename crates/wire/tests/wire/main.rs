// SPDX-License-Identifier: Apache-2.0
//! Links and servers over real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says so by failing"
)]
mod bounds;
mod faults;
mod peers;
mod streams;
mod versions;
