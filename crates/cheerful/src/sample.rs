// SPDX-License-Identifier: Apache-2.0
//! A small HTTP service to try things on: the demo's app, and the tests'.
use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SampleArgs {
    /// The port of 127.0.0.1 to listen on
    #[arg(long, env = "PORT")]
    port: u16,
    /// How long an answer takes
    #[arg(long, default_value = "0ms", value_parser = duration)]
    latency: Duration,
    /// Requests worked on at a time; more wait inside [default: no limit]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// How long it takes until it listens
    #[arg(long, default_value = "0ms", value_parser = duration)]
    start_up: Duration,
}

/// What one service knows.
struct Sample {
    name: String,
    latency: Duration,
    room: Semaphore,
    /// Filled by `/crash`.
    crash: mpsc::Sender<()>,
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight.
///
/// # Errors
/// The port cannot be had, or somebody asked for `/crash`.
pub(crate) fn run(args: &SampleArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))?;
    runtime.block_on(serve(args))
}

async fn serve(args: &SampleArgs) -> Result<(), Failure> {
    let no_signal = |error| Failure::later(format_args!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signal)?;
    tokio::select! {
        () = tokio::time::sleep(args.start_up) => {}
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::bad_input(format_args!(
            "--port {}: {error}; give a port that is free",
            args.port
        ))
    })?;
    let (crash, mut crashed) = mpsc::channel(1);
    let sample = Arc::new(Sample {
        name: std::env::var("CHEERFUL_REPLICA").unwrap_or_else(|_| "sample".to_owned()),
        latency: args.latency,
        room: Semaphore::new(
            args.concurrency
                .map_or(Semaphore::MAX_PERMITS, |n| n as usize),
        ),
        crash,
    });
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(Arc::clone(&sample), stream, stopping.clone()));
            },
            Some(_) = connections.join_next() => {}
            _ = crashed.recv() => {
                return Err(Failure { exit_code: 3, message: "crashed, as /crash asked".to_owned() });
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop((listener, stop));
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// One connection, until it ends or, once the service stops, until what is in flight is answered.
async fn connection(sample: Arc<Sample>, stream: TcpStream, mut stopping: watch::Receiver<()>) {
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request| {
        let sample = Arc::clone(&sample);
        async move { Ok::<_, Infallible>(sample.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A peer that left is no fault of this service.
        ended = connection.as_mut() => drop(ended),
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}

type Answer = Response<Either<Full<Bytes>, Filler>>;

impl Sample {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, mut body) = request.into_parts();
        match head.uri.path() {
            "/healthz" => return text(StatusCode::OK, "ok\n".to_owned()),
            "/crash" => {
                // A full channel says that somebody else has asked already.
                self.crash.try_send(()).ok();
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        while let Some(Ok(_)) = body.frame().await {}
        // The line is never closed.
        let _place = self.room.acquire().await.ok();
        tokio::time::sleep(self.latency + wait(&head.uri)).await;
        if head.uri.path() != "/size" {
            return text(StatusCode::OK, format!("hello from {}\n", self.name));
        }
        let wanted = head
            .uri
            .query()
            .and_then(|query| query.strip_prefix("bytes="));
        match wanted.and_then(|number| number.parse().ok()) {
            Some(left) => Response::new(Either::Right(Filler { left })),
            None => text(
                StatusCode::BAD_REQUEST,
                "give /size?bytes=NUMBER\n".to_owned(),
            ),
        }
    }
}

/// What `/wait?ms=NUMBER` asks for, a minute at most.
fn wait(uri: &Uri) -> Duration {
    let wanted = uri.query().and_then(|query| query.strip_prefix("ms="));
    let millis = match (uri.path(), wanted) {
        ("/wait", Some(number)) => number.parse().unwrap_or(0),
        _ => 0,
    };
    Duration::from_millis(millis).min(Duration::from_secs(60))
}

fn text(status: StatusCode, text: String) -> Answer {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    response
}

/// A body of so many bytes, made as it is sent.
struct Filler {
    left: u64,
}

impl Body for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static CHUNK: [u8; 65_536] = [b'x'; 65_536];
        let chunk = Bytes::from_static(&CHUNK);
        let size = usize::try_from(self.left).map_or(CHUNK.len(), |left| left.min(CHUNK.len()));
        if size == 0 {
            return Poll::Ready(None);
        }
        self.left -= size as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk.slice(..size)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}

/// `50ms` or `2s`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().map(Duration::from_millis),
        (None, Some(number)) => number.parse().map(Duration::from_secs),
        (None, None) => return Err("a duration has a unit: 50ms or 2s".to_owned()),
    };
    parsed.map_err(|_| "a duration is a whole number and a unit: 50ms or 2s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(
            duration("50").unwrap_err(),
            "a duration has a unit: 50ms or 2s"
        );
        assert!(duration("ms").is_err());
        assert!(duration("-1s").is_err());
    }
}
