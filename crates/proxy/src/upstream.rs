// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU8, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    body::RequestBody,
    choose::Failure,
    detect::{Speaks, detect},
    pool::Shard,
    tasks::Tasks,
};

/// Where the requests to one replica go: its address and a last-in-first-out pool of connections to it.
#[derive(Debug)]
pub struct Upstream {
    config: UpstreamConfig,
    closed: AtomicBool,
    /// A [`Speaks`]; what the app speaks is found out once.
    speaks: AtomicU8,
    /// Each serving thread has a pool of its own, as long as there are no more threads than shards.
    shards: [Shard; SHARDS],
    /// Drives the connections.
    tasks: Tasks,
}

/// What is fixed of an upstream.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Where it listens.
    pub address: SocketAddr,
    /// Idle connections kept per serving thread.
    pub max_idle: usize,
}

const SHARDS: usize = 8;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = THREADS.fetch_add(1, Relaxed);
}

impl Upstream {
    /// No connection is made before the first request.
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            closed: AtomicBool::new(false),
            speaks: AtomicU8::new(Speaks::Unknown as u8),
            shards: Default::default(),
            tasks: Tasks::default(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.config.address
    }

    /// Closes the idle connections; later ones close after their response.
    pub fn close(&self) {
        self.closed.store(true, Release);
        for shard in &self.shards {
            shard.clear();
        }
    }

    fn shard(&self) -> Option<&Shard> {
        self.shards.get(THREAD.with(|thread| *thread) % SHARDS)
    }

    fn speaks(&self) -> Speaks {
        Speaks::from_code(self.speaks.load(Acquire))
    }

    /// A connection that is ready for a request, and whether it has served one before. `fresh`: no old one.
    pub(crate) async fn connection(
        &self,
        http2: bool,
        fresh: bool,
        limit: Duration,
    ) -> Result<(Sender, bool), Failure> {
        match self.speaks() {
            Speaks::Http2Only => self.http2(fresh, limit).await,
            Speaks::Both if http2 => self.http2(fresh, limit).await,
            Speaks::Unknown if http2 => match self.find_out(limit).await? {
                Speaks::Http1Only => self.http1(fresh, limit).await,
                _ => self.http2(fresh, limit).await,
            },
            _ => self.http1(fresh, limit).await,
        }
    }

    /// An app that answers HTTP/1.1 with something else may speak only HTTP/2: true if it does, from now on.
    pub(crate) async fn is_http2_after_all(&self, limit: Duration) -> bool {
        if self.speaks() != Speaks::Unknown {
            return false;
        }
        let found = self.find_out(limit).await;
        if matches!(found, Ok(Speaks::Both | Speaks::Http2Only)) {
            self.speaks.store(Speaks::Http2Only as u8, Release);
            return true;
        }
        false
    }

    async fn find_out(&self, limit: Duration) -> Result<Speaks, Failure> {
        let Some(shard) = self.shard() else {
            return Ok(Speaks::Http1Only);
        };
        let _turn = shard.turn().await;
        if self.speaks() == Speaks::Unknown {
            let stream = self.connect(limit).await?;
            self.speaks.store(detect(stream).await as u8, Release);
        }
        Ok(self.speaks())
    }

    async fn connect(&self, limit: Duration) -> Result<TcpStream, Failure> {
        let connect = TcpStream::connect(self.config.address);
        let stream = if limit.is_zero() {
            connect.await
        } else {
            timeout(limit, connect)
                .await
                .map_err(|_| Failure::ConnectTimeout)?
        };
        let stream = stream.map_err(|_| Failure::Refused)?;
        // Fails only on a dead socket, which the first write will tell.
        drop(stream.set_nodelay(true));
        Ok(stream)
    }

    async fn http1(&self, fresh: bool, limit: Duration) -> Result<(Sender, bool), Failure> {
        if !fresh {
            while let Some(mut sender) = self.shard().and_then(Shard::pop) {
                if sender.is_ready() || sender.ready().await.is_ok() {
                    return Ok((Sender::Http1(sender), true));
                }
            }
        }
        let stream = self.connect(limit).await?;
        let (sender, connection) = http1::Builder::new()
            .handshake::<_, RequestBody>(TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Closed)?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "connection to the replica ended");
            }
        });
        Ok((Sender::Http1(sender), false))
    }

    async fn http2(&self, fresh: bool, limit: Duration) -> Result<(Sender, bool), Failure> {
        let Some(shard) = self.shard() else {
            return Err(Failure::Refused);
        };
        if fresh {
            shard.forget_http2();
        } else if let Some(sender) = shard.http2() {
            return Ok((Sender::Http2(sender), true));
        }
        // One request opens the connection, the others wait for it.
        let _turn = shard.turn().await;
        if let Some(sender) = shard.http2() {
            return Ok((Sender::Http2(sender), true));
        }
        let stream = self.connect(limit).await?;
        let (sender, connection) = http2::Builder::new(self.tasks.executor())
            .handshake::<_, RequestBody>(TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Closed)?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP/2 connection to the replica ended");
            }
        });
        if !self.closed.load(Acquire) {
            shard.set_http2(sender.clone());
        }
        Ok((Sender::Http2(sender), false))
    }
}

/// One end of a connection to an upstream.
#[derive(Debug)]
pub(crate) enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// The request was not answered.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) failure: Failure,
    /// Whether a byte of it may have reached the app.
    pub(crate) sent: bool,
}

impl Sender {
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let sent = match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        };
        sent.map_err(|mut error| {
            let sent = error.take_message().is_none();
            let error = error.into_error();
            tracing::debug!(%error, source = ?std::error::Error::source(&error), "no answer");
            let failure = if error.is_parse() {
                Failure::NotHttp
            } else {
                Failure::Closed
            };
            SendError {
                failure,
                sent: sent && !refused_stream(&error),
            }
        })
    }

    /// Its response has been read to the end.
    pub(crate) fn give_back(self, upstream: &Upstream) {
        if let Self::Http1(sender) = self
            && !upstream.closed.load(Acquire)
            && !sender.is_closed()
            && let Some(shard) = upstream.shard()
        {
            shard.push(sender, upstream.config.max_idle);
        }
    }
}

/// HTTP/2 tells when a request was surely not processed.
fn refused_stream(error: &hyper::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<h2::Error>())
        .is_some_and(|error| error.reason() == Some(h2::Reason::REFUSED_STREAM))
}
