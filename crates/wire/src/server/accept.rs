// SPDX-License-Identifier: Apache-2.0
use std::{future::poll_fn, io, pin::pin, sync::Arc, task::Poll, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite, Interest},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Admit, ServerConfig, ServerMetrics, grpc,
    metrics::{Place, count},
    websocket,
};
use crate::{ServerTls, tls::Secured};

/// Connections beyond the streams that are allowed: those in their handshake, or about to be told that they are too many.
const SPARE_CONNECTIONS: usize = 1024;
/// For a TLS handshake: longer than for the first message, for all queues come at once after a restart.
const TLS_LIMIT: Duration = Duration::from_secs(10);
/// Handshakes that begin before everything else on the thread has its turn. Each takes it for some tenths of a
/// millisecond, and after a restart all queues come at once.
const TURNS: usize = 16;
/// Before the next try after the system gave no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// For streams to end, when the server stops.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// What a connection of HTTP/2 begins with.
const HTTP_2_PREFACE: &[u8; 4] = b"PRI ";

/// What all connections share.
pub(super) struct Server<A> {
    pub(super) tls: Option<ServerTls>,
    pub(super) admit: Arc<A>,
    pub(super) config: ServerConfig,
    pub(super) metrics: Arc<ServerMetrics>,
    pub(super) stop: CancellationToken,
    pub(super) turns: Turns,
}

/// Lets handshakes begin, first come first served.
pub(super) struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(TURNS))
    }
}

pub(super) async fn run<A: Admit>(listener: TcpListener, server: Arc<Server<A>>) -> io::Result<()> {
    let most = server.config.max_streams.saturating_add(SPARE_CONNECTIONS);
    let metrics = &server.metrics;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = server.stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Err(error) => {
                    count(&metrics.accept_errors);
                    tracing::debug!(%error, "no connection could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
                Ok((stream, _)) => {
                    count(&metrics.accepted);
                    match metrics.connection(most) {
                        // Without a word: a word would need the handshake.
                        None => metrics.refused("too_many"),
                        Some(place) => {
                            connections.spawn(connection(stream, place, Arc::clone(&server)));
                        }
                    }
                }
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then ends with the set.
    drop(timeout(STOP_LIMIT, ended).await);
    Ok(())
}

async fn connection<A: Admit>(stream: TcpStream, _place: Place, server: Arc<Server<A>>) {
    // Small messages that somebody waits for.
    drop(stream.set_nodelay(true));
    if server.tls.is_none() {
        match timeout(server.config.hello_timeout, begins_as_http_2(&stream)).await {
            Ok(Ok(http_2)) => speak(stream, http_2, &server).await,
            Ok(Err(_)) => count(&server.metrics.handshakes_failed),
            Err(_) => count(&server.metrics.hello_timeouts),
        }
        return;
    }
    let handshake = tokio::select! {
        () = server.stop.cancelled() => return,
        handshake = timeout(TLS_LIMIT, Box::pin(shake_hands(stream, &server))) => handshake,
    };
    match handshake {
        Ok(Ok(Some((stream, http_2)))) => speak(stream, http_2, &server).await,
        Ok(Ok(None)) => count(&server.metrics.handshakes_failed),
        Ok(Err(error)) => {
            count(&server.metrics.handshakes_failed);
            tracing::debug!(%error, "a TLS handshake failed");
        }
        Err(_) => count(&server.metrics.handshakes_failed),
    }
}

/// Begins when the other side has said something and it is its turn: it holds no turn by being silent. `None`: it has
/// given up, and its handshake is not worth the time.
async fn shake_hands<A>(
    stream: TcpStream,
    server: &Server<A>,
) -> io::Result<Option<(Box<Secured>, bool)>> {
    let Some(tls) = &server.tls else {
        return Ok(None);
    };
    stream.readable().await?;
    let Ok(turn) = server.turns.0.acquire().await else {
        return Ok(None);
    };
    if stream.ready(Interest::READABLE).await?.is_read_closed() {
        return Ok(None);
    }
    let mut accept = pin!(tls.accept(stream));
    // Nearly all of the work is in the answer to the first message.
    let first = poll_fn(|context| Poll::Ready(accept.as_mut().poll(context))).await;
    yield_now().await;
    drop(turn);
    match first {
        Poll::Ready(accepted) => accepted.map(Some),
        Poll::Pending => accept.await.map(Some),
    }
}

async fn speak<A: Admit, S>(stream: S, http_2: bool, server: &Server<A>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if http_2 {
        Box::pin(grpc::serve(stream, server)).await;
    } else {
        Box::pin(websocket::serve(stream, server)).await;
    }
}

/// Looks at what comes first, and leaves it there.
async fn begins_as_http_2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; HTTP_2_PREFACE.len()];
    loop {
        let length = stream.peek(&mut first).await?;
        let same = first.iter().zip(HTTP_2_PREFACE).take(length);
        match length {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ if same.clone().any(|(sent, preface)| sent != preface) => return Ok(false),
            _ if length == first.len() => return Ok(true),
            // Begins alike: the rest is on its way, and a peek does not wait for it.
            _ => sleep(Duration::from_millis(1)).await,
        }
    }
}
