// SPDX-License-Identifier: Apache-2.0
//! `cheerful console` before a real API server, while a Revision is under load: it says what the status says, and goes on
//! when the autoscaler is started anew.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::{process::Stdio, time::Duration};

use cheerful_rig::cluster::{self, binary, cheerful, eventually};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use stage::Stage;

#[tokio::test]
async fn the_console_says_what_the_cluster_says() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "console").await;
    let home = stage.namespace.name().to_owned();
    let key = format!("{home}/app");
    stage
        .revision("app", &["--latency", "100ms"], stage::quick())
        .await;
    stage.at_zero("app").await;
    let console = Console::start(&home).await;

    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(12, Duration::from_millis(1));
    stage.at("app", 3).await;

    // The overview, and the revision with its replicas, are those of the status.
    eventually("the console has the numbers of the status", async || {
        let row = console.hello().await?.row(&key)?;
        let view = console.json(&format!("/v1/revisions/{key}")).await?;
        let scale = stage.scale("app").await;
        let ours = [&row, &view].map(|it| (it["ready"].clone(), it["wanted"].clone()));
        let theirs = (Value::from(scale.ready), Value::from(scale.wanted));
        let pods = stage.pods("app").await;
        let names: Vec<_> = pods.iter().map(stage::name).collect();
        let shown = view["replicas"].as_array()?;
        let are_all = shown.len() == names.len()
            && (shown.iter()).all(|it| names.contains(&it["replica"].as_str().unwrap()));
        (ours.iter().all(|it| *it == theirs) && scale.ready >= 3 && are_all).then_some(())
    })
    .await;
    eventually("requests in flight are shown", async || {
        let row = console.hello().await?.row(&key)?;
        // Of all pods, though each reports at a time of its own.
        (row["inFlight"].as_f64()? > 8.0).then_some(())
    })
    .await;

    // Each decision that explain tells is a mark of the chart, with its sentence.
    let up = eventually("the last rise is the same in both", async || {
        let path = format!("/v1/console/past/{key}?seconds=300");
        let past = console.json(&path).await?;
        let decisions = past["decisions"].as_array()?;
        let is_up = |it: &&Value| it["replicas"].as_u64() > it["from"].as_u64();
        let up = decisions.iter().rev().find(is_up)?.clone();
        let ready = past["columns"]["ready"].as_array()?;
        let explain = ["explain", "app", "-n", &home];
        let explained = cheerful(&with(&explain, &home)).await.unwrap();
        let is_told = explained.contains(up["sentence"].as_str()?);
        let was_ready = ready.iter().any(|it| it.as_u64() >= Some(3));
        (is_told && was_ready).then_some(up)
    })
    .await;
    eventually("the same minutes are decided anew", async || {
        let path = format!("/v1/console/what-if/{key}?target=1");
        let anew = console.json(&path).await?;
        (!anew["replicas"].as_array()?.is_empty()).then_some(())
    })
    .await;

    // What only the API server knows of the pods.
    eventually("how the pods started is told", async || {
        let view = console.json(&format!("/v1/revisions/{key}")).await?;
        let starts = view["starts"].as_array()?;
        let are_whole = (starts.iter()).all(|it| it["processSeconds"].as_f64() < Some(120.0));
        let unseen = view["unseen"].to_string();
        assert!(unseen.contains("metrics.k8s.io"), "{unseen}");
        assert!(!unseen.contains("cannot be read"), "{unseen}");
        (starts.len() >= 3 && are_whole).then_some(())
    })
    .await;

    // In a terminal the same.
    let at = time_of_day(up["unixMillis"].as_u64().unwrap() / 1000 + 1);
    let then = cheerful(&with(&["explain", "app", "-n", &home, "--at", &at], &home)).await;
    assert!(then.unwrap().contains(" -> "), "{at}");
    let top = cheerful(&with(&["top", "--once", "-n", &home], &home))
        .await
        .unwrap();
    assert!(top.lines().any(|line| line.contains("app")), "{top}");

    // A count is held by hand, and it is told who did.
    let act = format!("/v1/console/act/{key}");
    console
        .post(&act, r#"{"act": "hold", "replicas": 2}"#)
        .await;
    stage
        .until("is held at 2", "app", |it| {
            let scale = it.status.as_ref().and_then(|status| status.scale.as_ref());
            scale.is_some_and(|scale| scale.wanted == 2 && scale.mode == "paused")
        })
        .await;
    eventually("an event says by whom", async || {
        let of = ["get", "events", "-o", "jsonpath={.items[*].message}"];
        let told = stage.namespace.kubectl(&of).await.ok()?;
        told.contains("held at 2 by admin, from the console")
            .then_some(())
    })
    .await;
    console.post(&act, r#"{"act": "resume"}"#).await;
    stage.at("app", 3).await;

    // The autoscaler ends and another comes: the console goes on, and tells that it was another.
    let before = console.hello().await.unwrap().0["started"].clone();
    let pods = stage.namespace.api::<Pod>();
    let of = ListParams::default().labels("app.kubernetes.io/component=autoscaler");
    let gone = pods.delete_collection(&DeleteParams::default(), &of).await;
    gone.unwrap();
    let again = eventually("another answers", async || {
        let hello = console.hello().await?;
        (hello.0["started"] != before).then_some(hello)
    });
    let again = again.await;
    assert!(again.0["version"].is_string(), "{:?}", again.0);
    eventually("it has the revision again", async || {
        let row = console.hello().await?.row(&key)?;
        (row["ready"].as_u64()? >= 3).then_some(())
    })
    .await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);

    // It is woken by hand.
    stage.at_zero("app").await;
    console.post(&act, r#"{"act": "wake"}"#).await;
    stage.at("app", 1).await;
    let explained = cheerful(&with(&["explain", "app", "-n", &home], &home)).await;
    let explained = explained.unwrap();
    let by = "woken by admin, from the console";
    assert!(explained.contains(by), "{explained}");
}

/// The same, of the cheerful that is installed there.
fn with<'a>(args: &[&'a str], system: &'a str) -> Vec<&'a str> {
    let system = ["--system-namespace", system];
    args.iter().copied().chain(system).collect()
}

