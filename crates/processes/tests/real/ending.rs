// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::{Arc, Mutex, mpsc::sync_channel},
    time::Duration,
};

use cheerful_autoscaler::Platform;
use cheerful_processes::LineSink;
use tokio::time::timeout;

use crate::site::{PATIENCE, Site, eventually, runs, serving, shell};

#[tokio::test]
async fn all_is_drained_at_the_same_time_and_nothing_is_left() {
    let site = Site::new();
    for name in ["a", "b", "c"] {
        site.run(serving(name), 2).await;
    }
    site.until_open(&["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"])
        .await;
    let mut pids = Vec::new();
    for name in ["a", "b", "c"] {
        pids.extend(
            site.processes
                .replicas(name)
                .await
                .iter()
                .filter_map(|view| view.pid),
        );
    }
    assert_eq!(pids.len(), 6);
    let processes = site.processes.clone();
    site.end().await;
    assert!(!pids.iter().any(|pid| runs(*pid)));
    // What comes later is refused, and does not hang.
    assert!(processes.scale("a", 1).await.is_err());
    assert!(processes.replicas("a").await.is_empty());
    processes.shut_down().await;
}

#[tokio::test]
async fn killing_waits_for_no_drain_and_no_grace() {
    let site = Site::new();
    let mut revision = shell("stubborn", "trap '' TERM; exec $0 serve {port}");
    (revision.drain, revision.grace) = (PATIENCE * 10, PATIENCE * 10);
    site.run_one(revision).await;
    site.door.set_in_flight("stubborn-1", 1);
    let pid = site
        .replica("stubborn", "stubborn-1")
        .await
        .unwrap()
        .pid
        .unwrap();
    let processes = site.processes.clone();
    let orderly = tokio::join!(
        async {
            timeout(Duration::from_millis(200), processes.shut_down())
                .await
                .is_err()
        },
        async { tokio::time::sleep(Duration::from_millis(300)).await },
    );
    assert!(orderly.0, "something is in flight");
    assert!(runs(pid));
    timeout(PATIENCE, site.processes.kill_now()).await.unwrap();
    assert!(!runs(pid));
    timeout(PATIENCE, site.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_removed_revision_leaves_the_others() {
    let site = Site::new();
    site.run(serving("a"), 1).await;
    site.run(serving("b"), 1).await;
    site.until_open(&["a-1", "b-1"]).await;
    let pid = site.replica("a", "a-1").await.unwrap().pid.unwrap();
    timeout(PATIENCE, site.processes.remove("a")).await.unwrap();
    assert!(!runs(pid));
    assert_eq!(site.door.open_ones(), ["b-1"]);
    assert!(site.processes.scale("a", 1).await.is_err());
    timeout(PATIENCE, site.processes.remove("nobody"))
        .await
        .unwrap();
    site.end().await;
}

#[tokio::test]
async fn it_ends_when_the_last_handle_is_dropped() {
    let site = Site::new();
    let pid = site.run_one(serving("hello")).await;
    drop(site.processes);
    timeout(PATIENCE, site.task).await.unwrap().unwrap();
    assert!(!runs(pid));
}

#[tokio::test]
async fn children_may_end_in_order_after_their_leader() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in order");
    // The leader ends at once on SIGTERM, its child needs a moment.
    let child = format!(
        "trap 'sleep 0.3; echo done > \"{}\"; exit' TERM",
        file.display()
    );
    let line = format!("({child}; $0 serve {{port}} & wait) & wait");
    site.run_one(shell("hello", &line)).await;
    site.end().await;
    assert!(file.exists());
}

#[tokio::test]
async fn a_blocked_sink_holds_the_end_up_but_does_not_stop_it() {
    let (go, wait) = sync_channel::<()>(1);
    let wait = Mutex::new(wait);
    let sink = LineSink::new(move |_| assert!(wait.lock().unwrap().recv().is_err()));
    let site = Site::with_sink(sink, Arc::default());
    let line = "while :; do echo flood; done & exec $0 serve {port}";
    site.run_one(shell("flood", line)).await;
    loop {
        if site.processes.metrics().await.dropped_lines > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    site.end().await;
    drop(go);
}

#[tokio::test]
async fn output_is_labelled() {
    let site = Site::new();
    site.run(
        shell("hello", "echo out; echo err >&2; exec $0 serve {port}"),
        1,
    )
    .await;
    site.until_open(&["hello-1"]).await;
    let lines = || site.lines.lock().unwrap().clone();
    eventually("both lines come", || {
        lines() == ["hello-1 | out", "hello-1 | err"]
    })
    .await;
    site.end().await;
}
