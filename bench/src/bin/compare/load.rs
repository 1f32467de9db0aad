// SPDX-License-Identifier: Apache-2.0
//! One measurement: a load generator runs for some seconds while the peer's CPU time is read before and after.
use std::{fs, process::Command, time::Duration};

use anyhow::{Context, ensure};

use crate::peers::{LOAD_CORE, Peer};

/// Streams at once in each HTTP/2 connection.
const STREAMS: &str = "10";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    H2c,
}

/// What one run gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Processor time of the peer per request, microseconds.
    pub(crate) cpu_micros: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    pub(crate) resident_mib: f64,
}

pub(crate) fn measure(
    peer: &Peer,
    protocol: Protocol,
    path: &str,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    let before = cpu_ticks(&peer.pids)?;
    let run = match protocol {
        Protocol::Http1 => wrk(peer, path, connections, time)?,
        Protocol::H2c => h2load(peer, path, connections, time)?,
    };
    let ticks = cpu_ticks(&peer.pids)? - before;
    ensure!(run.requests > 0.0, "no request was answered");
    Ok(Measured {
        // USER_HZ is 100 on every Linux that Rust runs on.
        cpu_micros: ticks * 10_000.0 / run.requests,
        requests_per_second: run.requests / time.as_secs_f64(),
        p50_micros: run.p50_micros,
        p99_micros: run.p99_micros,
        resident_mib: resident_mib(&peer.pids)?,
    })
}

struct Run {
    requests: f64,
    p50_micros: f64,
    p99_micros: f64,
}

fn wrk(peer: &Peer, path: &str, connections: usize, time: Duration) -> anyhow::Result<Run> {
    let text = output(
        Command::new("taskset")
            .args([
                "-c",
                LOAD_CORE,
                "wrk",
                "-t1",
                "--latency",
                "--timeout",
                "10s",
            ])
            .args([
                format!("-c{connections}"),
                format!("-d{}s", time.as_secs()),
                format!("http://{}{path}", peer.http1),
            ]),
    )?;
    ensure!(!text.contains("Non-2xx"), "wrk met faults:\n{text}");
    let after = |label: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(label))
            .map(str::trim)
    };
    let requests = text
        .lines()
        .find_map(|line| line.split_once(" requests in "))
        .and_then(|(count, _)| count.trim().parse().ok())
        .with_context(|| format!("wrk printed no count of requests:\n{text}"))?;
    let percentile = |label| {
        after(label)
            .and_then(micros)
            .with_context(|| format!("wrk printed no {label}:\n{text}"))
    };
    Ok(Run {
        requests,
        p50_micros: percentile("50%")?,
        p99_micros: percentile("99%")?,
    })
}

fn h2load(peer: &Peer, path: &str, connections: usize, time: Duration) -> anyhow::Result<Run> {
    let log = tempfile::NamedTempFile::new()?;
    let text = output(
        Command::new("taskset")
            .args(["-c", LOAD_CORE, "h2load", "-t1", "-m", STREAMS])
            .args([
                format!("-c{connections}"),
                format!("-D{}", time.as_secs()),
                format!("--log-file={}", log.path().display()),
                format!("http://{}{path}", peer.h2c),
            ]),
    )?;
    // Each line: start in microseconds, status, duration in microseconds.
    let mut durations = Vec::new();
    for line in fs::read_to_string(log.path())?.lines() {
        let mut fields = line.split('\t').skip(1);
        ensure!(
            fields.next() == Some("200"),
            "h2load met a fault: {line}\n{text}"
        );
        durations.push(
            fields
                .next()
                .and_then(|micros| micros.parse::<f64>().ok())
                .with_context(|| line.to_owned())?,
        );
    }
    durations.sort_by(f64::total_cmp);
    let at = |part: usize| {
        durations
            .get(durations.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    Ok(Run {
        requests: durations.len() as f64,
        p50_micros: at(50),
        p99_micros: at(99),
    })
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}

/// `1.23ms` in microseconds.
fn micros(text: &str) -> Option<f64> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

fn cpu_ticks(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter()
        .map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
            let times: Vec<f64> = fields
                .split_whitespace()
                .skip(11)
                .take(2)
                .filter_map(|field| field.parse().ok())
                .collect();
            ensure!(times.len() == 2, "no times in stat of {pid}");
            Ok(times.iter().sum::<f64>())
        })
        .sum()
}

fn resident_mib(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter()
        .map(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))
                .context("no VmRSS")?;
            Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn reads_the_units_of_wrk() {
        assert_eq!(micros("812.00us"), Some(812.0));
        assert_eq!(micros("1.50ms"), Some(1500.0));
        assert_eq!(micros("2.00s"), Some(2_000_000.0));
        assert_eq!(micros("2.00m"), None);
    }
}
