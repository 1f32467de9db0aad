// SPDX-License-Identifier: Apache-2.0
use std::{fmt, io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
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
        axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
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
