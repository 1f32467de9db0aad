// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, reason = "test code")]
//! What the hop adds to headers and takes out of them.
mod hop;

use cheerful_rig::{App, Peer, Script, read_head};
use hop::Hop;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn the_app_learns_where_a_request_came_from() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let head = Peer::ask(
        hop.address,
        "GET /head HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
    )
    .await
    .body;
    for line in [
        "host: a.example:80",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: a.example:80",
        "x-forwarded-proto: http",
        "forwarded: for=127.0.0.1;host=\"a.example:80\";proto=http",
    ] {
        assert!(head.lines().any(|seen| seen == line), "{line} in {head}");
    }
    let request = "GET /head HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\n\
        X-Forwarded-For: 2.2.2.2\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-Proto: https\r\n\r\n";
    let head = Peer::ask(hop.address, request).await.body;
    for line in [
        "x-forwarded-for: 1.1.1.1, 2.2.2.2, 127.0.0.1",
        "forwarded: for=1.1.1.1, for=127.0.0.1;host=\"a\";proto=http",
        "x-forwarded-proto: https",
    ] {
        assert!(head.lines().any(|seen| seen == line), "{line} in {head}");
    }
}

#[tokio::test]
async fn headers_of_this_hop_stay_here() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let request = "GET /head HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine, te\r\nX-Mine: 1\r\n\
        Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip, trailers\r\nX-Yours: 2\r\nUpgrade: h2c\r\n\r\n";
    let head = Peer::ask(hop.address, request).await.body;
    for name in [
        "connection",
        "x-mine",
        "keep-alive",
        "proxy-connection",
        "upgrade",
    ] {
        assert!(
            !head
                .lines()
                .any(|line| line.starts_with(&format!("{name}:"))),
            "{name} in {head}"
        );
    }
    assert!(
        head.contains("te: trailers\n") && head.contains("x-yours: 2\n"),
        "{head}"
    );
}

#[tokio::test]
async fn so_do_those_of_the_hop_behind() {
    let app = Script::start(|_, mut stream| async move {
        while !read_head(&mut stream).await.is_empty() {
            let reply = "HTTP/1.1 200 OK\r\nConnection: X-Secret, keep-alive\r\nKeep-Alive: 9\r\n\
                X-Secret: 1\r\nX-Open: 2\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let reply = Peer::ask(hop.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(reply.body, "ok");
    assert_eq!(reply.header("x-open"), Some("2"));
    for name in ["x-secret", "keep-alive", "connection"] {
        assert_eq!(reply.header(name), None);
    }
}

#[tokio::test]
async fn an_absolute_target_names_the_host_and_asterisk_reaches_the_app() {
    let app = Script::start(|_, mut stream| async move {
        loop {
            let head = read_head(&mut stream).await;
            if head.is_empty() {
                return;
            }
            let reply = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
                head.len()
            );
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let reply = Peer::ask(
        hop.address,
        "GET http://b:1/p?q HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    assert!(reply.body.starts_with("GET /p?q HTTP/1.1\r\n"), "{reply:?}");
    assert!(reply.body.contains("host: b:1\r\n"), "{reply:?}");
    let reply = Peer::ask(hop.address, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(
        reply.body.starts_with("OPTIONS * HTTP/1.1\r\n"),
        "{reply:?}"
    );
}
