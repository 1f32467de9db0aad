// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, reason = "test code")]
//! Requests that two readers could read in two ways are refused, and nothing behind them is read.
mod hop;

use std::time::Duration;

use cheerful_proxy::ServerConfig;
use cheerful_rig::{App, Peer};
use hop::{Hop, Setting};

const BEHIND: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn doubtful_requests_are_refused_and_the_connection_closed() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    for (status, request) in [
        (
            400,
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        ),
        (
            400,
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        ),
        (
            400,
            "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            501,
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        ),
        (
            501,
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "GET /x HTTP/1.1\r\nHost: a\r\nX-A: b\r\n folded\r\n\r\n",
        ),
        (400, "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, "GET /x HTTP/1.1\r\n\r\n"),
        (400, "GET /x HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n"),
        (400, "GET /x HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, "garbage\r\n\r\n"),
        (501, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
    ] {
        let mut peer = Peer::connect(hop.address).await;
        peer.send(&format!(
            "GET /first HTTP/1.1\r\nHost: a\r\n\r\n{request}{BEHIND}"
        ))
        .await;
        assert_eq!(peer.reply().await.status, 200, "before {request:?}");
        let reply = peer.reply().await;
        assert_eq!(reply.status, status, "{request:?}");
        assert_eq!(reply.header("connection"), Some("close"), "{request:?}");
        assert!(reply.body.ends_with('\n') && reply.whole, "{reply:?}");
        assert!(peer.is_closed().await, "{request:?}");
    }
    assert_eq!(
        app.requests(),
        14,
        "only the good ones in front reach the app"
    );
    assert_eq!(hop.in_flight(), 0);
}

#[tokio::test]
async fn bad_chunks_end_the_request() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    for chunk in [
        "x\r\n",
        "-1\r\n",
        "3\r\nabcd\r\n",
        "3\nabc\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let request =
            format!("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
        let mut peer = Peer::connect(hop.address).await;
        peer.send(&format!("{request}{BEHIND}")).await;
        let reply = peer.reply().await;
        assert_eq!(reply.status, 400, "{chunk:?}: {reply:?}");
        assert!(peer.is_closed().await, "{chunk:?}");
    }
    hop::until(|| hop.in_flight() == 0).await;
}

#[tokio::test]
async fn harmless_oddities_pass() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    for request in [
        "\r\nPOST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /count HTTP/1.1\nHost: a\nContent-Length: 4\n\nabcd",
        "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n4;x=\"y\"\r\nabcd\r\n0\r\n\r\n",
    ] {
        let mut peer = Peer::connect(hop.address).await;
        peer.send(&format!("{request}{BEHIND}")).await;
        assert_eq!(peer.reply().await.body, "4", "{request:?}");
        assert_eq!(peer.reply().await.body, "hello", "{request:?}");
    }
}

#[tokio::test]
async fn a_head_too_large_gets_431_and_a_slow_one_408() {
    let app = App::start().await;
    let server = ServerConfig {
        max_head_bytes: 10_000,
        head_timeout: Duration::from_millis(300),
        keep_alive: Duration::from_millis(600),
        ..ServerConfig::default()
    };
    let hop = Hop::with(
        app.address(),
        Setting {
            server,
            ..Setting::default()
        },
    )
    .await;
    let large = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let mut peer = Peer::connect(hop.address).await;
    peer.send(&large).await;
    assert_eq!(peer.reply().await.status, 431);
    assert!(peer.is_closed().await);

    let fitting = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(9_000)
    );
    assert_eq!(Peer::ask(hop.address, &fitting).await.status, 200);

    let mut slow = Peer::connect(hop.address).await;
    slow.send("GET /x HTTP/1.1\r\nHo").await;
    assert_eq!(slow.reply().await.status, 408);
    assert!(slow.is_closed().await);

    let mut idle = Peer::connect(hop.address).await;
    idle.send("GET /wait/1500 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(
        idle.reply().await.status,
        200,
        "a request in flight is not idle"
    );
    assert!(idle.is_closed().await, "closed without a word");
}

#[tokio::test]
async fn a_head_in_many_pieces_is_one_head() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    for _ in 0..2 {
        for piece in [
            "POST /echo HT",
            "TP/1.1\r",
            "\nHost: a\r\nContent-Le",
            "ngth: 6\r\n\r",
            "\nabc",
        ] {
            peer.send(piece).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        peer.send("def").await;
        assert_eq!(peer.reply().await.body, "abcdef");
    }
}
