// SPDX-License-Identifier: Apache-2.0
//! How a pod ends, and how it does not when only its app is started again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
mod pod;

use std::time::Duration;

use cheerful_queue::SidecarConfig;
use cheerful_rig::{App, Peer, Script, read_head};
use pod::{PATIENCE, Pod, config, get};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpListener,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

#[tokio::test]
async fn an_idle_pod_is_unready_at_once_says_so_and_ends_soon() {
    let app = App::start().await;
    let mut pod = Pod::before(app.address()).await;
    pod.is_ready().await;
    let begun = Instant::now();
    pod.sidecar.terminate();
    assert_eq!(pod.sidecar.ready(), Err("shutting down".to_owned()));
    let report = pod.report_where(|report| report.draining).await;
    assert!(!report.ready);
    assert!(begun.elapsed() < Duration::from_secs(1));
    pod.ended().await;
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_comes_while_draining_is_served_and_told_to_leave() {
    let app = App::start().await;
    let mut pod = Pod::before(app.address()).await;
    pod.is_ready().await;
    let mut kept = Peer::connect(pod.address).await;
    kept.send(&get("/")).await;
    assert_eq!(kept.reply().await.header("connection"), None);
    pod.sidecar.terminate();
    // A client that keeps its connection, and others that come anew: twelve in three seconds.
    kept.send(&get("/")).await;
    let reply = kept.reply().await;
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    for _ in 0..12 {
        let reply = pod.get("/wait/50").await;
        assert_eq!(
            (reply.status, reply.header("connection")),
            (200, Some("close"))
        );
        sleep(Duration::from_millis(200)).await;
    }
    let mut long = pod.send("/wait/2500").await;
    let reply = long.reply().await;
    assert_eq!((reply.status, reply.whole), (200, true));
    let quiet = Instant::now();
    pod.ended().await;
    assert!(quiet.elapsed() >= Duration::from_millis(900));
    assert_eq!(pod.sidecar.metrics().cut_total, 0);
}

#[tokio::test]
async fn the_limit_of_draining_cuts_what_does_not_end() {
    let app = App::start().await;
    let mut pod = Pod::start(SidecarConfig {
        drain: Duration::from_secs(2),
        ..config(app.address())
    })
    .await;
    pod.is_ready().await;
    let mut endless = pod.send("/wait/60000").await;
    pod::until(|| pod.in_flight() == 1).await;
    pod.sidecar.terminate();
    pod.ended().await;
    assert!(endless.is_closed().await);
    assert_eq!(pod.sidecar.metrics().cut_total, 1);
}

#[tokio::test]
async fn the_hook_begins_draining_and_returns_when_it_is_quiet() {
    let app = App::start().await;
    let mut pod = Pod::before(app.address()).await;
    pod.is_ready().await;
    let mut running = pod.send("/wait/3000").await;
    pod::until(|| pod.in_flight() == 1).await;
    let mut hooks = JoinSet::new();
    for _ in 0..2 {
        let sidecar = pod.sidecar.clone();
        hooks.spawn(async move { sidecar.wait_for_drain().await });
    }
    pod.report_where(|report| report.draining).await;
    assert!(pod.sidecar.ready().is_err());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(pod.get("/").await.status, 200, "it still serves");
    assert!(hooks.try_join_next().is_none(), "a request is in flight");
    assert_eq!(running.reply().await.status, 200);
    for _ in 0..2 {
        timeout(PATIENCE, hooks.join_next()).await.unwrap();
    }
    // Until SIGTERM it goes on, for the app's sake.
    assert_eq!(pod.get("/").await.status, 200);
    let begun = Instant::now();
    drop(app);
    pod.sidecar.terminate();
    pod.ended().await;
    assert!(
        begun.elapsed() < Duration::from_millis(1400),
        "it is quiet already: {:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_upgraded_connection_does_not_keep_the_app_from_its_sigterm() {
    let app = Script::start(|_, mut stream| async move {
        if read_head(&mut stream).await.contains("upgrade") {
            let switch =
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
            stream.write_all(switch.as_bytes()).await.unwrap();
            // What an app does that is told to end.
            sleep(Duration::from_secs(4)).await;
            stream.write_all(b"bye").await.unwrap();
        }
    })
    .await;
    let mut pod = Pod::before(app.address()).await;
    pod.is_ready().await;
    let mut open = Peer::connect(pod.address).await;
    open.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        .await;
    assert_eq!(open.reply().await.status, 101);
    let begun = Instant::now();
    timeout(PATIENCE, pod.sidecar.wait_for_drain())
        .await
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(pod.in_flight(), 1);
    pod.sidecar.terminate();
    assert_eq!(open.rest().await, "bye");
    pod.ended().await;
    assert_eq!(pod.sidecar.metrics().cut_total, 0);
}

#[tokio::test]
async fn an_app_that_was_started_again_is_served_again() {
    let app = App::start().await;
    let address = app.address();
    let mut pod = Pod::before(address).await;
    pod.is_ready().await;
    // Its liveness probe failed: the hook is called, then it is ended, and started again.
    timeout(PATIENCE, pod.sidecar.wait_for_drain())
        .await
        .unwrap();
    assert!(pod.sidecar.ready().is_err());
    drop(app);
    pod::until(|| !pod.sidecar.metrics().app_answers).await;
    let listener = TcpListener::bind(address).await.unwrap();
    pod.is_ready().await;
    let report = pod.report_where(|report| report.ready).await;
    assert!(!report.draining);
    drop(listener);
}
