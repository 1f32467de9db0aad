// SPDX-License-Identifier: Apache-2.0
use std::io::{self, IsTerminal};

use cheerful_processes::LineSink;

use crate::exit::complain;

/// Where the lines of the replicas go: on a terminal as they are, with the replica's name before them; elsewhere into
/// the log, so that each line there is JSON.
pub(super) fn sink() -> LineSink {
    if io::stderr().is_terminal() {
        return LineSink::new(complain);
    }
    LineSink::new(|line| {
        let (replica, text) = line.split_once(" | ").unwrap_or(("", line));
        tracing::info!(target: "output", replica, "{text}");
    })
}
