// SPDX-License-Identifier: Apache-2.0
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    events, metrics,
    view::{ReplicaLine, RevisionDetail},
};
use crate::site::Parts;

/// What the local API answers from. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) parts: Parts,
    pub(crate) readiness: Readiness,
}

/// Whether requests are taken: true from the first route to the beginning of the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }
    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Api {
    /// All paths.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/v1/revisions", get(revisions))
            .route("/v1/revisions/{name}", get(revision))
            .route("/v1/events", get(decisions))
            .route("/metrics", get(prometheus))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .with_state(self)
    }
}

async fn revisions(State(api): State<Api>) -> Response {
    match api.parts.autoscaler.overview().await {
        Ok(revisions) => Json(revisions).into_response(),
        Err(stopped) => unavailable(&stopped),
    }
}

async fn revision(State(api): State<Api>, Path(name): Path<String>) -> Response {
    let Parts {
        gateway,
        autoscaler,
        processes,
        versions,
        ..
    } = &api.parts;
    match autoscaler.explain(&name).await {
        Ok(Some(view)) => {
            let mut replicas = Vec::new();
            for version in versions.all(&name) {
                replicas.extend(
                    processes
                        .replicas(&version)
                        .await
                        .into_iter()
                        .map(|replica| {
                            let in_flight =
                                gateway.in_flight(&version, &replica.replica).unwrap_or(0);
                            ReplicaLine::new(replica, in_flight)
                        }),
                );
            }
            Json(RevisionDetail { view, replicas }).into_response()
        }
        Ok(None) => (
            StatusCode::NOT_FOUND,
            format!("no revision is named {name:?}\n"),
        )
            .into_response(),
        Err(stopped) => unavailable(&stopped),
    }
}

async fn decisions(State(api): State<Api>) -> Response {
    events::stream(api.parts.autoscaler.follow()).into_response()
}

async fn prometheus(State(api): State<Api>) -> Response {
    match metrics::text(&api.parts).await {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => unavailable(&error),
    }
}

async fn ready(State(api): State<Api>) -> Response {
    if api.readiness.is_ready() {
        "ok\n".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "not serving: starting, or about to end\n",
        )
            .into_response()
    }
}

fn unavailable(error: &dyn std::error::Error) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
}
