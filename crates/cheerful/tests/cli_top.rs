// SPDX-License-Identifier: Apache-2.0
//! `top` on a terminal of 80 columns, beside a running instance: what a person sees, and what keys do.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and its wait is bounded by the clock"
)]
use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();
const LINES: NonZero<u16> = NonZero::new(24).unwrap();
/// A busy machine takes a while to start two processes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Two services in one manifest.
fn instance(folder: &Path) -> Running {
    let program = env!("CARGO_BIN_EXE_cheerful");
    let manifest = folder.join("manifest.yaml");
    let revision = |name: &str| {
        format!(
            "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: {name}}}\nspec:\n  \
             command: [{program:?}, sample, --port, \"{{port}}\"]\n  routes: [{{host: {name}.example}}]\n"
        )
    };
    std::fs::write(&manifest, revision("shop") + "---\n" + &revision("mail")).unwrap();
    let child = Command::new(program)
        .args(["run", "--port", "0", "-f"])
        .arg(&manifest)
        .arg("--socket")
        .arg(folder.join("api.sock"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(child)
}

/// `cheerful top` with a terminal of its own, which `script` makes.
struct Terminal {
    script: Running,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All that was ever written.
    written: Vec<u8>,
}

impl Terminal {
    fn open(socket: &Path) -> Self {
        let program = env!("CARGO_BIN_EXE_cheerful");
        let command = format!("stty rows {LINES} cols {COLUMNS}; exec '{program}' top");
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env("CHEERFUL_SOCKET", socket)
            .env("NO_COLOR", "1")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = script.stdin.take().unwrap();
        let mut stdout = script.stdout.take().unwrap();
        let (sender, output) = sync_channel(64);
        thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut some) {
                if sender.send(some[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            script: Running(script),
            keys,
            output,
            screen: vt100::Parser::new(LINES, COLUMNS, 0),
            written: Vec::new(),
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the screen is as it should be.
    fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read();
            let seen = self.screen.screen().contents();
            if is_so(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "never {what}:\n{seen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn read(&mut self) {
        while let Ok(some) = self.output.try_recv() {
            self.screen.process(&some);
            self.written.extend_from_slice(&some);
        }
    }
}

#[test]
fn keys_sort_filter_open_and_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let _instance = instance(folder.path());
    let deadline = Instant::now() + PATIENCE;
    while !socket.exists() {
        assert!(Instant::now() < deadline, "the instance makes no socket");
        thread::sleep(Duration::from_millis(20));
    }
    let mut terminal = Terminal::open(&socket);

    let first = terminal.until("a table", |seen| {
        seen.contains("2 revisions, 2 replicas ready") && seen.contains("  shop ")
    });
    assert!(
        first.contains("> mail"),
        "by name where both are idle:\n{first}"
    );
    assert!(first.contains("s sort: in flight"), "{first}");

    terminal.type_in("s");
    terminal.until("sorted otherwise", |seen| seen.contains("s sort: replicas"));
    terminal.type_in("j");
    terminal.until("the other one chosen", |seen| seen.contains("> shop"));

    terminal.type_in("/MA");
    let filtered = terminal.until("a filter", |seen| seen.contains("/ma_"));
    assert!(!filtered.contains("shop"), "{filtered}");
    terminal.type_in("\r");
    terminal.until("the filter typed", |seen| seen.contains("q quit"));

    terminal.type_in("\r");
    let opened = terminal.until("one opened", |seen| seen.contains("mail-1: ready"));
    assert!(
        opened.contains("0 -> 1: new, and no request yet"),
        "{opened}"
    );
    assert!(opened.contains("decisions, newest first"), "{opened}");
    terminal.type_in("q");
    terminal.until("the table again", |seen| seen.contains("like \"ma\""));
    terminal.type_in("\u{1b}");
    terminal.until("all again", |seen| {
        seen.contains("  shop ") || seen.contains("> shop")
    });

    terminal.type_in("q");
    let deadline = Instant::now() + PATIENCE;
    let ended = loop {
        terminal.read();
        if let Some(ended) = terminal.script.0.try_wait().unwrap() {
            break ended;
        }
        assert!(Instant::now() < deadline, "q does not end it");
        thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success(), "{ended}");
    // Until its end is known to have been read.
    while let Ok(some) = terminal.output.recv_timeout(PATIENCE) {
        terminal.written.extend_from_slice(&some);
    }
    let written = String::from_utf8_lossy(&terminal.written);
    assert!(
        written.contains("\u{1b}[?1049l"),
        "the screen of before is not given back"
    );
    for colour in ["\u{1b}[38;", "\u{1b}[33m", "\u{1b}[31m", "\u{1b}[48;"] {
        assert!(
            !written.contains(colour),
            "a colour was written: {colour:?}"
        );
    }
}
