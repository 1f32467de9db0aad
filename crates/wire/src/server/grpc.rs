// SPDX-License-Identifier: Apache-2.0
use std::{
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use cheerful_proxy::Tasks;
use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tonic::{Request, Response, Status, Streaming};

use super::{Admit, accept::Server, metrics::count, session};
use crate::{
    end::{FromChannel, GrpcEnd},
    proto::{
        self,
        reports_server::{Reports, ReportsServer},
    },
};

/// For a connection to say goodbye.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// Of all headers of a request.
const HEADER_BYTES: u32 = 16 * 1024;
const SEND_BUFFER_BYTES: usize = 64 * 1024;

type ServerEnd = GrpcEnd<proto::Upward, proto::Downward, Result<proto::Downward, Status>>;

/// One connection of HTTP/2, and the one stream on it.
pub(super) async fn serve<A: Admit, S>(stream: S, server: &Server<A>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let tasks = Tasks::default();
    let (give, taken) = oneshot::channel();
    let door = Door {
        give: Mutex::new(Some(give)),
    };
    let service =
        ReportsServer::new(door).max_decoding_message_size(server.config.max_message_bytes);
    let connection = http2::Builder::new(tasks.executor())
        .timer(TokioTimer::new())
        .max_concurrent_streams(1)
        .max_header_list_size(HEADER_BYTES)
        // One request on each connection: there is nothing to be repeated.
        .header_table_size(0)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let metrics = &server.metrics;
    let end = tokio::select! {
        () = server.stop.cancelled() => return,
        _ = connection.as_mut() => return count(&metrics.handshakes_failed),
        end = timeout(server.config.hello_timeout, taken) => end,
    };
    let end = match end {
        Ok(Ok(end)) => end,
        Ok(Err(_)) => return count(&metrics.handshakes_failed),
        Err(_) => return count(&metrics.hello_timeouts),
    };
    tokio::select! {
        _ = connection.as_mut() => {}
        () = session::run(end, server) => {
            connection.as_mut().graceful_shutdown();
            drop(timeout(CLOSE_LIMIT, connection).await);
        }
    }
}

/// Hands the stream over to the task of its connection, so that time limits hold whatever the other side does.
struct Door {
    give: Mutex<Option<oneshot::Sender<ServerEnd>>>,
}

#[tonic::async_trait]
impl Reports for Door {
    type StreamStream = FromChannel<Result<proto::Downward, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<proto::Upward>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let give = self
            .give
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let one = "one stream for each connection";
        let give = give.ok_or_else(|| Status::resource_exhausted(one))?;
        let (outgoing, channel) = mpsc::channel(1);
        let end = GrpcEnd {
            incoming: request.into_inner(),
            outgoing,
            wrap: Ok as fn(_) -> _,
            _tasks: None,
        };
        match give.send(end) {
            Ok(()) => Ok(Response::new(FromChannel(channel))),
            Err(_) => Err(Status::unavailable("the connection is ending")),
        }
    }
}
