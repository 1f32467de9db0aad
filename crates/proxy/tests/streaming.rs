// SPDX-License-Identifier: Apache-2.0
//! Bodies: at once, both ways, of any length, in flat memory.
#![allow(clippy::unwrap_used, reason = "test code")]
mod hop;

use std::time::Duration;

use cheerful_rig::{App, Peer, Script, read_head};
use hop::{Hop, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn each_event_is_passed_on_at_once() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send("GET /drip/2/60000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    // The second event is a minute away.
    let head = peer.bytes(100).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[tokio::test]
async fn both_ways_at_once() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        .await;
    let mut seen = String::new();
    while !seen.ends_with("1\r\na\r\n") {
        seen.push_str(&peer.bytes(1).await);
    }
    peer.send("1\r\nb\r\n0\r\n\r\n").await;
    assert_eq!(peer.bytes(11).await, "1\r\nb\r\n0\r\n\r\n");
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Sum\r\n\
        Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n";
    let reply = Peer::ask(hop.address, request).await;
    assert_eq!((reply.body.as_str(), reply.whole), ("abcx-sum: 6", true));
}

#[tokio::test]
async fn continue_is_said_when_the_app_reads() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    )
    .await;
    assert_eq!(peer.reply().await.status, 100);
    peer.send("ok").await;
    assert_eq!(peer.reply().await.body, "ok");
}

#[tokio::test]
async fn head_and_bodiless_statuses_leave_the_connection_usable() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send("HEAD /bytes/5 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = peer.reply_to(false).await;
    assert_eq!(
        (reply.status, reply.header("content-length")),
        (200, Some("5"))
    );
    peer.send("GET /status/304 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(peer.reply().await.status, 304);
    peer.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.reply().await.body, "hello");
    until(|| hop.in_flight() == 0).await;
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn http_1_0_gets_what_it_understands() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send("GET /drip/2/1 HTTP/1.0\r\n\r\n").await;
    let reply = peer.rest().await;
    assert!(
        reply.starts_with("HTTP/1.0 200") && reply.ends_with("\r\n\r\ndrip\ndrip\n"),
        "{reply}"
    );
    let mut peer = Peer::connect(hop.address).await;
    for _ in 0..2 {
        peer.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .await;
        assert_eq!(peer.reply().await.body, "hello");
    }
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

const LARGE: u64 = 64 << 20;

#[tokio::test]
async fn large_bodies_pass_in_flat_memory() {
    let app = Script::start(|number, mut stream| async move {
        let head = read_head(&mut stream).await;
        if head.starts_with("POST") {
            let mut sink = tokio::io::sink();
            tokio::io::copy(&mut (&mut stream).take(LARGE), &mut sink)
                .await
                .unwrap();
            let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
            stream.write_all(reply.as_bytes()).await.unwrap();
        } else {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut source = tokio::io::repeat(b'x').take(LARGE);
            tokio::io::copy(&mut source, &mut stream).await.unwrap();
        }
        drop(stream.read_u8().await);
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let before = resident();

    let mut up = Peer::connect(hop.address).await;
    up.send(&format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"
    ))
    .await;
    let mut source = tokio::io::repeat(b'x').take(LARGE);
    tokio::io::copy(&mut source, &mut up.stream).await.unwrap();
    assert_eq!(up.reply().await.body, "0");

    let mut down = TcpStream::connect(hop.address).await.unwrap();
    down.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut sink = tokio::io::sink();
    let count = tokio::io::copy(&mut down, &mut sink).await.unwrap();
    assert!(count > LARGE);

    // A client that does not read holds no more than the buffers on the way.
    let mut stuck = TcpStream::connect(hop.address).await.unwrap();
    stuck
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < LARGE / 4, "grew by {grown} bytes");
}
