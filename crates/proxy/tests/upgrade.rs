// SPDX-License-Identifier: Apache-2.0
//! Upgraded connections.
#![allow(clippy::unwrap_used, reason = "test code")]
mod hop;

use std::time::Duration;

use cheerful_proxy::{Line, TimeLimits};
use cheerful_rig::{App, Peer, Script, read_head};
use futures_util::{SinkExt, StreamExt};
use hop::{Hop, Setting, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{accept_async, client_async, tungstenite::Message};

const UPGRADE: &str =
    "GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n";

/// Switches protocols, says what it was asked, and echoes.
async fn echo() -> Script {
    Script::start(|_, mut stream| async move {
        let head = read_head(&mut stream).await;
        let upgraded =
            head.contains("upgrade: echo\r\n") && head.contains("connection: upgrade\r\n");
        assert!(upgraded, "{head}");
        let reply =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi";
        stream.write_all(reply.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    })
    .await
}

#[tokio::test]
async fn bytes_behind_the_upgrade_request_are_kept() {
    let app = echo().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send(&format!("{UPGRADE}Host : a\r\n\r\n0\r\n")).await;
    let reply = peer.reply().await;
    assert_eq!((reply.status, reply.header("upgrade")), (101, Some("echo")));
    assert_eq!(peer.bytes(16).await, "hiHost : a\r\n\r\n0\r");
    peer.send("more").await;
    assert_eq!(peer.bytes(5).await, "\nmore");
    peer.stream.shutdown().await.unwrap();
    assert!(peer.is_closed().await);
    until(|| hop.in_flight() == 0).await;
}

#[tokio::test]
async fn an_upgrade_that_is_declined_leaves_plain_http_guarded_as_before() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    let good = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    peer.send(&format!(
        "{good}{UPGRADE}{good}{UPGRADE}GET /x HTTP/1.1\r\nHost : a\r\n\r\n"
    ))
    .await;
    for status in [200, 200, 200, 200, 400] {
        assert_eq!(peer.reply().await.status, status);
    }
    assert!(peer.is_closed().await);
}

#[tokio::test]
async fn it_is_bound_by_idle_only_and_holds_its_place() {
    let app = echo().await;
    let limits = TimeLimits {
        first_byte: Duration::from_millis(300),
        whole: Duration::from_millis(300),
        idle: Duration::from_millis(1500),
        ..TimeLimits::default()
    };
    let line = Some(Line::new(1, 0));
    let hop = Hop::with(
        app.address(),
        Setting {
            limits,
            line,
            ..Setting::default()
        },
    )
    .await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send(UPGRADE).await;
    peer.reply().await;
    peer.bytes(2).await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        peer.send("x").await;
        assert_eq!(peer.bytes(1).await, "x");
    }
    assert_eq!(
        Peer::ask(hop.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .status,
        503
    );
    assert!(peer.is_closed().await, "idle");
    until(|| hop.in_flight() == 0).await;
}

#[tokio::test]
async fn websockets_pass() {
    let app = Script::start(|_, stream| async move {
        let mut socket = accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let stream = tokio::net::TcpStream::connect(hop.address).await.unwrap();
    let (mut socket, response) = client_async("ws://a/chat", stream).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    socket.close(None).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    until(|| hop.in_flight() == 0).await;
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_502() {
    let app = Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let reply =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
        stream.write_all(reply).await.unwrap();
        drop(stream.read_u8().await);
    })
    .await;
    let hop = Hop::to(app.address()).await;
    assert_eq!(
        Peer::ask(hop.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .status,
        502
    );
}
