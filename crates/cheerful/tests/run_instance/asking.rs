// SPDX-License-Identifier: Apache-2.0
//! The local API of a running instance.
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
};

use rustix::process::Signal;

use crate::rig::{Instance, PATIENCE, eventually, get, manifest};

#[test]
fn explain_over_the_socket() {
    let instance = Instance::of_manifest(&[], &manifest(&[], "min: 1"));
    assert_eq!(instance.get("/").status, 200);
    let all = instance.json("/v1/revisions");
    assert_eq!(all[0]["revision"], "hello", "{all}");
    assert_eq!(all[0]["ready"], 1, "{all}");
    let one = instance.json("/v1/revisions/hello");
    assert_eq!(one["replicas"][0]["replica"], "hello-1", "{one}");
    assert_eq!(one["replicas"][0]["state"], "ready", "{one}");
    assert_eq!(one["replicas"][0]["pid"], instance.replicas()[0], "{one}");
    assert!(!one["decisions"].as_array().unwrap().is_empty(), "{one}");
    assert_eq!(instance.ask("/v1/revisions/other").status, 404);
    assert_eq!(instance.ask("/healthz").status, 200);
    assert_eq!(instance.ask("/readyz").status, 200);
}

#[test]
fn metrics_over_tcp() {
    let mut instance = Instance::of_manifest(&["--admin", "127.0.0.1:0"], &manifest(&[], "min: 1"));
    let line = instance.wait_for_log("(console: http://");
    let admin = line
        .split("(console: http://")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(instance.get("/").status, 200);
    let passed = "cheerful_revision_requests_total{revision=\"hello\",version=\"hello\",outcome=\"passed\"} 1";
    eventually("the request is counted", || {
        let answer = get(admin, "/metrics").unwrap();
        assert!(
            answer.head.contains("application/openmetrics-text"),
            "{}",
            answer.head
        );
        answer.body.lines().any(|line| line == passed)
    });
    for line in get(admin, "/metrics")
        .unwrap()
        .body
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("cheerful_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn whoever_follows_the_decisions_does_not_hold_up_the_end() {
    let mut instance = Instance::of_manifest(&[], &manifest(&[], "initial: 0"));
    let mut following = UnixStream::connect(instance.socket()).unwrap();
    write!(
        following,
        "GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n"
    )
    .unwrap();
    following.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(following).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "HTTP/1.1 200 OK");
    assert_eq!(instance.get("/").status, 200);
    let data = lines.find_map(|line| line.unwrap().strip_prefix("data: ").map(str::to_owned));
    let decision: serde_json::Value = serde_json::from_str(&data.unwrap()).unwrap();
    assert_eq!(decision["revision"], "hello", "{decision}");
    instance.signal(Signal::TERM);
    assert_eq!(instance.wait().code(), Some(0));
}
