// SPDX-License-Identifier: Apache-2.0
//! Replicas that are read over real sockets: what they answer becomes reports, and nothing bad that one answers costs
//! another a read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod bad;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_manifest::SignalSpec;
use cheerful_signals::{
    Told,
    scrape::{Pace, Said, Scraper, Target},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Answers each request with what it says then; `None`: never.
async fn pod(
    answer: impl Fn() -> Option<String> + Send + Sync + 'static,
) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            connections.spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    let Some(text) = answer() else {
                        sleep(Duration::from_secs(60)).await;
                        return;
                    };
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, tasks)
}

/// What a replica answers, whatever it is asked.
type Says = fn() -> Option<String>;

fn ok(kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn target(signal: serde_json::Value) -> Target {
    let spec: SignalSpec = serde_json::from_value(signal).unwrap();
    Target::of(spec.signal().unwrap()).unwrap()
}

/// Reads for a while, and gives all that was said.
async fn said(
    signal: serde_json::Value,
    pods: &BTreeMap<String, SocketAddr>,
    seconds: f64,
) -> (Vec<Said>, Scraper) {
    let scraper = Scraper::new(Pace::default(), 1);
    scraper.targets("cart", vec![target(signal)]);
    scraper.replicas("cart", pods);
    let all = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&all);
    let run = scraper
        .clone()
        .run(move |said| to.lock().unwrap().push(said));
    timeout(Duration::from_secs_f64(seconds), run)
        .await
        .unwrap_err();
    let said = std::mem::take(&mut *all.lock().unwrap());
    (said, scraper)
}

fn loads(said: &[Said]) -> BTreeMap<String, (f64, f64)> {
    let mut loads: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for one in said {
        if let Said::Told {
            told: Told::Report(report),
            ..
        } = one
        {
            let load = loads.entry(report.replica.clone()).or_default();
            load.0 += report.request_seconds;
            load.1 += report.seconds;
        }
    }
    loads
}

fn reasons(said: &[Said]) -> Vec<&'static str> {
    let reason = |one: &Said| match one {
        Said::Trouble { reason, .. } => Some(*reason),
        Said::Told { .. } => None,
    };
    said.iter().filter_map(reason).collect()
}

#[tokio::test]
async fn an_app_that_says_what_it_has_is_read_ten_times_a_second_while_it_is_new() {
    let (a, _a) = pod(|| Some(ok("application/json", r#"{"in_flight": 3}"#))).await;
    let (b, _b) = pod(|| Some(ok("application/json", r#"{"in_flight": 1, "busy": true}"#))).await;
    let pods = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
    let (said, scraper) = said(serde_json::json!({"path": "/load"}), &pods, 3.0).await;
    let loads = loads(&said);
    for (replica, load) in [("a", 3.0), ("b", 1.0)] {
        let (request_seconds, seconds) = loads[replica];
        assert!((request_seconds / seconds - load).abs() < 1e-6);
        assert!(seconds > 1.5, "{seconds}");
    }
    let counts = scraper.counts();
    assert!(counts.reads[&("path", "ok")] >= 20, "{counts:?}");
    let busy = Told::Busy {
        replica: "b".to_owned(),
        busy: true,
    };
    let told = said
        .iter()
        .filter(|one| matches!(one, Said::Told { told, .. } if *told == busy));
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn what_one_answers_wrongly_is_counted_by_reason_and_costs_the_others_nothing() {
    let page = "# TYPE up gauge\nbusy_now 4\n";
    let (good, _good) = pod(move || Some(ok("text/plain", page))).await;
    let answers: [(&str, Says); 7] = [
        ("silent", || None),
        ("malformed", || {
            Some(ok("text/html", "<html>busy_now 4</html>"))
        }),
        ("redirect", || {
            Some("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n".to_owned())
        }),
        ("status", || {
            Some("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n".to_owned())
        }),
        ("impossible", || Some(ok("text/plain", "busy_now NaN\n"))),
        ("absent", || Some(ok("text/plain", "other 1\n"))),
        ("too_long", || {
            let line = "other{label=\"some text that fills the line up\"} 1\n".repeat(400_000);
            Some(ok("text/plain", &line))
        }),
    ];
    for (reason, answer) in answers {
        let (bad, _bad) = pod(answer).await;
        let pods = BTreeMap::from([("bad".to_owned(), bad), ("good".to_owned(), good)]);
        let signal = serde_json::json!({"metrics": {"inFlight": "busy_now"}});
        let mut here = target(signal);
        here.endpoint.port = None;
        let scraper = Scraper::new(Pace::default(), 1);
        scraper.targets("cart", vec![here]);
        scraper.replicas("cart", &pods);
        let all = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&all);
        let run = scraper
            .clone()
            .run(move |said| to.lock().unwrap().push(said));
        timeout(Duration::from_secs(2), run).await.unwrap_err();
        let said = std::mem::take(&mut *all.lock().unwrap());
        let seen = reasons(&said);
        // Twenty megabytes may take longer than a read may, on a machine that is busy.
        assert!(
            seen.iter().all(|it| *it == reason || *it == "silent") && !seen.is_empty(),
            "{reason}: {seen:?}"
        );
        let loads = loads(&said);
        assert!(!loads.contains_key("bad"), "{reason}");
        let (request_seconds, seconds) = loads["good"];
        assert!(
            (request_seconds / seconds - 4.0).abs() < 1e-6 && seconds > 1.0,
            "{reason}: {seconds}"
        );
    }
}
