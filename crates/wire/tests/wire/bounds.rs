// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, time::Duration};

use cheerful_wire::{Downward, Link, Pace, Replica, ServerConfig, Transport, Upward};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message as Frame};

use crate::peers::{
    Authority, BOTH, Folder, NAME, Server, Wanted, config, report, soon, until, up, workload,
};

async fn server(config: ServerConfig) -> Server {
    Server::start(Wanted {
        config,
        ..Wanted::default()
    })
    .await
}

async fn websocket(server: SocketAddr) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let uri = format!("ws://{server}/cheerful.wire.v1/stream");
    tokio_tungstenite::connect_async(uri).await.unwrap().0
}

/// What the server says to frames with these bytes in them, as far as it is text.
async fn said_to(server: &Server, frames: &[&[u8]]) -> String {
    let mut socket = websocket(server.address).await;
    for frame in frames {
        let frame = Frame::Binary(frame.to_vec().into());
        socket.send(frame).await.unwrap();
    }
    let mut said = String::new();
    while let Some(Ok(frame)) = soon(socket.next()).await {
        said += &String::from_utf8_lossy(&frame.into_data());
    }
    said
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let server = server(ServerConfig {
        hello_timeout: Duration::from_millis(200),
        ..ServerConfig::default()
    })
    .await;
    let mut nothing = TcpStream::connect(server.address).await.unwrap();
    let mut half_a_preface = TcpStream::connect(server.address).await.unwrap();
    half_a_preface.write_all(b"PR").await.unwrap();
    let mut no_stream = TcpStream::connect(server.address).await.unwrap();
    no_stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut half_a_request = TcpStream::connect(server.address).await.unwrap();
    half_a_request.write_all(b"GET / HT").await.unwrap();
    let mut no_hello = websocket(server.address).await;
    for stream in [
        &mut nothing,
        &mut half_a_preface,
        &mut no_stream,
        &mut half_a_request,
    ] {
        let mut rest = Vec::new();
        drop(soon(stream.read_to_end(&mut rest)).await);
    }
    while let Some(Ok(_)) = soon(no_hello.next()).await {}
    until(|| server.counts().connections == 0).await;
    let counts = server.counts();
    let ended = counts.hello_timeouts_total + counts.handshakes_failed_total;
    assert_eq!((counts.accepted_total, ended), (5, 5), "{counts:?}");
    assert!(counts.hello_timeouts_total >= 4, "{counts:?}");
}

#[tokio::test]
async fn who_begins_wrongly_is_told_why() {
    let server = server(ServerConfig::default()).await;
    // A report; Hello of version 0 from a gateway n/p; Hello of version 1 without who; a queue without an address.
    let said = said_to(&server, &[b"\x12\x00"]).await;
    assert!(said.contains("the first message must be Hello"), "{said:?}");
    let said = said_to(&server, &[b"\x0a\x08\x2a\x06\x0a\x01n\x12\x01p"]).await;
    assert!(said.contains("version 0"), "{said:?}");
    let said = said_to(&server, &[b"\x0a\x02\x08\x01"]).await;
    assert!(said.contains("who: it must be a queue"), "{said:?}");
    let said = said_to(&server, &[b"\x0a\x04\x08\x01\x22\x00"]).await;
    assert!(said.contains("workload: it is missing"), "{said:?}");
    // Twice Hello; a latency bucket that is none; not protobuf.
    let hello = b"\x0a\x0a\x08\x01\x2a\x06\x0a\x01n\x12\x01p".as_slice();
    let said = said_to(&server, &[hello, hello]).await;
    assert!(said.contains("Hello comes once"), "{said:?}");
    let said = said_to(&server, &[hello, b"\x12\x04\x4a\x02\x08\x40"]).await;
    assert!(said.contains("64 is no latency bucket"), "{said:?}");
    let said = said_to(&server, &[hello, b"\xff\xff\xff"]).await;
    assert!(said.contains("not a message"), "{said:?}");
    assert_eq!(
        (server.refused("bad_report"), server.refused("version")),
        (5, 1)
    );
    assert_eq!(server.counts().garbage_total, 1);
}

