// SPDX-License-Identifier: Apache-2.0
//! How the processes speak with each other: a line is asked, a line is answered.
use std::io::Write;

use tokio::sync::mpsc;

/// The lines of the standard input.
pub(crate) fn asked() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
