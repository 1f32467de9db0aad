// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_manifest::SignalSpec;
use cheerful_rig::{Script, read_head};
use cheerful_scaling::Report;
use cheerful_signals::{
    Told,
    scrape::{Pace, Said, ScrapeCounts, Scraper, Target},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

/// No wait is longer; a machine with other work to do is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// An app that answers nothing until it is let.
pub(crate) struct Gate {
    pub(crate) app: Script,
    open: watch::Sender<bool>,
}

impl Gate {
    pub(crate) async fn start() -> Self {
        let (open, is_open) = watch::channel(false);
        let app = Script::start(move |_, mut stream| {
            let mut is_open = is_open.clone();
            async move {
                while !read_head(&mut stream).await.is_empty() {
                    if is_open.wait_for(|open| *open).await.is_err() {
                        return;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        Self { app, open }
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }
}

/// A port that was free just now.
pub(crate) fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Starts a program in a folder, and waits until it listens there; `None` where there is none.
pub(crate) async fn program(folder: &Path, at: SocketAddr, line: &[&str]) -> Option<Child> {
    let (name, arguments) = line.split_first().unwrap();
    let child = Command::new(name)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("left out: there is no {name} here: {error}");
            return None;
        }
    };
    let start = Instant::now();
    while TcpStream::connect(at).await.is_err() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{line:?} ended: {ended:?}");
        assert!(start.elapsed() < PATIENCE, "{line:?} does not listen");
        sleep(Duration::from_millis(20)).await;
    }
    Some(child)
}

/// One GET; the answer's body.
pub(crate) async fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nhost: {at}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(" 200 "), "{path}: {answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// So many requests at once, until each is answered.
pub(crate) fn requests(at: SocketAddr, path: &'static str, count: usize) -> JoinSet<String> {
    (0..count).map(|_| get(at, path)).collect()
}

/// A replica that is read.
pub(crate) struct Watched {
    scraper: Scraper,
    reports: Arc<Mutex<Vec<Report>>>,
    _task: JoinSet<()>,
}

impl Watched {
    /// By this signal, at this address.
    pub(crate) fn start(signal: serde_json::Value, at: SocketAddr) -> Self {
        let spec: SignalSpec = serde_json::from_value(signal).unwrap();
        let mut target = Target::of(spec.signal().unwrap()).unwrap();
        target.endpoint.port = Some(at.port());
        let scraper = Scraper::new(Pace::default(), 1);
        scraper.targets("cart", vec![target]);
        scraper.replica("cart", "a", at);
        let reports = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&reports);
        let run = scraper.clone().run(move |said| match said {
            Said::Told {
                told: Told::Report(report),
                ..
            } => kept.lock().unwrap().push(report),
            Said::Told { .. } => {}
            Said::Trouble { why, .. } => eprintln!("{why}"),
        });
        let mut task = JoinSet::new();
        task.spawn(run);
        Self {
            scraper,
            reports,
            _task: task,
        }
    }

    /// Waits until the last three reports have so many in flight or waiting.
    pub(crate) async fn until(&self, in_flight: f64) {
        let start = Instant::now();
        loop {
            let last: Vec<f64> = {
                let reports = self.reports.lock().unwrap();
                let load = |report: &Report| {
                    (report.request_seconds + report.waiting_seconds) / report.seconds
                };
                reports.iter().rev().take(3).map(load).collect()
            };
            if last.len() == 3 && last.iter().all(|load| (load - in_flight).abs() < 1e-6) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{last:?}, not {in_flight}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until so many requests were told in all.
    pub(crate) async fn until_counted(&self, requests: u64) {
        let start = Instant::now();
        while self.told().1 < requests {
            assert!(start.elapsed() < PATIENCE, "{}", self.told().1);
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.told().1, requests);
    }

    /// Request-seconds of all reports, the requests, and the longest time between two reads.
    pub(crate) fn told(&self) -> (f64, u64, f64) {
        let reports = self.reports.lock().unwrap();
        reports.iter().fold((0.0, 0, 0.0), |sum, report| {
            let seconds = sum.0 + report.request_seconds + report.waiting_seconds;
            (
                seconds,
                sum.1 + report.requests,
                f64::max(sum.2, report.seconds),
            )
        })
    }

    /// The highest load of any report.
    pub(crate) fn most(&self) -> f64 {
        let reports = self.reports.lock().unwrap();
        let load = |report: &Report| report.request_seconds / report.seconds;
        reports.iter().map(load).fold(0.0, f64::max)
    }

    pub(crate) fn counts(&self) -> ScrapeCounts {
        self.scraper.counts()
    }
}
