// SPDX-License-Identifier: Apache-2.0
//! A newer queue to this autoscaler, and this queue to a newer autoscaler. The newer side is built of other libraries'
//! parts and of messages that have more fields and more kinds, as the rules of the protobuf file allow.
use std::time::Duration;

use cheerful_wire::{Downward, Link, Transport, Upward};
use futures_util::{SinkExt, StreamExt, stream};
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_tungstenite::tungstenite::Message as Frame;
use tonic::{Request, Response, Status, Streaming, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use crate::peers::{Server, Wanted, config, report, soon, until};

const GRPC_PATH: &str = "/cheerful.wire.v1.Reports/Stream";
const WEBSOCKET_PATH: &str = "/cheerful.wire.v1/stream";

/// The messages of version 2.
mod next {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Upward {
        #[prost(oneof = "UpContent", tags = "1, 2, 9")]
        pub(super) content: Option<UpContent>,
        #[prost(string, tag = "20")]
        pub(super) trace: String,
    }
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum UpContent {
        #[prost(message, tag = "1")]
        Hello(Hello),
        #[prost(message, tag = "2")]
        Report(Report),
        #[prost(message, tag = "9")]
        Weather(Weather),
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Hello {
        #[prost(uint32, tag = "1")]
        pub(super) version: u32,
        #[prost(string, tag = "2")]
        pub(super) software: String,
        #[prost(message, optional, tag = "4")]
        pub(super) queue: Option<Queue>,
        #[prost(string, repeated, tag = "11")]
        pub(super) can: Vec<String>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Queue {
        #[prost(message, optional, tag = "1")]
        pub(super) workload: Option<Workload>,
        #[prost(string, tag = "2")]
        pub(super) pod: String,
        #[prost(string, tag = "3")]
        pub(super) address: String,
        #[prost(string, tag = "4")]
        pub(super) zone: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Workload {
        #[prost(string, tag = "1")]
        pub(super) namespace: String,
        #[prost(string, tag = "2")]
        pub(super) kind: String,
        #[prost(string, tag = "3")]
        pub(super) name: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Report {
        #[prost(uint64, optional, tag = "1")]
        pub(super) sequence: Option<u64>,
        #[prost(double, tag = "3")]
        pub(super) seconds: f64,
        #[prost(double, tag = "4")]
        pub(super) request_seconds: f64,
        #[prost(bool, tag = "10")]
        pub(super) ready: bool,
        #[prost(double, tag = "12")]
        pub(super) cpu_seconds: f64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Weather {
        #[prost(string, tag = "1")]
        pub(super) text: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Downward {
        #[prost(oneof = "DownContent", tags = "1, 2, 9")]
        pub(super) content: Option<DownContent>,
    }
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum DownContent {
        #[prost(message, tag = "1")]
        Welcome(Welcome),
        #[prost(message, tag = "2")]
        Pace(Pace),
        #[prost(message, tag = "9")]
        Weather(Weather),
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Welcome {
        #[prost(uint32, tag = "1")]
        pub(super) version: u32,
        #[prost(uint32, tag = "3")]
        pub(super) interval_millis: u32,
        #[prost(string, tag = "8")]
        pub(super) motto: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Pace {
        #[prost(uint32, tag = "1")]
        pub(super) interval_millis: u32,
        #[prost(double, optional, tag = "2")]
        pub(super) burst_threshold: Option<f64>,
        #[prost(double, tag = "7")]
        pub(super) jitter: f64,
    }
}

fn weather() -> next::Weather {
    next::Weather {
        text: "sunny".to_owned(),
    }
}

/// What a newer queue says: its Hello, something that nobody here knows, and a report with more in it.
fn newer_queue_says() -> Vec<next::Upward> {
    let hello = next::Hello {
        version: 2,
        software: "cheerful 9.9".to_owned(),
        queue: Some(next::Queue {
            workload: Some(next::Workload {
                namespace: "shop".to_owned(),
                kind: "Revision".to_owned(),
                name: "cart".to_owned(),
            }),
            pod: "cart-9".to_owned(),
            address: "10.0.0.9:8012".to_owned(),
            zone: "north".to_owned(),
        }),
        can: vec!["fly".to_owned()],
    };
    let report = next::Report {
        sequence: Some(5),
        seconds: 1.0,
        request_seconds: 4.0,
        ready: true,
        cpu_seconds: 0.25,
    };
    [
        next::UpContent::Hello(hello),
        next::UpContent::Weather(weather()),
        next::UpContent::Report(report),
    ]
    .map(|content| next::Upward {
        content: Some(content),
        trace: "abc".to_owned(),
    })
    .to_vec()
}

async fn took_what_it_knows(server: &mut Server, welcome: next::Downward) {
    let Some(next::DownContent::Welcome(welcome)) = welcome.content else {
        panic!("{welcome:?}");
    };
    // The lower of both.
    assert_eq!((welcome.version, welcome.interval_millis), (1, 1000));
    assert_eq!(server.hello().await.0.version, 2);
    let (_, message) = soon(server.messages.recv()).await.unwrap();
    let Upward::Report(message) = message else {
        panic!("{message:?}");
    };
    assert_eq!(message.report.replica, "cart-9");
    assert_eq!(message.report.sequence, Some(5));
    assert!((message.report.request_seconds - 4.0).abs() < 1e-12 && message.ready);
    until(|| server.counts().unknown_total == 1).await;
}

#[tokio::test]
async fn a_newer_queue_over_grpc() {
    let mut server = Server::start(Wanted::default()).await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let says = stream::iter(newer_queue_says()).chain(stream::pending());
    let codec = ProstCodec::<next::Upward, next::Downward>::default();
    let path = PathAndQuery::from_static(GRPC_PATH);
    let response = client.streaming(Request::new(says), path, codec).await;
    let mut told = response.unwrap().into_inner();
    let welcome = soon(told.message()).await.unwrap().unwrap();
    took_what_it_knows(&mut server, welcome).await;
}

#[tokio::test]
async fn a_newer_queue_over_websocket() {
    let mut server = Server::start(Wanted::default()).await;
    let uri = format!("ws://{}{WEBSOCKET_PATH}", server.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(uri).await.unwrap();
    for message in newer_queue_says() {
        let frame = Frame::Binary(message.encode_to_vec().into());
        socket.send(frame).await.unwrap();
    }
    let frame = soon(socket.next()).await.unwrap().unwrap();
    let welcome = next::Downward::decode(frame.into_data()).unwrap();
    took_what_it_knows(&mut server, welcome).await;
}

/// What a newer autoscaler says: a welcome of its version, something that nobody here knows, and a pace with more in it.
fn newer_autoscaler_says() -> Vec<next::Downward> {
    let welcome = next::Welcome {
        // It would say 1; one that does not must not break anything.
        version: 2,
        interval_millis: 700,
        motto: "onwards".to_owned(),
    };
    let pace = next::Pace {
        interval_millis: 300,
        burst_threshold: Some(9.0),
        jitter: 0.1,
    };
    [
        next::DownContent::Welcome(welcome),
        next::DownContent::Weather(weather()),
        next::DownContent::Pace(pace),
    ]
    .map(|content| next::Downward {
        content: Some(content),
    })
    .to_vec()
}

async fn is_understood(
    link: &Link,
    mut down: mpsc::Receiver<Downward>,
    mut heard: mpsc::Receiver<next::Upward>,
) {
    let mut paces = Vec::new();
    while paces.len() < 2 {
        match soon(down.recv()).await.unwrap() {
            Downward::Pace(pace) => paces.push((pace.interval, pace.burst_threshold)),
            other => panic!("{other:?}"),
        }
    }
    let (first, second) = (Duration::from_millis(700), Duration::from_millis(300));
    assert_eq!(paces, [(first, None), (second, Some(9.0))]);

    let hello = soon(heard.recv()).await.unwrap().content;
    let Some(next::UpContent::Hello(hello)) = hello else {
        panic!("{hello:?}");
    };
    assert_eq!(hello.version, 1);
    assert_eq!(hello.queue.unwrap().pod, "cart-1");
    until(|| link.metrics().connected == 1).await;
    link.send(report(3));
    let sent = soon(heard.recv()).await.unwrap().content;
    let Some(next::UpContent::Report(sent)) = sent else {
        panic!("{sent:?}");
    };
    assert_eq!((sent.sequence, sent.ready), (Some(3), true));
}

#[tokio::test]
async fn a_newer_autoscaler_over_websocket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (hear, heard) = mpsc::channel(16);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        for message in newer_autoscaler_says() {
            let frame = Frame::Binary(message.encode_to_vec().into());
            socket.send(frame).await.unwrap();
        }
        while let Some(Ok(frame)) = socket.next().await {
            if frame.is_binary() {
                let message = next::Upward::decode(frame.into_data()).unwrap();
                hear.send(message).await.unwrap();
            }
        }
    });
    let (link, down) = Link::start(config(address, Transport::WebSocket, "cart-1")).unwrap();
    is_understood(&link, down, heard).await;
}

/// A service of version 2, with nothing generated.
#[derive(Clone)]
struct NewerReports(mpsc::Sender<next::Upward>);

type Told = stream::Chain<
    stream::Iter<std::vec::IntoIter<Result<next::Downward, Status>>>,
    stream::Pending<Result<next::Downward, Status>>,
>;

impl tonic::server::StreamingService<next::Upward> for NewerReports {
    type Response = next::Downward;
    type ResponseStream = Told;
    type Future = std::future::Ready<Result<Response<Told>, Status>>;

    fn call(&mut self, request: Request<Streaming<next::Upward>>) -> Self::Future {
        let (hear, mut incoming) = (self.0.clone(), request.into_inner());
        #[expect(clippy::disallowed_methods, reason = "ends with the connection")]
        drop(tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                hear.send(message).await.unwrap();
            }
        }));
        let says: Vec<_> = newer_autoscaler_says().into_iter().map(Ok).collect();
        let told = stream::iter(says).chain(stream::pending());
        std::future::ready(Ok(Response::new(told)))
    }
}

#[tokio::test]
async fn a_newer_autoscaler_over_grpc() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (hear, heard) = mpsc::channel(16);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(move |request| {
            let newer = NewerReports(hear.clone());
            async move {
                let codec = ProstCodec::<next::Downward, next::Upward>::default();
                let response = tonic::server::Grpc::new(codec)
                    .streaming(newer, request)
                    .await;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let executor = hyper_util::rt::TokioExecutor::new();
        hyper::server::conn::http2::Builder::new(executor)
            .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
            .await
            .unwrap();
    });
    let (link, down) = Link::start(config(address, Transport::Grpc, "cart-1")).unwrap();
    is_understood(&link, down, heard).await;
}
