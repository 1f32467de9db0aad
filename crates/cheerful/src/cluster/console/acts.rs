// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cheerful_scaling::Paused;

use super::{bad_gateway, leading::Leading};
use crate::api::{Act, refuse_others};

/// What the page may do in a cluster: what a person would do by `kubectl patch`, or by `kubectl annotate` to wake.
pub(super) fn router(leading: Arc<Leading>, allowed: bool) -> Router {
    let acts: &[&str] = if allowed {
        &["pause", "resume", "wake", "hold"]
    } else {
        &[]
    };
    let mut router =
        Router::new().route("/v1/console/acts", get(move || async move { Json(acts) }));
    if allowed {
        router = router.route("/v1/console/act/{*key}", post(act));
    }
    router.with_state(leading)
}

async fn act(
    State(leading): State<Arc<Leading>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    act: Json<Act>,
) -> Response {
    if let Some(refused) = refuse_others(&headers) {
        return refused;
    }
    let Json(act) = act;
    let person = match leading.person().await {
        Ok(person) => person,
        Err(why) => return bad_gateway(why),
    };
    let hold = async |paused| person.hold(&key, paused, &act.in_words()).await;
    let done = match act {
        Act::Pause => hold(Paused::Present).await,
        Act::Hold { replicas } => hold(Paused::At(replicas)).await,
        Act::Resume => hold(Paused::No).await,
        Act::Wake => person.wake(&key).await,
    };
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}