/// `03:12:07`.
fn time_of_day(unix_seconds: u64) -> String {
    let second = unix_seconds % 86_400;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{hour:02}:{minute:02}:{:02}", second % 60)
}

/// The process, by the kubeconfig of the test.
struct Console {
    address: String,
    _child: Child,
}

/// What a page is told first.
struct Hello(Value);

impl Hello {
    fn row(&self, key: &str) -> Option<Value> {
        let rows = self.0["rows"].as_array()?;
        rows.iter().find(|row| row["revision"] == key).cloned()
    }
}

impl Console {
    async fn start(system: &str) -> Self {
        let mut child = Command::new(binary())
            .args(["console", "--address", "127.0.0.1:0", "--allow-actions"])
            .args(["--system-namespace", system])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap_or_default();
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        Self {
            address: address.unwrap_or_else(|| panic!("{line:?}")).to_owned(),
            _child: child,
        }
    }

    /// The first event of the stream; `None` while nobody answers.
    async fn hello(&self) -> Option<Hello> {
        let mut stream = self.ask("/v1/console/live").await;
        let mut read = String::new();
        let all = async {
            let mut buffer = [0; 4096];
            while !read.contains("\n\n") || !read.contains("data: ") {
                match stream.read(&mut buffer).await.ok()? {
                    0 => return None,
                    bytes => read.push_str(&String::from_utf8_lossy(&buffer[..bytes])),
                }
            }
            let data = read.split("data: ").nth(1)?.split('\n').next()?;
            serde_json::from_str(data).ok().map(Hello)
        };
        timeout(Duration::from_secs(20), all).await.ok().flatten()
    }

    /// `None` for any answer but a good one.
    async fn json(&self, path: &str) -> Option<Value> {
        let mut stream = self.ask(path).await;
        let mut read = String::new();
        stream.read_to_string(&mut read).await.ok()?;
        let (head, body) = read.split_once("\r\n\r\n")?;
        let is_good = head.split(' ').nth(1) == Some("200");
        is_good.then(|| serde_json::from_str(body).unwrap())
    }

    async fn post(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nX-Cheerful-Act: 1\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        assert_eq!(read.split(' ').nth(1), Some("204"), "{read}");
    }

    async fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        // 1.0: an answer without pieces, that ends with the connection.
        let head = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}
