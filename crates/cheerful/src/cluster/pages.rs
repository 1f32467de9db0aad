// SPDX-License-Identifier: Apache-2.0
use std::{fmt, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// What the metrics page is, as Prometheus reads it.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The pages that every role in a cluster has: `/livez`, `/readyz` and `/metrics`.
#[derive(Clone)]
pub(crate) struct Pages {
    /// `Err`: why the role should be started again.
    pub(crate) live: Check,
    /// `Err`: why it should get no traffic now.
    pub(crate) ready: Check,
    /// All metrics, as OpenMetrics text with its `# EOF`.
    pub(crate) metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Says whether all is well, or why not.
pub(crate) type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Connections at once; over it the newest waits until one ends. Anyone in the cluster may connect, so one that sends
/// no request does not keep its place for long.
const MAX_CONNECTIONS: usize = 128;

/// For a request's head to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// A request's head, and what is read ahead.
const MAX_BUFFER_BYTES: usize = 16 * 1024;

/// At the end, for what is being answered.
const LAST: Duration = Duration::from_secs(1);

/// After a failed accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Pages {
    /// Serves them, and `more`, until `stop`.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub(crate) async fn serve(
        self,
        address: SocketAddr,
        more: Router,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let listener = TcpListener::bind(address).await?;
        let Self {
            live,
            ready,
            metrics,
        } = self;
        let text = move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics()) };
        let router = more
            .route("/livez", get(move || async move { answer(&live) }))
            .route("/readyz", get(move || async move { answer(&ready) }))
            .route("/metrics", get(text));
        accept(listener, &router, &stop).await;
        Ok(())
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

fn answer(check: &Check) -> Response {
    match check() {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn accept(listener: TcpListener, router: &Router, stop: &CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, router.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection to the pages");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What takes longer is cut.
    drop(timeout(LAST, ended).await);
}

/// One connection, until it ends or what it asked for before `stop` is answered.
async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection to the pages ended");
    }
}
