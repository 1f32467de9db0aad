// SPDX-License-Identifier: Apache-2.0
//! `explain`, `top --once` and `replay` beside a running instance.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and its wait is bounded by the clock"
)]
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A running instance of the sample service, called `hello`, that records.
struct Instance {
    child: Child,
    folder: tempfile::TempDir,
}

impl Instance {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_cheerful");
        let child = Command::new(program)
            .args(["run", "--name", "hello", "--port", "0", "--socket"])
            .arg(folder.path().join("api.sock"))
            .arg("--record")
            .arg(folder.path().join("recording.ndjson"))
            .args(["--", program, "sample", "--port", "{port}"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let instance = Self { child, folder };
        // Until it has made its first decision and its replica is there.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let said = instance.ask(&["explain", "hello"]).stdout;
            if String::from_utf8(said).unwrap().contains("\n  hello-1: ") {
                return instance;
            }
            assert!(Instant::now() < deadline, "no replica was started");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a subcommand says that asks the instance.
    fn ask(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cheerful"))
            .args(arguments)
            .env("CHEERFUL_SOCKET", self.path("api.sock"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn end(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Of use only when the test has failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_running_instance_is_explained_and_its_recording_replayed() {
    let mut instance = Instance::start();

    let table = instance.said(&["top", "--once"]);
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("REVISION"), "{table}");
    assert!(lines.next().unwrap().starts_with("hello "), "{table}");
    assert_eq!(lines.next(), None);

    let sentences = instance.said(&["explain", "hello"]);
    assert!(sentences.starts_with("hello: "), "{sentences}");
    assert!(
        sentences.contains("0 -> 1: new, and no request yet"),
        "{sentences}"
    );

    let detail: serde_json::Value =
        serde_json::from_str(&instance.said(&["explain", "hello", "--json"])).unwrap();
    assert_eq!(detail.get("revision").unwrap(), "hello");

    let made = detail["decisions"][0]["unixMillis"].as_u64().unwrap();
    let seconds = made / 1000 % 86_400;
    let at = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let then = instance.said(&["explain", "hello", "--at", &at]);
    assert!(
        then.starts_with(&format!("hello at {at}Z: 1 replica wanted\n")),
        "{then}"
    );
    assert!(
        then.contains(&format!("\n> {at}Z  0 -> 1: new, and no")),
        "{then}"
    );
    let before = instance.ask(&["explain", "hello", "--at", "2001-01-01T00:00:00Z"]);
    assert_eq!(before.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&before.stderr).contains("--record"),
        "{before:?}"
    );

    let unknown = instance.ask(&["explain", "helo"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&unknown.stderr),
        "cheerful: no revision is called \"helo\"; there are: hello\n"
    );

    instance.end();
    let recording = instance.path("recording.ndjson");
    let printed = instance.said(&["replay", recording.to_str().unwrap()]);
    assert!(
        printed.lines().next().unwrap().contains("\"replicas\":1"),
        "{printed}"
    );

    let altered = instance.path("altered.ndjson");
    let text = fs::read_to_string(&recording).unwrap();
    fs::write(
        &altered,
        text.replacen("\"replicas\":1", "\"replicas\":2", 1),
    )
    .unwrap();
    let differs = instance.ask(&["replay", altered.to_str().unwrap()]);
    assert_eq!(differs.status.code(), Some(1));
    let told = String::from_utf8(differs.stderr).unwrap();
    assert!(told.contains("replicas of hello was 2 and is 1"), "{told}");
}

#[test]
fn a_table_that_lives_needs_a_terminal() {
    let instance = Instance::start();
    let refused = instance.ask(&["top"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--once"));
}
