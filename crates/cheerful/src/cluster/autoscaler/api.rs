// SPDX-License-Identifier: Apache-2.0
//! The API behind `explain`: the paths of a local instance, with keys such as `shop/cart` in place of names.
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use cheerful_autoscaler::Autoscaler;
use cheerful_kubernetes::{
    external::Unknown,
    names,
    scaler::{FiguresView, ScalerView},
};

use crate::api::{ReplicaLine, RevisionDetail, event_stream};

#[derive(Clone)]
struct Asked {
    autoscaler: Autoscaler,
    view: ScalerView,
    figures: FiguresView,
}

pub(super) fn router(autoscaler: Autoscaler, view: ScalerView, figures: FiguresView) -> Router {
    Router::new()
        .route("/v1/revisions", get(revisions))
        .route("/v1/revisions/{*key}", get(revision))
        .route("/v1/figures/{*key}", get(told))
        .route("/v1/events", get(events))
        .with_state(Asked {
            autoscaler,
            view,
            figures,
        })
}

async fn revisions(State(asked): State<Asked>) -> Response {
    match asked.autoscaler.overview().await {
        Ok(revisions) => Json(revisions).into_response(),
        Err(stopped) => unavailable(&stopped),
    }
}

async fn revision(State(asked): State<Asked>, Path(key): Path<String>) -> Response {
    match asked.autoscaler.explain(&key).await {
        Ok(Some(view)) => {
            let pods = asked.view.pods(&key).into_iter();
            let replicas = pods
                .map(|pod| ReplicaLine {
                    replica: pod.pod,
                    pid: None,
                    port: names::QUEUE_PORT,
                    state: pod.state,
                    age_seconds: pod.seen_for.as_secs_f64(),
                    restarts: 0,
                    in_flight: whole(pod.in_flight),
                    memory_bytes: None,
                    last_output: Vec::new(),
                })
                .collect();
            Json(RevisionDetail {
                view,
                replicas,
                starts: Vec::new(),
            })
            .into_response()
        }
        Ok(None) => {
            let text = format!("nothing is called {key:?}\n");
            (StatusCode::NOT_FOUND, text).into_response()
        }
        Err(stopped) => unavailable(&stopped),
    }
}

/// What is told to HPAs, for the replica that was asked and does not lead.
async fn told(State(asked): State<Asked>, Path(key): Path<String>) -> Response {
    match asked.figures.here(&key) {
        Ok(figures) => Json(figures).into_response(),
        Err(why @ Unknown::NotThere(_)) => {
            (StatusCode::NOT_FOUND, format!("{why}\n")).into_response()
        }
        Err(why @ Unknown::Now(_)) => unavailable(&why),
    }
}

async fn events(State(asked): State<Asked>) -> Response {
    event_stream(asked.autoscaler.follow()).into_response()
}

fn unavailable(error: &dyn std::error::Error) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests, for people"
)]
fn whole(in_flight: f64) -> u64 {
    in_flight.round() as u64
}
