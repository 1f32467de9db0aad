// SPDX-License-Identifier: Apache-2.0
//! Traces of every layout as they come from the disk: what is made of them, and what is told of what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice
)]
mod bad_input;
mod chance;
mod layouts;
mod real;

use std::{io::Write as _, path::PathBuf};

use cheerful_simulator::{
    Arrival,
    load::{LoadError, Summary, Trace},
};
use flate2::{Compression, write::GzEncoder};

const SEED: u64 = 7;

/// A trace that is kept with the tests.
fn fixture(name: &str) -> Trace {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    Trace::new(folder.join(name))
}

/// Reads all of it.
fn read(trace: &Trace) -> Result<(Vec<Arrival>, Summary), LoadError> {
    let mut arrivals = trace.open(SEED)?;
    let all: Vec<Arrival> = arrivals.by_ref().collect();
    assert!(
        all.is_sorted_by_key(|arrival| arrival.at),
        "{}",
        trace.path.display()
    );
    arrivals.finish().map(|summary| (all, summary))
}

/// A file with these bytes, for as long as the folder is there.
fn written(bytes: &[u8]) -> (tempfile::TempDir, Trace) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    std::fs::write(&path, bytes).unwrap();
    (folder, Trace::new(path))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// An access log of so many requests, one each second, each of 50 ms.
fn log(lines: usize) -> String {
    (0..lines)
        .map(|line| {
            let (minute, second) = (line / 60 % 60, line % 60);
            format!("a - - [24/Nov/2026:15:{minute:02}:{second:02} +0000] \"GET / HTTP/1.1\" 200 5 0.050\n")
        })
        .collect()
}
