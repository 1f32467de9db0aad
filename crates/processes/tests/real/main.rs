// SPDX-License-Identifier: Apache-2.0
//! Real processes: started, probed, drained, killed, and none left behind.
#![expect(
    clippy::unwrap_used,
    reason = "tests fail by panicking, in their helpers too"
)]

mod door;
mod site;

mod crashing;
mod ending;
mod left_behind;
mod scaling;
mod settings;
