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

/// What the page may do in a cluster: what a person would do by `kubectl patch`. To wake there is no field; a request does.
pub(super) fn router(leading: Arc<Leading>, allowed: bool) -> Router {
    let acts: &[&str] = if allowed {
        &["pause", "resume", "hold"]
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
    let paused = match act {
        Act::Pause => Paused::Present,
        Act::Hold { replicas } => Paused::At(replicas),
        Act::Resume => Paused::No,
        Act::Wake => {
            let text = "in a cluster a request wakes it; nothing else does\n";
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    let person = match leading.person().await {
        Ok(person) => person,
        Err(why) => return bad_gateway(why),
    };
    match person.hold(&key, paused, &act.in_words()).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}
