// SPDX-License-Identifier: Apache-2.0
//! What a person sees who mistypes: one clear error, exit code 2, nothing started.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

fn cheerful(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .args(arguments)
        .env_remove("CHEERFUL_SOCKET")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What stands on stderr after exit code 2.
fn refused(arguments: &[&str]) -> String {
    let output = cheerful(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    said
}

/// The same for a manifest whose `spec` is given.
fn refused_manifest(spec: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hello.yaml");
    let head =
        "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {name: hello}\nspec:\n";
    fs::write(&file, format!("{head}{spec}")).unwrap();
    refused(&["run", "--port", "0", "-f", file.to_str().unwrap()])
}

#[test]
fn a_wrong_flag_is_named_with_one_that_fits() {
    let said = refused(&["run", "--prot", "1", "--", "true"]);
    assert!(said.contains("--prot") && said.contains("--port"), "{said}");
}

#[test]
fn an_unknown_field_is_named_with_the_nearest_one() {
    let said = refused_manifest("  command: [\"true\"]\n  scaling: {mni: 1}\n");
    assert!(said.contains("mni") && said.contains("min"), "{said}");
}

#[test]
fn a_wrong_unit_is_told_with_what_would_be_right() {
    let said = refused_manifest("  command: [\"true\"]\n  scaling: {idleDelay: 60 sec}\n");
    assert!(
        said.contains("spec.scaling.idleDelay") && said.contains("60 sec") && said.contains("60s"),
        "{said}"
    );
}

#[test]
fn min_above_max_is_told_and_all_faults_at_once() {
    let said = refused_manifest("  command: [\"true\"]\n  scaling: {min: 5, max: 2, target: 0}\n");
    assert!(
        said.contains("spec.scaling.min") || said.contains("spec.scaling.max"),
        "{said}"
    );
    assert!(said.contains("spec.scaling.target"), "{said}");
}

#[test]
fn a_command_that_is_not_there_is_told_before_anything_starts() {
    let said = refused(&["run", "--port", "0", "--", "no-such-program-here"]);
    assert!(
        said.contains("no-such-program-here") && said.contains("not found"),
        "{said}"
    );
}

#[test]
fn a_manifest_that_cannot_be_read_is_named() {
    let said = refused(&["run", "-f", "no/such/file.yaml"]);
    assert!(said.contains("no/such/file.yaml"), "{said}");
}

#[test]
fn a_taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let said = refused(&[
        "run",
        "--port",
        &port,
        "--socket",
        socket.to_str().unwrap(),
        "--",
        "true",
    ]);
    assert!(said.contains(&port), "{said}");
}

#[test]
fn explain_without_an_instance_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .arg("explain")
        .env("XDG_RUNTIME_DIR", folder.path())
        .env_remove("CHEERFUL_SOCKET")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("cheerful run") && said.contains("--socket"),
        "{said}"
    );
}

#[test]
fn each_help_fits_one_screen_and_has_one_example() {
    for role in [
        "run",
        "demo",
        "explain",
        "top",
        "replay",
        "schema",
        "version",
        "completions",
        "man",
    ] {
        for (flag, most) in [("-h", 24), ("--help", 120)] {
            let output = cheerful(&[role, flag]);
            let help = String::from_utf8(output.stdout).unwrap();
            assert!(
                help.lines().count() <= most,
                "{role} {flag}: {} lines\n{help}",
                help.lines().count()
            );
            assert!(
                help.lines().all(|line| line.chars().count() <= 80),
                "{role} {flag}\n{help}"
            );
            assert_eq!(
                help.matches("Example: cheerful ").count()
                    + help.matches("Example: source ").count(),
                1,
                "{role} {flag}\n{help}"
            );
        }
    }
}

#[test]
fn a_replay_prints_a_decision_for_each_line_that_asks_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("one.ndjson");
    let lines = r#"{"settings": {"target": 1, "burstCapacity": 98, "idleDelay": "0s", "gracePeriod": "0s"}}
{"state": {"ready": 1}}
{"at": 0.0, "ready": 10, "averages": {"stable": 11.0, "panic": 25.0}}
{"at": 30.0, "ready": 40, "averages": {"stable": 30.0, "panic": 80.0}}
"#;
    fs::write(&recording, lines).unwrap();
    let output = cheerful(&["replay", recording.to_str().unwrap()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let decisions: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let replicas: Vec<u64> = decisions
        .iter()
        .map(|one| one.get("replicas").unwrap().as_u64().unwrap())
        .collect();
    assert_eq!(replicas, [25, 80]);
    assert!(
        decisions
            .iter()
            .all(|one| one.get("mode").unwrap() == "panic")
    );

    fs::write(
        &recording,
        format!("{lines}{{\"at\": 31, \"redy\": 1, \"decide\": true}}\n"),
    )
    .unwrap();
    let said = cheerful(&["replay", recording.to_str().unwrap()]);
    assert_eq!(said.status.code(), Some(2));
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("line 5") && said.contains("redy"), "{said}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn completions_and_pages_are_written() {
    for shell in ["bash", "zsh", "fish"] {
        let output = cheerful(&["completions", shell]);
        assert!(output.status.success());
        assert!(
            String::from_utf8(output.stdout).unwrap().contains("replay"),
            "{shell}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(
        cheerful(&["man", folder.path().to_str().unwrap()])
            .status
            .success()
    );
    let page = fs::read_to_string(folder.path().join("cheerful-run.1")).unwrap();
    assert!(
        page.contains("--port") || page.contains("\\-\\-port"),
        "{page}"
    );
    std::io::stdout().flush().unwrap();
}
