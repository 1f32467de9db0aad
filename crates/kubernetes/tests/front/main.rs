// SPDX-License-Identifier: Apache-2.0
//! The gateway's way to its replicas at a real API server: EndpointSlices that lead to apps of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "test code: a failure is a panic, and what was measured is told"
)]
mod desk;
mod role;
mod slices;
mod stand;

use std::time::{Duration, Instant};

use cheerful_rig::{App, Traffic, cluster};
use slices::Slices;
use stand::Stand;
use tokio::time::sleep;

#[tokio::test]
async fn held_at_zero_told_at_once_and_released_by_news() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "front-news").await;
    let mut stand = Stand::start(&slices).await;
    slices.route("hello", &["hello.example"]).await;
    stand.knows(&slices, "hello").await;
    let app = App::start_at(slices.node()).await;
    let mut traffic = Traffic::new(stand.address(), "hello.example", "/");
    let asked = Instant::now();
    traffic.once(100);
    let holding = stand.next_holding().await;
    let told = asked.elapsed();
    assert_eq!(holding.workload.name, "hello");
    assert!(
        holding.held > 0 && holding.woken_by.is_some(),
        "{holding:?}"
    );
    sleep(Duration::from_millis(500)).await;
    assert_eq!(app.requests(), 0);
    stand.news(&slices, "hello", "pod-1", &app, true).await;
    let released = Instant::now();
    let tally = traffic.finish().await;
    println!(
        "held: told after {told:?}; 100 answered {:?} after the news",
        released.elapsed()
    );
    assert_eq!((tally.answered, tally.failed), (100, vec![]));
    let last = stand.last_holding().await;
    assert_eq!(last.held, 0, "what was passed on is not held");

    // The watch never shows it: it is forgotten, and requests are held again.
    cluster::eventually("the pod that only news knew is forgotten", async || {
        (stand.front.metrics().directory.replicas_open == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn released_by_a_slice_and_gone_with_it() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "front-slice").await;
    let stand = Stand::start(&slices).await;
    slices.route("hello", &["hello.example"]).await;
    stand.knows(&slices, "hello").await;
    let app = App::start_at(slices.node()).await;
    let mut traffic = Traffic::new(stand.address(), "hello.example", "/");
    traffic.once(10);
    sleep(Duration::from_millis(300)).await;
    let written = Instant::now();
    slices.pods("hello", &[("pod-1", &app, true)]).await;
    let tally = traffic.finish().await;
    println!(
        "10 held answered {:?} after the slice was written",
        written.elapsed()
    );
    assert_eq!((tally.answered, tally.failed), (10, vec![]));
    let mut unknown = Traffic::new(stand.address(), "nobody.example", "/");
    unknown.once(1);
    assert!(unknown.finish().await.failed[0].contains("404"));
    slices.remove("hello").await;
    cluster::eventually("the revision is gone with its slice", async || {
        let mut traffic = Traffic::new(stand.address(), "hello.example", "/");
        traffic.once(1);
        let tally = traffic.finish().await;
        tally.failed.first()?.contains("404").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_pod_that_goes_under_load_costs_no_request() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "front-load").await;
    let stand = Stand::start(&slices).await;
    slices.route("hello", &["hello.example"]).await;
    let apps = [
        App::start_at(slices.node()).await,
        App::start_at(slices.node()).await,
        App::start_at(slices.node()).await,
    ];
    let [first, second, third] = &apps;
    let all = [("a", first, true), ("b", second, true), ("c", third, true)];
    slices.pods("hello", &all).await;
    stand.knows(&slices, "hello").await;
    let mut traffic = Traffic::new(stand.address(), "hello.example", "/wait/20");
    traffic.add(30, Duration::ZERO);
    sleep(Duration::from_secs(1)).await;

    // In order: the slice says that it ends, then the watch takes it out, then it goes when it is idle.
    let fewer = [("a", first, false), ("b", second, true), ("c", third, true)];
    slices.pods("hello", &fewer).await;
    cluster::eventually("the pod that goes gets no more", async || {
        (first.in_flight() == 0).then_some(())
    })
    .await;
    let [first, second, third] = apps;
    drop(first);
    sleep(Duration::from_secs(1)).await;
    let before = traffic.tally();
    assert_eq!(before.failed, [""; 0]);

    // Without a word: what it had in flight is tried elsewhere.
    drop(second);
    sleep(Duration::from_secs(2)).await;
    let after = traffic.end().await;
    assert_eq!(after.failed, [""; 0]);
    assert!(after.answered > before.answered + 100, "{after:?}");
    assert!(third.requests() > 0);
    let counts = stand.front.metrics().directory;
    assert!(counts.replicas_failed_total > 0, "{counts:?}");
    println!("{} answered, none failed", after.answered);
}

#[tokio::test]
async fn a_failed_pod_comes_back_by_itself() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "front-failed").await;
    let stand = Stand::start(&slices).await;
    slices.route("hello", &["hello.example"]).await;
    let app = App::start_at(slices.node()).await;
    slices.pods("hello", &[("a", &app, true)]).await;
    stand.knows(&slices, "hello").await;
    let address = app.address();
    drop(app);
    let mut traffic = Traffic::new(stand.address(), "hello.example", "/");
    traffic.once(5);
    sleep(Duration::from_millis(1_500)).await;
    let app = App::start_on(address).await;
    let tally = traffic.finish().await;
    assert_eq!((tally.answered, tally.failed), (5, vec![]));
    assert!(app.requests() >= 5);
}
