// SPDX-License-Identifier: Apache-2.0
//! An activator's WebSocket, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use cheerful_signals::knative::{
    PushConfig, PushServer, Stat, WireStatMessage, WireStatMessages, serve,
};
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const LONG: Duration = Duration::from_secs(20);

struct Running {
    server: Arc<PushServer>,
    first: mpsc::Receiver<(String, String)>,
    open: watch::Sender<bool>,
    address: String,
    task: JoinHandle<()>,
}

async fn start(config: PushConfig) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}/", listener.local_addr().unwrap());
    let (news, first) = mpsc::channel(16);
    let (open, is_open) = watch::channel(true);
    let server = Arc::new(PushServer::new(news));
    let mut tasks = tokio::task::JoinSet::new();
    let serving = Arc::clone(&server);
    tasks.spawn(serve(listener, serving, config, is_open));
    let task = tokio::task::spawn_local(async move { while tasks.join_next().await.is_some() {} });
    Running {
        server,
        first,
        open,
        address,
        task,
    }
}

fn frame(concurrency: f64, count: f64) -> Message {
    let frame = WireStatMessages {
        messages: vec![WireStatMessage {
            namespace: "default".to_owned(),
            name: "hello-00001".to_owned(),
            stat: Some(Stat {
                pod_name: "activator-1".to_owned(),
                average_concurrent_requests: concurrency,
                request_count: count,
                ..Stat::default()
            }),
        }],
    };
    Message::Binary(frame.encode_to_vec().into())
}

async fn close_code(socket: &mut Socket) -> CloseCode {
    loop {
        match timeout(LONG, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code,
            Some(Ok(_)) => {}
            other => panic!("no closing frame: {other:?}"),
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

#[test]
fn a_first_request_is_told_at_once_and_the_end_is_said_with_1012() {
    run(async {
        let mut running = start(PushConfig::default()).await;
        let (mut socket, _) = connect_async(&running.address).await.unwrap();
        socket.send(frame(1.0, 1.0)).await.unwrap();
        let holder = timeout(LONG, running.first.recv()).await.unwrap().unwrap();
        assert_eq!(holder, ("default".to_owned(), "hello-00001".to_owned()));
        assert_eq!(running.server.held("default", "hello-00001"), 1);
        socket
            .send(Message::Ping(b"there?".to_vec().into()))
            .await
            .unwrap();
        let pong = timeout(LONG, socket.next()).await.unwrap();
        assert_eq!(
            pong.unwrap().unwrap(),
            Message::Pong(b"there?".to_vec().into())
        );
        running.open.send(false).unwrap();
        assert_eq!(close_code(&mut socket).await, CloseCode::Restart);
        // Who comes meanwhile is not let in.
        connect_async(&running.address).await.unwrap_err();
        running.open.send(true).unwrap();
        let (mut socket, _) = connect_async(&running.address).await.unwrap();
        drop(running.open);
        assert_eq!(close_code(&mut socket).await, CloseCode::Restart);
        timeout(LONG, running.task).await.unwrap().unwrap();
    });
}

#[test]
fn what_is_no_report_is_counted_and_the_connection_goes_on() {
    run(async {
        let mut running = start(PushConfig::default()).await;
        let (mut socket, _) = connect_async(&running.address).await.unwrap();
        let garbage = Message::Binary(b"<html>".to_vec().into());
        socket.send(garbage).await.unwrap();
        socket.send(frame(1.0, 1.0)).await.unwrap();
        timeout(LONG, running.first.recv()).await.unwrap().unwrap();
        assert_eq!(running.server.counts().malformed.load(Relaxed), 1);
        socket.send(Message::Text("hello".into())).await.unwrap();
        assert_eq!(close_code(&mut socket).await, CloseCode::Unsupported);
    });
}

#[test]
fn a_frame_over_the_bound_and_a_silent_connection_end() {
    run(async {
        let config = PushConfig {
            idle_timeout: Duration::from_millis(300),
            ..PushConfig::default()
        };
        let running = start(config).await;
        let (mut silent, _) = connect_async(&running.address).await.unwrap();
        assert_eq!(close_code(&mut silent).await, CloseCode::Away);
        let (mut long, _) = connect_async(&running.address).await.unwrap();
        let much = vec![0_u8; WireStatMessages::MAX_BYTES + 1];
        // The other side may have gone before all of it was sent.
        drop(long.send(Message::Binary(much.into())).await);
        let malformed = || running.server.counts().malformed.load(Relaxed);
        for _ in 0..200 {
            if malformed() > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(malformed(), 1);
    });
}

#[test]
fn connections_are_bounded_and_one_that_says_nothing_holds_no_place_for_long() {
    run(async {
        let config = PushConfig {
            most_connections: 1,
            handshake_timeout: Duration::from_millis(200),
            ..PushConfig::default()
        };
        let running = start(config).await;
        let address = running
            .address
            .trim_start_matches("ws://")
            .trim_end_matches('/');
        let silent = TcpStream::connect(address).await.unwrap();
        while running.server.counts().connections.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        connect_async(&running.address).await.unwrap_err();
        assert_eq!(running.server.counts().too_many.load(Relaxed), 1);
        while running.server.counts().connections.load(Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        connect_async(&running.address).await.unwrap();
        assert_eq!(running.server.counts().handshakes_failed.load(Relaxed), 1);
        drop(silent);
    });
}
