// SPDX-License-Identifier: Apache-2.0
//! The demo in its short form: the product's own binary, from end to end.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn a_panic_the_scale_to_zero_and_a_cold_start_are_seen_and_nothing_fails() {
    let output = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .args(["demo", "--short"])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // The demo itself fails when one of the three, or an answer, is missing.
    assert!(output.status.success(), "{said}\n{shown}");
    let row = |name: &str| {
        let line = shown
            .lines()
            .find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim).unwrap_or_default().to_owned()
    };
    assert_eq!(row("failures"), "0", "{shown}");
    assert!(row("requests").parse::<u64>().unwrap() > 100, "{shown}");
    assert!(row("most replicas").parse::<u64>().unwrap() > 1, "{shown}");
    assert!(
        row("from the first held request to its answer").ends_with(" ms"),
        "{shown}"
    );
    assert!(shown.contains(" -> 0: "), "{shown}");
    assert!(shown.contains("panic"), "{shown}");
    let too_wide = shown.lines().find(|line| line.chars().count() > 80);
    assert_eq!(too_wide, None);
}

#[test]
fn a_closed_terminal_ends_the_show_and_leaves_nothing_behind() {
    let files = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .args(["demo", "--short"])
        .env("TMPDIR", files.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut shown = BufReader::new(demo.stdout.take().unwrap());
    shown.read_line(&mut first).unwrap();
    let address = first.trim().rsplit("http://").next().unwrap();
    let address: SocketAddr = address.parse().unwrap();
    assert!(TcpStream::connect(address).is_ok(), "{first}");
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(129));
    assert!(TcpStream::connect(address).is_err(), "it still runs");
    assert_eq!(files.path().read_dir().unwrap().count(), 0);
}
