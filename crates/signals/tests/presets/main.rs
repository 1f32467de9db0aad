// SPDX-License-Identifier: Apache-2.0
//! Each preset against the real program, of Debian's packages. One whose program is not there is left out, and says so.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]
mod proxies;
mod python;
mod recorded;
mod rig;
