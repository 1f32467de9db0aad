// SPDX-License-Identifier: Apache-2.0
use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::{Admit, accept::Server, metrics::count, session};
use crate::websocket::{Frames, PATH, settings};

/// Of all headers of a request; the least that hyper takes.
const HEADER_BYTES: usize = 8 * 1024;

/// One connection of HTTP/1.1, which is to become a WebSocket.
pub(super) async fn serve<A: Admit, S>(stream: S, server: &Server<A>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let metrics = &server.metrics;
    let upgraded = Mutex::new(None);
    let service = service_fn(|mut request: Request<Incoming>| {
        let (answer, upgrade) = answer(&mut request);
        if let Some(upgrade) = upgrade {
            *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
        }
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(server.config.hello_timeout)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let ended = tokio::select! {
        () = server.stop.cancelled() => return,
        ended = timeout(server.config.hello_timeout, Box::pin(connection)) => ended,
    };
    if ended.is_err() {
        return count(&metrics.hello_timeouts);
    }
    let upgrade = upgraded
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let Some(upgrade) = upgrade else {
        return count(&metrics.handshakes_failed);
    };
    let Ok(stream) = upgrade.await else {
        return count(&metrics.handshakes_failed);
    };
    let settings = settings(server.config.max_message_bytes);
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(settings)).await;
    session::run(Frames::new(socket), server).await;
}

fn answer(request: &mut Request<Incoming>) -> (Response<Full<Bytes>>, Option<OnUpgrade>) {
    let mut response = Response::new(Full::default());
    let headers = response.headers_mut();
    headers.insert(
        header::CONNECTION,
        header::HeaderValue::from_static("close"),
    );
    if request.method() != Method::GET || request.uri().path() != PATH {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return (response, None);
    }
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let (Some(key), true) = (key, asks_for_websocket(headers)) else {
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        let headers = response.headers_mut();
        headers.insert(
            header::UPGRADE,
            header::HeaderValue::from_static("websocket"),
        );
        headers.insert(
            header::SEC_WEBSOCKET_VERSION,
            header::HeaderValue::from_static("13"),
        );
        return (response, None);
    };
    let Ok(accept) = derive_accept_key(key.as_bytes()).parse() else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return (response, None);
    };
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(
        header::CONNECTION,
        header::HeaderValue::from_static("upgrade"),
    );
    headers.insert(
        header::UPGRADE,
        header::HeaderValue::from_static("websocket"),
    );
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    (response, Some(hyper::upgrade::on(request)))
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let says = |name, word: &str| {
        let values = headers.get_all(name).into_iter();
        let texts = values.filter_map(|value: &header::HeaderValue| value.to_str().ok());
        let mut words = texts.flat_map(|text| text.split(','));
        words.any(|said| said.trim().eq_ignore_ascii_case(word))
    };
    says(header::UPGRADE, "websocket")
        && says(header::CONNECTION, "upgrade")
        && says(header::SEC_WEBSOCKET_VERSION, "13")
}
