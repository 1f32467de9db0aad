// SPDX-License-Identifier: Apache-2.0
use std::env::consts::{ARCH, OS};

use crate::exit::{Failure, print};

/// `cheerful 0.1.0 (x86_64-linux-gnu)`.
pub(crate) fn run() -> Result<(), Failure> {
    let environment = if cfg!(target_env = "musl") {
        "musl"
    } else {
        "gnu"
    };
    print(&format!(
        "cheerful {} ({ARCH}-{OS}-{environment})\n",
        env!("CARGO_PKG_VERSION")
    ))
}
