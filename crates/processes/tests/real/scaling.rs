// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_autoscaler::Platform;
use cheerful_processes::{Probe, ProcessEvent};
use tokio::time::sleep;

use crate::site::{Site, eventually, get, runs, serving, shell};

#[tokio::test]
async fn starts_probes_opens_and_tells() {
    let mut site = Site::new();
    let mut revision = serving("hello");
    revision.readiness = Probe::Http("/".into());
    site.run(revision, 1).await;
    let observed = |event, door_is_open: bool| match event {
        ProcessEvent::Observed { observation, .. } => {
            (observation.ready, observation.starting, door_is_open)
        }
        ProcessEvent::Crashed { why, .. } => panic!("{why}"),
    };
    let event = site.next_event().await;
    assert!(matches!(observed(event, false), (0, 1, _)));
    let event = site.next_event().await;
    // The door is opened first: who hears of readiness can send requests.
    let is_open = site.door.open_ones() == ["hello-1"];
    assert_eq!(observed(event, is_open), (1, 0, true));
    let address = site.door.get("hello-1").unwrap().address;
    assert!(get(address).starts_with("hello-1,hello,"));
    let metrics = site.processes.metrics().await;
    assert_eq!((metrics.starts, metrics.startups), (1, 1));
    assert_eq!(metrics.startup_buckets.iter().sum::<u64>(), 1);
    assert!(metrics.startup_seconds > 0.0);
    site.end().await;
}

#[tokio::test]
async fn the_idle_replica_goes_first() {
    let site = Site::new();
    site.run(serving("hello"), 3).await;
    site.until_open(&["hello-1", "hello-2", "hello-3"]).await;
    site.door.set_in_flight("hello-1", 1);
    site.door.set_in_flight("hello-3", 2);
    site.processes.scale("hello", 2).await.unwrap();
    site.until_open(&["hello-1", "hello-3"]).await;
    let views = loop {
        let views = site.processes.replicas("hello").await;
        if views.len() == 2 {
            break views;
        }
        sleep(Duration::from_millis(10)).await;
    };
    assert!(views.iter().all(|view| view.state == "ready"), "{views:?}");
    // A new one gets a new name.
    site.processes.scale("hello", 3).await.unwrap();
    site.until_open(&["hello-1", "hello-3", "hello-4"]).await;
    site.door.set_in_flight("hello-1", 0);
    site.door.set_in_flight("hello-3", 0);
    site.end().await;
}

#[tokio::test]
async fn a_drain_waits_for_what_is_in_flight() {
    let site = Site::new();
    let pid = site.run_one(serving("hello")).await;
    site.door.set_in_flight("hello-1", 1);
    site.processes.scale("hello", 0).await.unwrap();
    assert_eq!(site.door.open_ones(), Vec::<String>::new());
    sleep(Duration::from_millis(300)).await;
    assert_eq!(
        site.replica("hello", "hello-1").await.unwrap().state,
        "draining"
    );
    assert!(runs(pid));
    site.door.set_in_flight("hello-1", 0);
    eventually("it ends once nothing is in flight", || !runs(pid)).await;
    site.end().await;
}

#[tokio::test]
async fn a_draining_replica_is_taken_back() {
    let site = Site::new();
    site.run_one(serving("hello")).await;
    site.door.set_in_flight("hello-1", 1);
    site.processes.scale("hello", 0).await.unwrap();
    site.until_open(&[]).await;
    site.processes.scale("hello", 1).await.unwrap();
    site.until_open(&["hello-1"]).await;
    assert_eq!(site.processes.metrics().await.starts, 1);
    site.door.set_in_flight("hello-1", 0);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(
        site.replica("hello", "hello-1").await.unwrap().state,
        "ready"
    );
    site.end().await;
}

#[tokio::test]
async fn a_drain_has_a_limit() {
    let site = Site::new();
    let mut revision = serving("hello");
    revision.drain = Duration::from_millis(100);
    let pid = site.run_one(revision).await;
    site.door.set_in_flight("hello-1", 1);
    site.processes.scale("hello", 0).await.unwrap();
    eventually("it ends all the same", || !runs(pid)).await;
    site.end().await;
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_after_the_grace() {
    let site = Site::new();
    let mut revision = shell("stubborn", "trap '' TERM; exec $0 serve {port}");
    revision.grace = Duration::from_millis(200);
    let pid = site.run_one(revision).await;
    site.processes.scale("stubborn", 0).await.unwrap();
    eventually("it is killed", || !runs(pid)).await;
    assert_eq!(site.processes.metrics().await.kills_after_grace, 1);
    site.end().await;
}

#[tokio::test]
async fn a_failing_replica_is_opened_again_when_it_answers() {
    let site = Site::new();
    site.run_one(serving("hello")).await;
    site.processes.failed("hello", "hello-1").await;
    site.processes.failed("hello", "hello-7").await;
    site.processes.failed("other", "hello-1").await;
    let opened = || {
        site.door
            .get("hello-1")
            .is_some_and(|known| known.opened == 2)
    };
    eventually("it is opened again", opened).await;
    assert_eq!(site.processes.metrics().await.startups, 1);
    site.end().await;
}

#[tokio::test]
async fn who_is_never_ready_does_not_block_others() {
    let site = Site::new();
    site.run(shell("never", "sleep 600"), 60).await;
    site.run_one(serving("hello")).await;
    let never = site.processes.replicas("never").await;
    assert!(
        never.iter().all(|view| view.state == "starting"),
        "{never:?}"
    );
    site.end().await;
}
