// SPDX-License-Identifier: Apache-2.0
//! The sample service, as a process.
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

struct Sample {
    child: Child,
    port: u16,
}

impl Sample {
    /// Starts one on a free port and waits until it listens; another port where that one was taken meanwhile.
    fn start(more: &[&str]) -> Self {
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let mut child = Command::new(env!("CARGO_BIN_EXE_cheerful"))
                .args(["sample", "--port", &port.to_string()])
                .args(more)
                .env("CHEERFUL_REPLICA", "hello-1")
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let begun = Instant::now();
            while child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60) {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self { child, port };
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            child.kill().ok();
            child.wait().unwrap();
        }
        panic!("no sample could be started");
    }

    fn send(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        read(self.send(path))
    }

    fn terminate(&self) {
        let id = i32::try_from(self.child.id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn it_answers_with_its_name() {
    let sample = Sample::start(&[]);
    let hello = sample.get("/");
    assert!(hello.starts_with("HTTP/1.1 200 OK\r\n"), "{hello}");
    assert!(hello.ends_with("\r\n\r\nhello from hello-1\n"), "{hello}");
    assert!(sample.get("/healthz").ends_with("\r\n\r\nok\n"));
    assert!(sample.get("/size?bytes=many").starts_with("HTTP/1.1 400 "));
    let (_, body) = sample
        .get("/size?bytes=150000")
        .split_once("\r\n\r\n")
        .map(|(head, body)| (head.to_owned(), body.to_owned()))
        .unwrap();
    assert_eq!(body.len(), 150_000);
}

#[test]
fn over_its_concurrency_requests_wait() {
    let sample = Sample::start(&["--latency", "200ms", "--concurrency", "1"]);
    let begun = Instant::now();
    let streams: Vec<TcpStream> = (0..3).map(|_| sample.send("/")).collect();
    for stream in streams {
        assert!(read(stream).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(590),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn what_is_in_flight_is_answered_after_sigterm() {
    let mut sample = Sample::start(&["--latency", "1s"]);
    let stream = sample.send("/");
    std::thread::sleep(Duration::from_millis(300));
    sample.terminate();
    assert!(read(stream).starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(sample.child.wait().unwrap().code(), Some(0));
}

#[test]
fn it_crashes_when_asked() {
    let mut sample = Sample::start(&[]);
    assert_eq!(sample.get("/crash"), "");
    assert_eq!(sample.child.wait().unwrap().code(), Some(3));
}
