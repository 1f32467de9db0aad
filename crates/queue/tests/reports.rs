// SPDX-License-Identifier: Apache-2.0
//! What is reported, and when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
mod pod;

use std::time::Duration;

use cheerful_queue::SidecarConfig;
use cheerful_rig::{App, Peer, Script, read_head};
use pod::{Pod, config, until};
use tokio::{io::AsyncWriteExt as _, time::sleep};

#[tokio::test]
async fn reports_follow_the_interval_that_the_autoscaler_says() {
    let app = App::start().await;
    let mut pod = Pod::before(app.address()).await;
    assert!(pod.report().await.ready);
    pod.pace(100, None).await;
    for sequence in 1..=5 {
        let report = pod.report().await.report;
        assert_eq!(report.sequence, Some(sequence));
        assert!(report.in_flight.is_none());
    }
    // One that is out of all bounds is held within them.
    pod.pace(0, None).await;
    pod.report().await;
    sleep(Duration::from_millis(550)).await;
    let mut count = 0;
    while pod.reports.try_recv().is_ok() {
        count += 1;
    }
    assert!(count <= 6, "{count}");
}

#[tokio::test]
async fn a_burst_is_reported_at_once_as_an_average_over_some_time() {
    let app = App::start().await;
    let mut pod = Pod::before(app.address()).await;
    pod.report().await;
    // No regular report comes between.
    pod.pace(60_000, Some(3.0)).await;
    sleep(Duration::from_millis(50)).await;
    while pod.reports.try_recv().is_ok() {}
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(pod.send("/wait/1500").await);
    }
    sleep(Duration::from_millis(200)).await;
    assert!(pod.reports.try_recv().is_err(), "three are no burst");
    sent.push(pod.send("/wait/1500").await);
    let report = pod.report().await.report;
    assert_eq!(report.in_flight, Some(4.0));
    assert!(report.request_seconds > 0.0 && report.requests == 0);
    for mut peer in sent {
        assert_eq!(peer.reply().await.status, 200);
    }
}

#[tokio::test]
async fn who_waits_for_the_limit_is_reported_as_waiting() {
    let app = App::start().await;
    let mut pod = Pod::start(SidecarConfig {
        concurrency: Some(1),
        ..config(app.address())
    })
    .await;
    pod.report().await;
    pod.pace(60_000, Some(1.0)).await;
    sleep(Duration::from_millis(50)).await;
    while pod.reports.try_recv().is_ok() {}
    let mut first = pod.send("/wait/600").await;
    until(|| app.in_flight() == 1).await;
    let mut second = pod.send("/wait/10").await;
    let burst = pod.report().await.report;
    assert_eq!(
        burst.in_flight,
        Some(2.0),
        "one in the app, one in the line"
    );
    assert_eq!(app.in_flight(), 1);
    assert_eq!(first.reply().await.status, 200);
    assert_eq!(second.reply().await.status, 200);
    pod.pace(100, None).await;
    let after = pod
        .report_where(|report| report.report.requests > 0)
        .await
        .report;
    assert!(
        after.waiting_seconds > 0.2 && after.request_seconds > 0.2,
        "{after:?}"
    );
}

#[tokio::test]
async fn without_an_autoscaler_requests_go_on() {
    let app = App::start().await;
    let mut pod = Pod::before(app.address()).await;
    pod.report().await;
    // Nobody says an interval any more, and nobody takes reports.
    let (nobody, _) = tokio::sync::mpsc::channel(1);
    pod.down = nobody;
    pod.reports.close();
    for _ in 0..20 {
        assert_eq!(pod.get("/").await.status, 200);
    }
    sleep(Duration::from_millis(1200)).await;
    assert_eq!(pod.get("/").await.status, 200);
    assert_eq!(pod.sidecar.metrics().requests.requests_total, 21);
}

#[tokio::test]
async fn over_the_limit_requests_wait_in_order_and_over_the_line_they_are_refused() {
    let app = App::start().await;
    let pod = Pod::start(SidecarConfig {
        concurrency: Some(1),
        waiting: 10,
        ..config(app.address())
    })
    .await;
    pod.is_ready().await;
    let mut served = vec![pod.send("/wait/2000").await];
    until(|| app.in_flight() == 1).await;
    for number in 1..=10 {
        served.push(pod.send("/wait/10").await);
        until(|| pod.sidecar.metrics().requests.waiting == number).await;
    }
    for _ in 0..3 {
        let refused = pod.get("/").await;
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (503, Some("1"))
        );
    }
    for mut peer in served {
        assert_eq!(peer.reply().await.status, 200);
    }
    assert_eq!(app.requests(), 11);
    assert_eq!(pod.sidecar.metrics().requests.refused_full_total, 3);
}

#[tokio::test]
async fn a_client_that_leaves_the_line_makes_room() {
    let app = App::start().await;
    let pod = Pod::start(SidecarConfig {
        concurrency: Some(1),
        waiting: 1,
        ..config(app.address())
    })
    .await;
    pod.is_ready().await;
    let mut first = pod.send("/wait/1000").await;
    until(|| pod.in_flight() == 1).await;
    let leaves = pod.send("/").await;
    until(|| pod.sidecar.metrics().requests.waiting == 1).await;
    drop(leaves);
    until(|| pod.sidecar.metrics().requests.waiting == 0).await;
    let mut second = pod.send("/").await;
    assert_eq!(first.reply().await.status, 200);
    assert_eq!(second.reply().await.status, 200);
    assert_eq!(app.requests(), 2);
}

#[tokio::test]
async fn an_open_websocket_holds_its_place_and_who_waits_too_long_gets_504() {
    let app = Script::start(|_, mut stream| async move {
        if read_head(&mut stream).await.contains("upgrade") {
            let switch =
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
            stream.write_all(switch.as_bytes()).await.unwrap();
            sleep(Duration::from_secs(60)).await;
        }
    })
    .await;
    let mut config = SidecarConfig {
        concurrency: Some(1),
        ..config(app.address())
    };
    config.time_limits.whole = Duration::from_millis(500);
    let pod = Pod::start(config).await;
    pod.is_ready().await;
    let mut open = Peer::connect(pod.address).await;
    open.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        .await;
    assert_eq!(open.reply().await.status, 101);
    let late = pod.get("/").await;
    assert_eq!(late.status, 504);
    let requests = pod.sidecar.metrics().requests;
    assert_eq!(
        (
            requests.in_flight,
            requests.waiting,
            requests.refused_late_total
        ),
        (1, 0, 1)
    );
}
