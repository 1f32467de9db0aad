// SPDX-License-Identifier: Apache-2.0
//! The demo in its short form: the product's own binary, from end to end.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
use std::process::Command;

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
