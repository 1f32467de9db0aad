// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, reason = "test code")]
//! Time limits: before the response began 504, after it an end and never a word in the body.
mod hop;

use std::time::Duration;

use cheerful_proxy::{Line, TimeLimits};
use cheerful_rig::{App, Peer, Script, read_head};
use hop::{Hop, Setting, until};
use tokio::io::AsyncWriteExt;

const NONE: TimeLimits = TimeLimits {
    connect: Duration::ZERO,
    first_byte: Duration::ZERO,
    idle: Duration::ZERO,
    whole: Duration::ZERO,
};
const SHORT: Duration = Duration::from_millis(400);

async fn limited(app: &App, limits: TimeLimits) -> Hop {
    Hop::with(
        app.address(),
        Setting {
            limits,
            ..Setting::default()
        },
    )
    .await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[tokio::test]
async fn no_first_byte_in_time_is_504() {
    let app = App::start().await;
    for limits in [
        TimeLimits {
            first_byte: SHORT,
            ..NONE
        },
        TimeLimits {
            idle: SHORT,
            ..NONE
        },
        TimeLimits {
            whole: SHORT,
            ..NONE
        },
    ] {
        let hop = limited(&app, limits).await;
        let mut peer = Peer::connect(hop.address).await;
        for (path, status) in [("/x", 200), ("/wait/60000", 504), ("/x", 200)] {
            peer.send(&get(path)).await;
            assert_eq!(peer.reply().await.status, status, "{path} {limits:?}");
        }
        until(|| hop.in_flight() == 0 && app.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn a_slow_answer_within_the_limit_passes() {
    let app = App::start().await;
    let limits = TimeLimits {
        first_byte: Duration::from_secs(15),
        ..NONE
    };
    let hop = limited(&app, limits).await;
    assert_eq!(Peer::ask(hop.address, &get("/wait/300")).await.status, 200);
}

#[tokio::test]
async fn after_the_response_began_the_connection_ends() {
    let app = App::start().await;
    for limits in [
        TimeLimits {
            idle: SHORT,
            ..NONE
        },
        TimeLimits {
            whole: SHORT,
            first_byte: SHORT,
            ..NONE
        },
    ] {
        let hop = limited(&app, limits).await;
        let mut peer = Peer::connect(hop.address).await;
        peer.send(&get("/drip/9/60000")).await;
        let reply = peer.reply().await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, "drip\n"),
            "{limits:?}"
        );
        assert!(!reply.whole, "a cut response must not look whole");
        assert!(peer.is_closed().await);
        until(|| hop.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn what_moves_is_not_idle() {
    let app = App::start().await;
    let hop = limited(
        &app,
        TimeLimits {
            idle: Duration::from_millis(1500),
            ..NONE
        },
    )
    .await;
    let reply = Peer::ask(hop.address, &get("/drip/10/300")).await;
    assert_eq!((reply.body.len(), reply.whole), (50, true));

    // An upload keeps it alive too, though the app says nothing until its end.
    let mut peer = Peer::connect(hop.address).await;
    peer.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        .await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        peer.send("x").await;
    }
    assert_eq!(peer.reply().await.body, "10");
}

#[tokio::test]
async fn the_whole_limit_counts_the_wait_in_a_line() {
    let app = App::start().await;
    let limits = TimeLimits {
        whole: Duration::from_millis(1000),
        ..NONE
    };
    let line = Some(Line::new(1, 1));
    let hop = Hop::with(
        app.address(),
        Setting {
            limits,
            line,
            ..Setting::default()
        },
    )
    .await;
    let mut first = Peer::connect(hop.address).await;
    first.send(&get("/wait/700")).await;
    until(|| app.in_flight() == 1).await;
    assert_eq!(Peer::ask(hop.address, &get("/wait/900")).await.status, 504);
    assert_eq!(first.reply().await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_at_once() {
    let app = App::start().await;
    let line = Some(Line::new(1, 2));
    let hop = Hop::with(
        app.address(),
        Setting {
            line,
            ..Setting::default()
        },
    )
    .await;
    let mut running = Peer::connect(hop.address).await;
    running.send(&get("/wait/60000")).await;
    until(|| app.in_flight() == 1).await;
    let mut waiting = Peer::connect(hop.address).await;
    waiting.send(&get("/x")).await;
    let mut next = Peer::connect(hop.address).await;
    next.send(&get("/x")).await;
    until(|| hop.in_flight() == 3).await;
    let refused = Peer::ask(hop.address, &get("/x")).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    drop(waiting);
    until(|| hop.in_flight() == 2).await;
    drop(running);
    assert_eq!(next.reply().await.status, 200);
    until(|| hop.in_flight() == 0 && app.cancelled() == 1).await;
    assert_eq!(app.requests(), 2, "who left the line never reached the app");
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_ends_it() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send(&get("/drip/100000/10")).await;
    peer.bytes(200).await;
    drop(peer);
    until(|| hop.in_flight() == 0).await;
}

#[tokio::test]
async fn a_broken_response_is_passed_on_broken() {
    let app = Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            .await
            .unwrap();
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send(&get("/")).await;
    let reply = peer.reply().await;
    assert!(!reply.whole && "half".starts_with(&reply.body), "{reply:?}");
    until(|| hop.in_flight() == 0).await;
}
