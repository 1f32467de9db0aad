// SPDX-License-Identifier: Apache-2.0
use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, UnixStream},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Choose, Drain, ServerConfig, client::Client, detect::PREFACE, exchange::exchange,
    framing::Framing, socket::Socket, tasks::Tasks, transport::Transport,
};

/// A connection as it was accepted.
pub(crate) enum Accepted {
    Tcp(TcpStream),
    Tls(TcpStream, TlsAcceptor),
    Unix(UnixStream),
}

/// One connection from a client, from its first byte to its last.
pub(crate) struct Connection<C: Choose> {
    pub(crate) choose: Arc<C>,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) drain: Drain,
    pub(crate) address: Option<SocketAddr>,
}

/// After a refusal the client may still be sending, and a reset would take the answer from it: so much is
/// read and thrown away, and no longer than this.
const LINGER_BYTES: u64 = 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// How long an HTTP/2 connection may stay that came after the end was announced.
const LATE: Duration = Duration::from_secs(1);

impl<C: Choose> Connection<C> {
    pub(crate) async fn run(self, accepted: Accepted) {
        let begin = timeout(self.config.head_timeout, begin(accepted));
        let (transport, first, http2) = tokio::select! {
            begun = begin => match begun {
                Ok(Ok(begun)) => begun,
                // Closed, no TLS, or nothing came: there is nobody to answer.
                Ok(Err(_)) | Err(_) => return,
            },
            // No request has begun.
            () = self.drain.begun() => return,
        };
        let secure = matches!(transport, Transport::Tls(_));
        let client = Arc::new(Client::new(self.address, secure));
        if http2 {
            self.http2(transport, client, first).await;
        } else {
            self.http1(transport, client, first).await;
        }
    }

    async fn http1(self, transport: Transport, client: Arc<Client>, first: Vec<u8>) {
        let Self {
            choose,
            config,
            drain,
            ..
        } = self;
        let framing = Framing::new(config.max_head_bytes);
        let socket = Socket::new(transport, Arc::clone(&client), framing, first);
        let service = {
            let client = Arc::clone(&client);
            let drain = drain.clone();
            service_fn(move |request| {
                exchange(
                    Arc::clone(&choose),
                    Arc::clone(&client),
                    drain.clone(),
                    request,
                )
            })
        };
        let mut connection = http1::Builder::new()
            .max_buf_size(config.max_head_bytes + 64 * 1024)
            .serve_connection(socket, service)
            .with_upgrades();
        let mut draining = pin!(drain.begun());
        let mut told = false;
        let mut first_poll = true;
        let mut watch = Watch::new(&config);
        let mut tick = pin!(sleep(watch.step));
        let ended = poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                    return Poll::Ready(ended);
                }
                // Both wake this task when they come; between that they are not asked, for that has its price.
                // Once it has come it must not be asked again.
                let drains = if first_poll && !told {
                    draining.as_mut().poll(cx).is_ready()
                } else {
                    drain.has_begun()
                };
                if drains && !told {
                    told = true;
                    Pin::new(&mut connection).graceful_shutdown();
                    continue;
                }
                if (first_poll || tick.is_elapsed()) && tick.as_mut().poll(cx).is_ready() {
                    if watch.is_overdue(&client) {
                        client.head_is_overdue();
                    }
                    tick.as_mut().reset(Instant::now() + watch.step);
                    first_poll = true;
                    continue;
                }
                first_poll = false;
                return Poll::Pending;
            }
        })
        .await;
        if let Err(error) = &ended {
            tracing::debug!(%error, "connection of a client ended");
        }
        if let Some(tunnel) = client.take_tunnel() {
            tunnel.run().await;
        } else if client.is_refused()
            && let Some(parts) = connection.into_parts()
        {
            linger(parts.io.into_parts().0).await;
        }
    }

    async fn http2(self, transport: Transport, client: Arc<Client>, first: Vec<u8>) {
        let Self {
            choose,
            config,
            drain,
            ..
        } = self;
        let socket = Socket::new(transport, Arc::clone(&client), Framing::open(), first);
        let told = drain.clone();
        let service = service_fn(move |request| {
            exchange(
                Arc::clone(&choose),
                Arc::clone(&client),
                told.clone(),
                request,
            )
        });
        let streams = Tasks::default();
        let header_bytes = u32::try_from(config.max_head_bytes).unwrap_or(u32::MAX);
        let mut connection = pin!(
            http2::Builder::new(streams.executor())
                .max_concurrent_streams(config.max_streams)
                .max_header_list_size(header_bytes)
                .serve_connection(socket, service)
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = drain.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = go_away(&drain) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "HTTP/2 connection of a client ended");
        }
    }
}

/// Ends when an HTTP/2 client should be told to go away. One that came after the end was announced has its first
/// requests answered before.
async fn go_away(drain: &Drain) {
    let late = drain.is_announced();
    drain.announced().await;
    if late {
        sleep(LATE).await;
    }
}

/// Reads until it is clear what the client speaks: what was read, and whether it is HTTP/2.
async fn begin(accepted: Accepted) -> io::Result<(Transport, Vec<u8>, bool)> {
    let mut transport = match accepted {
        Accepted::Tcp(stream) => Transport::Tcp(stream),
        Accepted::Unix(stream) => Transport::Unix(stream),
        Accepted::Tls(stream, acceptor) => {
            let stream = acceptor.accept(stream).await?;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            return Ok((Transport::Tls(Box::new(stream)), Vec::new(), http2));
        }
    };
    let mut first = Vec::with_capacity(2048);
    loop {
        if transport.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first.starts_with(PREFACE) {
            return Ok((transport, first, true));
        }
        if !PREFACE.starts_with(&first) {
            return Ok((transport, first, false));
        }
    }
}

async fn linger(mut transport: Transport) {
    let rest = async {
        let mut sink = tokio::io::sink();
        tokio::io::copy(&mut (&mut transport).take(LINGER_BYTES), &mut sink).await
    };
    // Over time or broken: it is closed all the same.
    drop(timeout(LINGER, rest).await);
}

/// Finds heads and idle connections that take too long, without reading a clock for each request: at
/// each step it looks whether a request came since the last one.
struct Watch {
    step: Duration,
    steps_for_head: u32,
    steps_for_idle: u32,
    requests: u32,
    quiet: u32,
}

impl Watch {
    fn new(config: &ServerConfig) -> Self {
        let step = (config.head_timeout / 4).max(Duration::from_millis(1));
        let steps = config.keep_alive.as_nanos().div_ceil(step.as_nanos());
        Self {
            step,
            steps_for_head: 4,
            steps_for_idle: u32::try_from(steps).unwrap_or(u32::MAX),
            requests: 0,
            quiet: 0,
        }
    }

    fn is_overdue(&mut self, client: &Client) -> bool {
        let requests = client.requests();
        if requests != self.requests || client.is_busy() {
            self.requests = requests;
            self.quiet = 0;
            return false;
        }
        self.quiet += 1;
        let steps = if client.is_inside_head() {
            self.steps_for_head
        } else {
            self.steps_for_idle
        };
        self.quiet > steps
    }
}
