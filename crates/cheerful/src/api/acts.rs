// SPDX-License-Identifier: Apache-2.0
//! What a person may do by the console, if the instance was started with `--allow-actions`.
use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use cheerful_autoscaler::{Autoscaler, Input};
use cheerful_console::Console;
use cheerful_processes::Processes;
use cheerful_scaling::{Holding, Paused};
use serde::Deserialize;

use super::{person, serve::Peer};
use crate::site::Hand;

/// What acts are done with.
#[derive(Clone, Debug)]
pub(crate) struct Acts {
    pub(crate) hand: Hand,
    pub(crate) autoscaler: Autoscaler,
    pub(crate) console: Console,
}

/// `POST /v1/console/act/{name}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "act", rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Act {
    /// Hold the present count.
    Pause,
    /// Hold this count.
    Hold { replicas: u32 },
    /// From now on it is as the manifest says.
    Resume,
    /// As if a request had come.
    Wake,
}

impl Acts {
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/v1/console/act/{name}", post(act))
            .with_state(self)
    }
}

/// Another page could make a browser send a form, but neither this header nor JSON without asking first, which is not
/// answered.
const HEADER: &str = "x-cheerful-act";

async fn act(
    State(acts): State<Acts>,
    Path(name): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    act: Json<Act>,
) -> Response {
    if let Some(refused) = refuse_others(&headers) {
        return refused;
    }
    let who = person::name(peer.and_then(|Extension(peer)| peer.0));
    let Json(act) = act;
    let done = match act {
        Act::Pause => acts.hand.hold(&name, Some(Paused::Present)).await,
        Act::Hold { replicas } if replicas > Processes::MOST_REPLICAS => Err(format!(
            "replicas: {replicas}; at most {} is right",
            Processes::MOST_REPLICAS
        )),
        Act::Hold { replicas } => acts.hand.hold(&name, Some(Paused::At(replicas))).await,
        Act::Resume => acts.hand.hold(&name, None).await,
        Act::Wake => acts.wake(&name, &who).await,
    };
    match done {
        Ok(()) => {
            let what = format!("{} by {who}", act.in_words());
            tracing::info!(revision = name, "{what}");
            acts.console.acted(&name, what).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}

impl Acts {
    /// The gateway tells within a second that nothing is held; until then one request was.
    async fn wake(&self, name: &str, who: &str) -> Result<(), String> {
        let known = self.autoscaler.target(name).await;
        if known.map_err(|stopped| stopped.to_string())?.is_none() {
            return Err(format!("no revision is named {name:?}"));
        }
        let by = format!("{who}, from the console");
        let held = Holding {
            held: 1,
            arrived: 1,
        };
        for input in [Input::Woken { by }, Input::Holding(held)] {
            let told = self.autoscaler.tell(name, input).await;
            told.map_err(|stopped| stopped.to_string())?;
        }
        Ok(())
    }
}

impl Act {
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Pause => "paused at the present count".to_owned(),
            Self::Hold { replicas } => format!("held at {replicas}"),
            Self::Resume => "resumed".to_owned(),
            Self::Wake => "woken".to_owned(),
        }
    }
}

/// Only the page that we served ourselves may act: the answer to any other.
pub(crate) fn refuse_others(headers: &HeaderMap) -> Option<Response> {
    let text = format!("an act needs the header {HEADER}, and no origin but this one\n");
    let is_other = !is_of_our_page(headers);
    is_other.then(|| (StatusCode::FORBIDDEN, text).into_response())
}

fn is_of_our_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN);
    let host = text(header::HOST);
    let is_same = origin.is_none_or(|origin| origin.strip_prefix("http://") == host);
    headers.contains_key(HEADER) && is_same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_acts() {
        let headers = |all: &[(&'static str, &'static str)]| {
            let pairs = all.iter().map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, header::HeaderValue::from_static(value))
            });
            pairs.collect::<HeaderMap>()
        };
        let host = ("host", "127.0.0.1:8800");
        let ours = ("origin", "http://127.0.0.1:8800");
        let act = (HEADER, "1");
        assert!(is_of_our_page(&headers(&[host, ours, act])));
        assert!(is_of_our_page(&headers(&[host, act])));
        assert!(!is_of_our_page(&headers(&[host, ours])));
        for other in ["http://127.0.0.1:9900", "https://evil.example", "null"] {
            assert!(!is_of_our_page(&headers(&[host, ("origin", other), act])));
        }
    }
}
