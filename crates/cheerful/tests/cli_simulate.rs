// SPDX-License-Identifier: Apache-2.0
//! `cheerful simulate` as a person runs it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests say so by failing"
)]
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .arg("simulate")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn table(arguments: &[&str]) -> String {
    let output = simulate(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// What stands on stderr after exit code 2.
fn refused(arguments: &[&str]) -> String {
    let output = simulate(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    said
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const LOAD: &str = "poisson:20/s,service=exp:100ms,for=2m";

#[test]
fn all_policies_are_compared_and_one_seed_gives_one_result() {
    let text = table(&["--load", LOAD, "--slots", "4"]);
    for name in [
        "auto",
        "stable-panic",
        "2018",
        "knative",
        "hpa",
        "keda",
        "fixed:",
        "clairvoyant",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name}: {text}"
        );
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert_eq!(
        text,
        table(&["--load", LOAD, "--slots", "4", "--seed", "1"])
    );
    assert_ne!(
        text,
        table(&["--load", LOAD, "--slots", "4", "--seed", "2"])
    );
}

#[test]
fn a_log_is_read_and_what_is_wrong_in_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let mut text = String::new();
    for second in 0..60 {
        text.push_str(&format!(
            "10.0.0.1 - - [24/Nov/2026:10:00:{second:02} +0000] \"GET / HTTP/1.1\" 200 512\n"
        ));
    }
    text.push_str("this is no line of a log\n");
    fs::write(&log, text).unwrap();
    let said = table(&[
        "--trace",
        log.to_str().unwrap(),
        "--policy",
        "auto",
        "--service",
        "50ms",
    ]);
    assert!(said.starts_with("access.log: 60 requests"), "{said}");
    assert!(said.contains("1 of 61 lines"), "{said}");
    assert!(said.contains("line 61"), "{said}");
}

#[test]
fn the_page_and_the_figures_are_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (html, csv, json) = (path("a.html"), path("a.csv"), path("a.json"));
    table(&[
        "--load",
        LOAD,
        "--policy",
        "auto,clairvoyant",
        "--html",
        &html,
        "--csv",
        &csv,
        "--json",
        &json,
    ]);
    assert_eq!(names(folder.path()), ["a.csv", "a.html", "a.json"]);
    let page = fs::read_to_string(html).unwrap();
    assert!(page.contains("default-src 'none'") && page.contains("clairvoyant"));
    let lines = fs::read_to_string(csv).unwrap();
    assert_eq!(lines.lines().count(), 3);
    let all: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(all["policies"][1]["cost"], 1.0);
}

#[test]
fn figures_on_stdout_stand_there_alone() {
    let text = table(&["--load", LOAD, "--policy", "fixed:2", "--csv", "-"]);
    assert!(text.starts_with("policy,requests,"), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn a_manifest_decides_beside_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let revision = |name: &str| {
        format!(
            "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: {name}}}\n\
             spec: {{command: [\"true\"], routes: [{{host: {name}.example.com}}], concurrency: 2, \
             scaling: {{min: 3}}}}\n"
        )
    };
    fs::write(&path, revision("shop")).unwrap();
    let manifest = path.to_str().unwrap();
    let text = table(&["--load", LOAD, "--policy", "auto", "--manifest", manifest]);
    assert!(text.contains("\nyours: shop"), "{text}");
    assert!(text.contains("serves 2 requests at once"), "{text}");

    fs::write(
        &path,
        format!("{}---\n{}", revision("shop"), revision("cart")),
    )
    .unwrap();
    let said = refused(&["--load", LOAD, "--manifest", manifest]);
    assert!(
        said.contains("--revision") && said.contains("shop, cart"),
        "{said}"
    );
    let said = refused(&["--load", LOAD, "--manifest", manifest, "--revision", "cat"]);
    assert!(
        said.contains("cat") && said.contains("shop, cart"),
        "{said}"
    );
}

#[test]
fn who_mistypes_is_told_what_would_be_right() {
    let said = refused(&["--trace", "no/such/file.log"]);
    assert!(said.contains("no/such/file.log"), "{said}");
    let said = refused(&["--load", LOAD, "--policy", "knativ"]);
    assert!(
        said.contains("knativ") && said.contains("knative, hpa"),
        "{said}"
    );
    let said = refused(&["--load", "poisson:20"]);
    assert!(said.contains("20") && said.contains("/s"), "{said}");
    let said = refused(&["--load", LOAD, "--start-up", "2"]);
    assert!(said.contains("2s"), "{said}");
    let said = refused(&["--load", LOAD, "--html", "no/such/folder/a.html"]);
    assert!(said.contains("no/such/folder/a.html"), "{said}");
    assert!(refused(&["--load", LOAD, "--trace", "a.log"]).contains("--trace"));
    assert!(refused(&[]).contains("--load"));
}

#[test]
fn ctrl_c_in_the_middle_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .args([
            "simulate",
            "--load",
            "poisson:2000/s,service=exp:100ms,for=1000h",
            "--html",
        ])
        .arg(&page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !catches_interrupts(child.id()) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "no handler for SIGINT"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = loop {
        if child.try_wait().unwrap().is_some() {
            break child.wait_with_output().unwrap();
        }
        if begun.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("it does not stop");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(output.status.code(), Some(130));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("nothing was written")
    );
    assert!(names(folder.path()).is_empty());
}

/// By the kernel's own word: the mask of caught signals, of which SIGINT is the second.
fn catches_interrupts(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 2 != 0)
}
