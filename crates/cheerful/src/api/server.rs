// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use cheerful_signals::resource::memory_of;

use super::{
    events, metrics,
    view::{ReplicaLine, RevisionDetail, StartLine},
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
            let (mut replicas, mut starts) = (Vec::new(), Vec::new());
            let now = unix_millis();
            for version in versions.all(&name) {
                for replica in processes.replicas(&version).await {
                    let in_flight = gateway.in_flight(&version, &replica.replica).unwrap_or(0);
                    replicas.push(ReplicaLine::new(replica, in_flight));
                }
                let all = processes.starts(&version).await.into_iter();
                starts.extend(all.map(|start| StartLine::new(start, now)));
            }
            let pids = replicas.iter().filter_map(|replica| replica.pid).collect();
            let memory = memory_of(pids).await;
            for replica in &mut replicas {
                replica.memory_bytes = replica.pid.and_then(|pid| memory.get(&pid).copied());
            }
            Json(RevisionDetail {
                view,
                replicas,
                starts,
            })
            .into_response()
        }
        Ok(None) => (
            StatusCode::NOT_FOUND,
            format!("no revision is named {name:?}\n"),
        )
            .into_response(),
        Err(stopped) => unavailable(&stopped),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell tells people the wall clock"
)]
fn unix_millis() -> u64 {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
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
