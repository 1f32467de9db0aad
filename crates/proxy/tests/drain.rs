// SPDX-License-Identifier: Apache-2.0
//! Drain: nothing accepted, what is in flight finished, everything closed.
#![allow(clippy::unwrap_used, reason = "test code")]
mod hop;

use std::time::Duration;

use cheerful_proxy::ServerConfig;
use cheerful_rig::{App, Peer};
use hop::{Hop, Setting, until};
use tokio::net::TcpStream;

#[tokio::test]
async fn what_is_in_flight_is_finished_and_idle_connections_close() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut idle = Peer::connect(hop.address).await;
    idle.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.reply().await.header("connection"), None);
    let mut silent = Peer::connect(hop.address).await;
    let mut busy = Peer::connect(hop.address).await;
    busy.send("GET /wait/500 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut streaming = Peer::connect(hop.address).await;
    streaming
        .send("GET /drip/5/150 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    until(|| app.requests() == 3).await;

    hop.drain.begin();
    assert!(idle.is_closed().await);
    assert!(silent.is_closed().await);
    let address = hop.address;
    let mut refused = false;
    for _ in 0..100 {
        refused = TcpStream::connect(address).await.is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(refused, "nothing is accepted any more");
    let reply = busy.reply().await;
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    assert!(busy.is_closed().await);
    let reply = streaming.reply().await;
    assert_eq!((reply.body.len(), reply.whole), (25, true));
    hop.ended().await;
}

/// A connection is looked after at each quarter of the time for a head, also while the drain waits for its request.
#[tokio::test]
async fn what_is_in_flight_is_finished_however_long_it_takes() {
    let app = App::start().await;
    let server = ServerConfig {
        head_timeout: Duration::from_millis(100),
        ..ServerConfig::default()
    };
    let setting = Setting {
        server,
        ..Setting::default()
    };
    let hop = Hop::with(app.address(), setting).await;
    let mut busy = Peer::connect(hop.address).await;
    busy.send("GET /wait/1000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    until(|| app.requests() == 1).await;
    hop.drain.begin();
    assert_eq!(busy.reply().await.status, 200);
    hop.ended().await;
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    hop.drain.begin();
    hop.ended().await;
}

#[tokio::test]
async fn when_the_end_is_announced_all_are_served_and_told_to_leave() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut idle = Peer::connect(hop.address).await;
    idle.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.reply().await.header("connection"), None);

    hop.drain.announce(true);
    // An idle connection is not closed under a request that may be on its way.
    idle.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = idle.reply().await;
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    assert!(idle.is_closed().await);
    let mut late = Peer::connect(hop.address).await;
    late.send("GET /z HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = late.reply().await;
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    assert!(late.is_closed().await);

    hop.drain.announce(false);
    let mut again = Peer::connect(hop.address).await;
    again.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(again.reply().await.header("connection"), None);
    hop.drain.begin();
    hop.ended().await;
}