#[tokio::test]
async fn another_path_or_no_upgrade_is_answered_and_closed() {
    let server = server(ServerConfig::default()).await;
    for (request, status) in [
        ("GET / HTTP/1.1", "404"),
        ("POST /cheerful.wire.v1/stream HTTP/1.1", "404"),
        ("GET /cheerful.wire.v1/stream HTTP/1.1", "426"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("{request}\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    until(|| server.counts().handshakes_failed_total == 3).await;
}

#[tokio::test]
async fn one_stream_too_many_is_refused_and_let_in_later() {
    for transport in BOTH {
        let server = server(ServerConfig {
            max_streams: 1,
            ..ServerConfig::default()
        })
        .await;
        let (first, _down) = up(config(server.address, transport, "cart-1")).await;
        let (second, _down) = Link::start(config(server.address, transport, "cart-2")).unwrap();
        until(|| second.metrics().refused_total >= 2).await;
        assert!(server.refused("too_many") >= 2);
        assert_eq!((server.counts().streams, first.metrics().connected), (1, 1));
        drop(first);
        until(|| second.metrics().connected == 1).await;
    }
}

#[tokio::test]
async fn a_message_over_the_limit_ends_its_stream_alone() {
    for transport in BOTH {
        let mut server = server(ServerConfig::default()).await;
        let (good, _down) = up(config(server.address, transport, "cart-1")).await;
        let (large, _down) = up(config(server.address, transport, "cart-2")).await;
        large.send(Upward::Token("x".repeat(80 * 1024)));
        until(|| server.counts().too_large_total == 1).await;
        until(|| large.metrics().connects_total == 2).await;
        assert_eq!(large.metrics().refused_total, 1);
        good.send(report(0));
        assert_eq!(server.sequence().await, 0);
        assert_eq!(good.metrics().connects_total, 1);
    }
}

#[tokio::test]
async fn a_silent_stream_ends() {
    for transport in BOTH {
        let server = server(ServerConfig {
            idle_timeout: Duration::from_millis(200),
            ..ServerConfig::default()
        })
        .await;
        let (link, _down) = up(config(server.address, transport, "cart-1")).await;
        until(|| server.counts().idle_timeouts_total >= 1).await;
        until(|| link.metrics().connects_total >= 2).await;
        // It was closed in good order.
        assert_eq!(link.metrics().failures_total, 0);
    }
}

#[tokio::test]
async fn a_link_with_nothing_to_say_says_so() {
    let server = server(ServerConfig {
        idle_timeout: Duration::from_secs(12),
        ..ServerConfig::default()
    })
    .await;
    let links = BOTH.map(|transport| config(server.address, transport, "cart-1"));
    let [first, second] = links;
    let (first, second) = tokio::join!(up(first), up(second));
    until(|| server.counts().unknown_total == 2).await;
    sleep(Duration::from_secs(3)).await;
    let counts = server.counts();
    assert_eq!((counts.idle_timeouts_total, counts.streams), (0, 2));
    drop((first, second));
}

#[tokio::test]
async fn who_does_not_read_is_let_go() {
    let mut server = server(ServerConfig::default()).await;
    // With small buffers in the kernel: there is less to fill.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let uri = format!("ws://{}/cheerful.wire.v1/stream", server.address);
    let (mut socket, _) = tokio_tungstenite::client_async(uri, stream).await.unwrap();
    let hello = b"\x0a\x0a\x08\x01\x2a\x06\x0a\x01n\x12\x01p";
    socket
        .send(Frame::Binary(hello.to_vec().into()))
        .await
        .unwrap();
    let (_, down) = server.hello().await;
    let message = Downward::from(Replica {
        workload: workload(),
        pod: "x".repeat(253),
        address: ([10, 0, 0, 7], 8012).into(),
        ready: true,
    });
    let full = async {
        while server.ended.try_recv().is_err() {
            drop(down.try_send(message.clone()));
            if down.capacity() == 0 {
                sleep(Duration::from_millis(10)).await;
            }
            tokio::task::yield_now().await;
        }
    };
    soon(full).await;
    assert_eq!(server.counts().slow_readers_total, 1);
}

#[tokio::test]
async fn garbage_does_not_disturb_a_good_stream() {
    let authority = Authority::new("one");
    let folder = Folder::new();
    let mut server = Server::start(Wanted {
        tls: Some(authority.server_tls()),
        ..Wanted::default()
    })
    .await;
    let mut config = config(server.address, Transport::Grpc, "cart-1");
    config.server_name = Some(NAME.to_owned());
    config.ca_file = Some(folder.write("ca.crt", &authority.pem()));
    let (link, _down) = up(config).await;

    let address = server.address;
    let mut garbage = JoinSet::new();
    garbage.spawn(async move {
        let mut streams = JoinSet::new();
        for number in 0..1000_u32 {
            streams.spawn(async move {
                let Ok(mut stream) = TcpStream::connect(address).await else {
                    return;
                };
                let bytes: Vec<u8> = (0..256_u32)
                    .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(number) >> 13) as u8)
                    .collect();
                drop(stream.write_all(&bytes).await);
                drop(stream.read_to_end(&mut Vec::new()).await);
            });
        }
        while streams.join_next().await.is_some() {}
    });
    let mut sequence = 0;
    while soon(async { garbage.try_join_next().is_none() }).await {
        link.send(report(sequence));
        assert_eq!(server.sequence().await, sequence);
        sequence += 1;
    }
    assert!(sequence > 1);
    assert_eq!(link.metrics().connects_total, 1);
    until(|| server.counts().handshakes_failed_total == 1000).await;
}

#[tokio::test]
async fn garbage_reports_do_not_disturb_a_good_stream() {
    let mut server = server(ServerConfig::default()).await;
    let (link, mut down) = up(config(server.address, Transport::WebSocket, "cart-1")).await;
    let hello = b"\x0a\x0a\x08\x01\x2a\x06\x0a\x01n\x12\x01p";
    for round in 0..200_u8 {
        let mut socket = websocket(server.address).await;
        let frames = [hello.to_vec(), vec![0x12, 0x7f, round, 0xff]];
        for frame in frames {
            socket.send(Frame::Binary(frame.into())).await.unwrap();
        }
        if round == 0 {
            server.hello().await;
        }
        server.hello().await;
        link.send(report(u64::from(round)));
        assert_eq!(server.sequence().await, u64::from(round));
    }
    until(|| server.counts().garbage_total == 200).await;
    assert_eq!(link.metrics().connects_total, 1);
    let pace = Pace {
        workload: None,
        interval: Duration::from_secs(1),
        burst_threshold: None,
    };
    assert_eq!(soon(down.recv()).await, Some(Downward::from(pace)));
}
