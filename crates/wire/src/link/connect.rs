// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, task::Poll, time::Duration};

use cheerful_proxy::Tasks;
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
};
use tonic::{body::Body, codegen::Service};

use super::{Transport, shared::Shared};
use crate::{
    end::{Fault, FromChannel, GrpcEnd},
    proto::{self, reports_client::ReportsClient},
    websocket::{Frames, PATH, settings},
};

/// A message's size, down.
const MOST_BYTES: usize = 64 * 1024;
/// Between two questions whether the other side is there, and how long it may take to answer: together the time after
/// which a dead one is given up.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_LIMIT: Duration = Duration::from_secs(10);

/// An end of a stream to an autoscaler.
pub(super) enum ClientEnd {
    Grpc(GrpcEnd<proto::Downward, proto::Upward, proto::Upward>),
    WebSocket(Frames<Box<dyn Io>, proto::Downward, proto::Upward>),
}

/// A connection, with TLS or without.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

/// Connects.
pub(super) async fn connect(address: SocketAddr, shared: &Shared) -> Result<ClientEnd, Fault> {
    let stream = TcpStream::connect(address).await.map_err(lost)?;
    stream.set_nodelay(true).map_err(lost)?;
    let (stream, scheme): (Box<dyn Io>, _) = match &shared.tls {
        None => (Box::new(stream), "http"),
        Some(tls) => (Box::new(tls.connect(stream).await.map_err(lost)?), "https"),
    };
    match shared.config.transport {
        Transport::Grpc => grpc(stream, scheme, address).await,
        Transport::WebSocket => websocket(stream, address).await,
    }
}

async fn grpc(stream: Box<dyn Io>, scheme: &str, address: SocketAddr) -> Result<ClientEnd, Fault> {
    let tasks = Tasks::default();
    let (sender, connection) = http2::Builder::new(tasks.executor())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_LIMIT)
        .keep_alive_while_idle(true)
        // One answer on each connection: there is nothing to be repeated.
        .header_table_size(0)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(lost)?;
    tasks.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to an autoscaler failed");
        }
    });
    let origin: Uri = format!("{scheme}://{address}").parse().map_err(lost)?;
    let mut client = ReportsClient::with_origin(OneConnection(sender), origin)
        .max_decoding_message_size(MOST_BYTES);
    let (outgoing, channel) = mpsc::channel(1);
    let response = client.stream(FromChannel(channel)).await.map_err(lost)?;
    Ok(ClientEnd::Grpc(GrpcEnd {
        incoming: response.into_inner(),
        outgoing,
        wrap: std::convert::identity,
        _tasks: Some(tasks),
    }))
}

async fn websocket(stream: Box<dyn Io>, address: SocketAddr) -> Result<ClientEnd, Fault> {
    let uri = format!("ws://{address}{PATH}");
    let settings = Some(settings(MOST_BYTES));
    let (socket, _) = tokio_tungstenite::client_async_with_config(uri, stream, settings)
        .await
        .map_err(lost)?;
    Ok(ClientEnd::WebSocket(Frames::new(socket)))
}

/// Requests over one connection that is there already.
struct OneConnection(SendRequest<Body>);

impl Service<Request<Body>> for OneConnection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, hyper::Result<Response<Incoming>>>;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

fn lost(error: impl std::fmt::Display) -> Fault {
    Fault::Lost(error.to_string())
}
