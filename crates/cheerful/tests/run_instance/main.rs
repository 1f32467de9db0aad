// SPDX-License-Identifier: Apache-2.0
//! `cheerful run` with real processes: the product's own binary, and its sample service as the app.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test may fail, and its waits are bounded by the clock"
)]
mod asking;
mod beside;
mod dashboard;
mod ending;
mod refusing;
mod reloading;
mod remembering;
mod rig;
mod scaling;
mod signals;
mod systemd;
mod telling;
