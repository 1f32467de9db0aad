// SPDX-License-Identifier: Apache-2.0
//! Plain HTTP/1.1 through the hop.
mod hop;

use cheerful_rig::{App, Peer};
use hop::{Hop, until};

#[tokio::test]
async fn a_request_goes_through_and_is_counted() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    for _ in 0..3 {
        peer.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let reply = peer.reply().await;
        assert_eq!(
            (reply.status, reply.body.as_str(), reply.whole),
            (200, "hello", true)
        );
    }
    until(|| hop.in_flight() == 0).await;
    let counts = hop.choose.accounting().counts();
    assert_eq!((counts.begun, counts.ended, counts.refused), (3, 3, 0));
    assert_eq!(counts.latency.iter().sum::<u64>(), 3);
    assert!(counts.request_micros > 0);
    assert_eq!(app.connections(), 1, "the connection is used again");
}

#[tokio::test]
async fn requests_in_one_segment_are_answered_in_order() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut peer = Peer::connect(hop.address).await;
    peer.send(
        "GET /wait/50 HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
         GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    for wanted in ["waited", "abc", "hello"] {
        assert_eq!(peer.reply().await.body, wanted);
    }
}

#[tokio::test]
async fn paths_pass_byte_for_byte() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    for path in ["/head/a%2Fb//c/../d?x=%zz&;y", "/head?", "/head//"] {
        let reply = Peer::ask(
            hop.address,
            &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        )
        .await;
        assert_eq!(
            reply.body.lines().next().unwrap(),
            format!("GET {path} HTTP/1.1")
        );
    }
}
