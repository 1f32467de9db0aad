// SPDX-License-Identifier: Apache-2.0
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;

/// What asks the show to end: Ctrl-C, `kill`, or a terminal that was closed. Heard from when this is made.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one; the exit code is the one that a shell gives for it, 128 and its number.
    pub(super) async fn next(&mut self) -> Failure {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hang_up.recv() => SignalKind::hangup(),
        };
        let exit_code = u8::try_from(128 + kind.as_raw_value()).unwrap_or(1);
        Failure {
            exit_code,
            message: "stopped".to_owned(),
        }
    }
}
