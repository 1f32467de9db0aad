// SPDX-License-Identifier: Apache-2.0
//! The queue, as a process before an app that is one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests, and what they stand on"
)]
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn cheerful(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cheerful"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHEERFUL_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The status and the body of a GET; `None` where nobody listens.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "it did not come: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Process(Child);

impl Process {
    fn terminate(&self) {
        let id = i32::try_from(self.0.id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

struct Pod {
    queue: Process,
    _app: Process,
    requests: u16,
    pages: u16,
}

impl Pod {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(more: &[(&str, &str)]) -> Self {
        let (app_port, requests, pages) = (free_port(), free_port(), free_port());
        let app = cheerful(&["sample", "--port", &app_port.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let queue = cheerful(&["queue"])
            .env("CHEERFUL_NAMESPACE", "shop")
            .env("CHEERFUL_WORKLOAD", "cart")
            .env("CHEERFUL_POD", "cart-1")
            .env("CHEERFUL_POD_IP", "127.0.0.1")
            // Nobody listens there: requests go on all the same.
            .env("CHEERFUL_AUTOSCALER", format!("127.0.0.1:{}", free_port()))
            .env("CHEERFUL_QUEUE_PORT", requests.to_string())
            .env("CHEERFUL_ADMIN_PORT", pages.to_string())
            .env("CHEERFUL_APP_PORT", app_port.to_string())
            .env("CHEERFUL_PROBE", r#"{"http":{"path":"/healthz"}}"#)
            .envs(more.iter().copied())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pod = Self {
            queue: Process(queue),
            _app: Process(app),
            requests,
            pages,
        };
        until("it is ready", || {
            get(pages, "/readyz").is_some_and(|(status, _)| status == 200)
        });
        pod
    }

    fn ended_well(mut self) {
        assert_eq!(self.queue.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn what_is_missing_or_wrong_is_told_all_at_once() {
    let output = cheerful(&["queue", "--app-port", "http"])
        .env("CHEERFUL_POD_IP", "here")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in [
        "CHEERFUL_NAMESPACE is not set",
        "CHEERFUL_WORKLOAD is not set",
        "CHEERFUL_POD is not set",
        "CHEERFUL_AUTOSCALER is not set",
        "CHEERFUL_POD_IP=\"here\"",
        "CHEERFUL_APP_PORT=\"http\": should be a port",
    ] {
        assert!(said.contains(name), "{name} is not in {said}");
    }
}

#[test]
fn it_serves_without_an_autoscaler_and_ends_soon_after_sigterm() {
    let pod = Pod::start();
    assert_eq!(
        get(pod.requests, "/"),
        Some((200, "hello from sample\n".to_owned()))
    );
    assert_eq!(get(pod.pages, "/livez"), Some((200, "ok\n".to_owned())));
    let (status, metrics) = get(pod.pages, "/metrics").unwrap();
    assert_eq!(status, 200);
    for line in [
        "cheerful_queue_requests_total 1",
        "cheerful_queue_app_answers 1",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}\n{metrics}");
    }
    let begun = Instant::now();
    pod.queue.terminate();
    until("it is unready", || {
        get(pod.pages, "/readyz").is_some_and(|(status, _)| status == 503)
    });
    assert_eq!(get(pod.requests, "/").unwrap().0, 200, "it still serves");
    pod.ended_well();
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn requests_do_not_wait_for_certificates_that_are_not_there_yet() {
    let pod = Pod::with(&[("CHEERFUL_IDENTITY", "/no/such/folder")]);
    assert_eq!(get(pod.requests, "/").unwrap().0, 200);
    pod.queue.terminate();
    pod.ended_well();
}

#[test]
fn the_hook_answers_when_it_is_quiet_and_sigterm_then_ends_it() {
    let pod = Pod::start();
    let begun = Instant::now();
    assert_eq!(
        get(pod.pages, "/wait-for-drain"),
        Some((200, "drained\n".to_owned()))
    );
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    assert_eq!(get(pod.pages, "/readyz").unwrap().0, 503);
    assert_eq!(get(pod.requests, "/").unwrap().0, 200);
    pod.queue.terminate();
    pod.ended_well();
}
