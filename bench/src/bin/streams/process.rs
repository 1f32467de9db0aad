// SPDX-License-Identifier: Apache-2.0
//! What the kernel tells of a process.
use std::time::Duration;

use anyhow::Context;

/// Processor time so far, of all threads. The kernel counts it in hundredths of a second.
pub(crate) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything.
    let (_, rest) = text.rsplit_once(')').context("/proc/PID/stat has no ')'")?;
    let fields = rest.split_whitespace().skip(11).take(2);
    let ticks = fields.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let value = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = value.context("no VmRSS")?.trim().parse()?;
    Ok(kilobytes * 1024)
}

/// How many files and sockets this process (and so its child) may have open.
pub(crate) fn most_open_files() -> anyhow::Result<usize> {
    let text = std::fs::read_to_string("/proc/self/limits")?;
    let line = text.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    Ok(soft
        .context("no limit of open files")?
        .parse()
        .unwrap_or(usize::MAX))
}
