// SPDX-License-Identifier: Apache-2.0
use std::{
    convert::Infallible,
    fmt::Write,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet, time::sleep};

/// An app that speaks HTTP/1.1 and h2c on a port of its own. It ends when it is dropped.
///
/// - `/head`: answers with the request's line and headers as it saw them
/// - `/echo`: streams the body back; its trailers too
/// - `/wait/MS`: answers after so many milliseconds
/// - `/bytes/N`: N bytes
/// - `/drip/N/MS`: N pieces of 5 bytes, one each MS milliseconds, as an event stream
/// - `/status/N`: that status
/// - `/count`: reads the body and answers with its length
/// - anything else: `hello`
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: AtomicU64,
    in_flight: AtomicU64,
    cancelled: AtomicU64,
    connections: AtomicU64,
}

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

impl App {
    /// Starts one on loopback.
    pub async fn start() -> Self {
        Self::start_at(IpAddr::from([127, 0, 0, 1])).await
    }

    /// Starts one on an address of this machine.
    pub async fn start_at(address: IpAddr) -> Self {
        Self::start_on(SocketAddr::new(address, 0)).await
    }

    /// Starts one at an address and port.
    pub async fn start_on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&seen)));
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests begun so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.seen.requests.load(SeqCst)
    }

    /// Requests whose handler runs.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.seen.in_flight.load(SeqCst)
    }

    /// Requests whose handler was ended early because the peer had gone.
    #[must_use]
    pub fn cancelled(&self) -> u64 {
        self.seen.cancelled.load(SeqCst)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.seen.connections.load(SeqCst)
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                seen.connections.fetch_add(1, SeqCst);
                let seen = Arc::clone(&seen);
                connections.spawn(async move {
                    let service = service_fn(move |request| handle(Arc::clone(&seen), request));
                    // A peer that leaves is part of many tests.
                    drop(
                        auto::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        }
    }
}

struct Running {
    seen: Arc<Seen>,
    finished: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.seen.in_flight.fetch_sub(1, SeqCst);
        if !self.finished {
            self.seen.cancelled.fetch_add(1, SeqCst);
        }
    }
}

async fn handle(seen: Arc<Seen>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    seen.requests.fetch_add(1, SeqCst);
    seen.in_flight.fetch_add(1, SeqCst);
    let mut running = Running {
        seen,
        finished: false,
    };
    let response = route(request).await;
    running.finished = true;
    Ok(response)
}

async fn route(request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let mut parts = path.trim_start_matches('/').split('/');
    let name = parts.next().unwrap_or_default();
    let mut number = || {
        parts
            .next()
            .and_then(|part| part.parse::<u64>().ok())
            .unwrap_or(0)
    };
    match name {
        "head" => text(head(&request)),
        "echo" => {
            let trailer = request.headers().get("trailer").cloned();
            let mut response = Response::new(request.into_body().boxed());
            if let Some(trailer) = trailer {
                response.headers_mut().insert("trailer", trailer);
            }
            response
        }
        "wait" => {
            sleep(Duration::from_millis(number())).await;
            text("waited".to_owned())
        }
        "bytes" => text("x".repeat(usize::try_from(number()).unwrap())),
        "drip" => drip(number(), number()),
        "status" => {
            let mut response = text(String::new());
            *response.status_mut() =
                http::StatusCode::from_u16(u16::try_from(number()).unwrap()).unwrap();
            response
        }
        "count" => {
            let mut body = request.into_body();
            let mut count = 0;
            while let Some(Ok(frame)) = body.frame().await {
                count += frame.data_ref().map_or(0, Bytes::len);
            }
            text(count.to_string())
        }
        _ => text("hello".to_owned()),
    }
}

fn head(request: &Request<Incoming>) -> String {
    let mut text = format!(
        "{} {} {:?}\n",
        request.method(),
        request.uri(),
        request.version()
    );
    for (name, value) in request.headers() {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    text
}

fn text(text: String) -> Answer {
    Response::new(Full::from(text).map_err(|never| match never {}).boxed())
}

fn drip(pieces: u64, millis: u64) -> Answer {
    let (sender, receiver) = mpsc::channel(1);
    let stream = StreamBody::new(Receiver {
        receiver,
        _dripping: {
            let mut dripping = JoinSet::new();
            dripping.spawn(async move {
                for _ in 0..pieces {
                    if sender
                        .send(Ok(Frame::data(Bytes::from_static(b"drip\n"))))
                        .await
                        .is_err()
                    {
                        return;
                    }
                    sleep(Duration::from_millis(millis)).await;
                }
            });
            dripping
        },
    });
    let mut response = Response::new(BoxBody::new(stream));
    response
        .headers_mut()
        .insert("content-type", "text/event-stream".parse().unwrap());
    response
}

struct Receiver {
    receiver: mpsc::Receiver<Result<Frame<Bytes>, hyper::Error>>,
    _dripping: JoinSet<()>,
}

impl futures_util::Stream for Receiver {
    type Item = Result<Frame<Bytes>, hyper::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx)
    }
}
