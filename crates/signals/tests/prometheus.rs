// SPDX-License-Identifier: Apache-2.0
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]
//! Against a real Prometheus, where there is one (Debian's package `prometheus`).
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_rig::Prometheus;
use cheerful_signals::{
    Unread,
    asking::Ask as _,
    query::{Access, Query},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
    time::{Instant, sleep},
};

/// A page that Prometheus scrapes.
struct Page {
    address: SocketAddr,
    text: Arc<Mutex<String>>,
    _tasks: JoinSet<()>,
}

impl Page {
    async fn start(text: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = Arc::new(Mutex::new(text.to_owned()));
        let shown = Arc::clone(&text);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _read = stream.read(&mut request).await;
                let text = shown.lock().unwrap().clone();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
                let _written = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self {
            address,
            text,
            _tasks: tasks,
        }
    }
}

async fn ask(server: SocketAddr, text: &str) -> Result<f64, Unread> {
    let server = format!("http://{server}").parse().unwrap();
    let mut query = Query::new(server, text, Access::default(), Duration::from_secs(15));
    query.ask().await
}

async fn until(server: SocketAddr, text: &str, wanted: Result<f64, &str>) {
    let start = Instant::now();
    loop {
        let answer = ask(server, text).await.map_err(|why| why.to_string());
        if answer.as_ref().map_err(String::as_str) == wanted.as_ref().map_err(|why| *why) {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(40),
            "{text}: {answer:?}, not {wanted:?}"
        );
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_query_is_one_number_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let page =
        Page::start("# TYPE jobs gauge\njobs{queue=\"a\"} 40\njobs{queue=\"b\"} 8\nodd NaN\n")
            .await;
    let Some(prometheus) = Prometheus::start(folder.path(), "jobs", page.address) else {
        return;
    };
    let server = prometheus.address;
    until(server, "sum(jobs)", Ok(48.0)).await;
    for (text, expected) in [
        ("scalar(sum(jobs))", Ok(48.0)),
        ("jobs{queue=\"a\"}", Ok(40.0)),
        ("vector(0)", Ok(0.0)),
        ("1", Ok(1.0)),
        (
            "jobs",
            Err("cannot be read: 2 series, where one is right: sum() or max() makes one of them"),
        ),
        ("nothing", Err("has no series that the query names")),
        (
            "odd",
            Err("the value is NaN, and should be a number from 0 on"),
        ),
        (
            "1/0",
            Err("the value is +Inf, and should be a number from 0 on"),
        ),
        (
            "-sum(jobs)",
            Err("the value is -48, and should be a number from 0 on"),
        ),
        (
            "jobs[1m]",
            Err("cannot be read: a matrix, where a scalar or a vector of one series is right"),
        ),
        (
            "\"text\"",
            Err("cannot be read: a string, where a scalar or a vector of one series is right"),
        ),
        (
            "sum(jobs",
            Err(
                "refuses: bad_data: invalid parameter \"query\": 1:9: parse error: unclosed left parenthesis",
            ),
        ),
    ] {
        let answer = ask(server, text).await.map_err(|why| why.to_string());
        assert_eq!(
            answer.as_ref().copied().map_err(String::as_str),
            expected,
            "{text}"
        );
    }
    // Too long for a line: it is asked by POST.
    let long = format!("sum(jobs{{queue!~\"{}\"}})", "x".repeat(4000));
    assert_eq!(ask(server, &long).await, Ok(48.0));
    // A page without the series ends it: nothing is answered that is no longer so.
    *page.text.lock().unwrap() = "jobs{queue=\"b\"} 3\n".to_owned();
    until(server, "sum(jobs)", Ok(3.0)).await;
    *page.text.lock().unwrap() = String::new();
    until(
        server,
        "sum(jobs)",
        Err("has no series that the query names"),
    )
    .await;
    drop(prometheus);
    let gone = ask(server, "sum(jobs)").await.unwrap_err();
    assert_eq!(gone.name(), "silent", "{gone}");
}
