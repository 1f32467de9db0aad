// SPDX-License-Identifier: Apache-2.0
//! Memory does not grow with a trace. In a process of its own, for the largest size that it had is looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]
use std::{
    fs::File,
    io::{BufWriter, Write as _},
};

use cheerful_simulator::load::Trace;

/// Lines of a log of 4,000 requests a second, so that the window in which it is sorted is full at any time.
const LINES: u64 = 1_500_000;
/// The buffers, and the window twice while it grows. The file is many times as large.
const MOST_BYTES: u64 = 48 << 20;

/// The largest size of the process so far.
fn largest() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib << 10)
}

#[test]
fn a_log_larger_than_its_bound_is_read_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    for line in 0..LINES {
        let at = line / 4000;
        let (minute, second) = (at / 60, at % 60);
        writeln!(
            file,
            "10.0.0.1 - - [24/Nov/2026:15:{minute:02}:{second:02} +0000] \"GET /{line:030} HTTP/1.1\" 200 512 \"-\" \"curl/8.5\" 0.{:03}",
            line % 997
        )
        .unwrap();
    }
    file.into_inner().unwrap();
    let size = path.metadata().unwrap().len();
    assert!(size > 3 * MOST_BYTES);
    let before = largest();
    let mut arrivals = Trace::new(&path).open(1).unwrap();
    let mut last = None;
    let rising = arrivals.by_ref().all(|arrival| {
        let rises = last <= Some(arrival.at);
        last = Some(arrival.at);
        rises
    });
    let summary = arrivals.finish().unwrap();
    assert!(rising);
    assert_eq!(
        (summary.requests, summary.late, summary.broken),
        (LINES, 0, 0)
    );
    let (Some(before), Some(after)) = (before, largest()) else {
        return eprintln!("skipped: there is no /proc");
    };
    let grown = after - before;
    eprintln!(
        "{} MiB were read with {} MiB more than before",
        size >> 20,
        grown >> 20
    );
    assert!(grown < MOST_BYTES, "{grown}");
}
