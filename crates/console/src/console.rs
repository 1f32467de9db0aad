// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use cheerful_autoscaler::{Autoscaler, DecisionLine, RevisionView};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{
    assets::assets,
    counts::{ConsoleCounts, count},
    feed,
    live::{self, Message},
    past::PastView,
    pasts::{Bounds, Name, Pasts},
    row::Row,
    sparks::{self, Spark},
    what_if,
};

/// What is kept of all revisions, and the pages that show it. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    shared: Arc<Shared>,
}

struct Shared {
    autoscaler: Autoscaler,
    pasts: Mutex<Pasts>,
    live: broadcast::Sender<Arc<Message>>,
    hello: Hello,
    allows_actions: bool,
    counts: Arc<ConsoleCounts>,
}

/// What a page is told first.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    /// Milliseconds since 1970 at which this instance began: another one means that it was started anew.
    started: u64,
    version: &'static str,
}

/// Messages that a slow page may lag behind; then it is told all anew.
pub(crate) const MESSAGES: usize = 64;
/// Pages that are told what changes, at once; a further one is refused.
pub(crate) const PAGES: usize = 32;
/// The longest past that is kept, and the default.
const LONGEST: u64 = 86_400;
const USUAL: u64 = 300;

impl Console {
    /// Knows nothing yet. `autoscaler` is asked what it heard, for what might have been. `unix_millis`: the wall clock,
    /// by which a page sees that it talks to another instance. `allows_actions`: whether the page offers to act.
    /// `counts`: where what there is no room for is counted.
    #[must_use]
    pub fn new(
        autoscaler: Autoscaler,
        unix_millis: u64,
        allows_actions: bool,
        counts: Arc<ConsoleCounts>,
    ) -> Self {
        let (live, _) = broadcast::channel(MESSAGES);
        Self {
            shared: Arc::new(Shared {
                autoscaler,
                pasts: Mutex::new(Pasts::new(Bounds::default(), Arc::clone(&counts))),
                live,
                hello: Hello {
                    started: unix_millis,
                    version: env!("CARGO_PKG_VERSION"),
                },
                allows_actions,
                counts,
            }),
        }
    }

    /// Takes all revisions as they are at a second since 1970; one that is missing is forgotten with its past. To be
    /// called once in two minutes at least, for what is longer ago is not counted as cost.
    pub fn take(&self, views: &[RevisionView], unix_seconds: u64) {
        let changes = self.pasts().take(views, unix_seconds);
        self.tell(|| Message::changes(unix_seconds, &changes));
    }

    /// Takes those that may have changed at a second since 1970, once a second. `asked`: those that were asked for by
    /// name; such a one that is missing is forgotten with its past. All others are as they were.
    pub fn take_some(&self, views: &[RevisionView], asked: &[String], unix_seconds: u64) {
        let changes = {
            let mut pasts = self.pasts();
            let there: BTreeSet<&str> = views.iter().map(|view| &*view.revision).collect();
            let gone = asked.iter().map(|name| &**name);
            let gone = gone
                .filter(|name| pasts.is_known(name) && !there.contains(name))
                .map(Name::from)
                .collect();
            pasts.take_some(views, gone, unix_seconds)
        };
        self.tell(|| Message::changes(unix_seconds, &changes));
    }

    /// Takes a decision as it was made.
    pub fn decided(&self, revision: &str, decision: &DecisionLine) {
        self.pasts().decided(revision, decision.clone());
        self.tell(|| Message::decision(revision, decision));
    }

    /// Takes what a person did: `paused by user 1000`. It stands among the decisions.
    pub async fn acted(&self, revision: &str, what: String) {
        let view = self.autoscaler().explain(revision).await;
        let last = view
            .ok()
            .flatten()
            .and_then(|mut view| view.decisions.pop());
        let Some(last) = last else {
            return;
        };
        let unix_millis = feed::since_1970().as_millis();
        self.decided(
            revision,
            &DecisionLine {
                unix_millis: u64::try_from(unix_millis).unwrap_or(u64::MAX),
                from: last.replicas,
                mode: "action".to_owned(),
                wanted: last.replicas,
                bounds: Vec::new(),
                sentence: what,
                times: 1,
                since_unix_millis: None,
                ..last
            },
        );
    }

    /// The page at `/` and its parts, and what it asks for.
    pub fn router(&self) -> Router {
        self.data().merge(assets())
    }

    /// What the page asks for, below `/v1/console/`: `live` (server-sent events), `past/NAME?seconds=`,
    /// `sparks?names=`, `what-if/NAME?target=` and `acts`: what may be done.
    pub fn data(&self) -> Router {
        Router::new()
            .route("/v1/console/live", get(watch))
            .route("/v1/console/past/{*name}", get(past))
            .route("/v1/console/sparks", get(sparks_of))
            .route("/v1/console/what-if/{*name}", get(what_if::answer))
            .route("/v1/console/acts", get(acts))
            .with_state(self.clone())
    }

    pub(crate) fn counts(&self) -> &ConsoleCounts {
        &self.shared.counts
    }

    pub(crate) fn autoscaler(&self) -> &Autoscaler {
        &self.shared.autoscaler
    }

    /// All rows as they are now, for a page that has none.
    pub(crate) fn greeting(&self) -> Message {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Greeting<'a> {
            #[serde(flatten)]
            hello: Hello,
            kept_seconds: u64,
            rows: Vec<&'a Row>,
        }
        let pasts = self.pasts();
        Message::new(
            "hello",
            &Greeting {
                hello: self.shared.hello,
                kept_seconds: pasts.kept_seconds(),
                rows: pasts.rows().collect(),
            },
        )
    }

    fn past(&self, name: &str, seconds: u64) -> Option<PastView> {
        self.pasts().past_of(name, seconds)
    }

    /// Nobody looks: nothing is written.
    fn tell(&self, message: impl FnOnce() -> Message) {
        if self.shared.live.receiver_count() > 0 {
            // Whoever has gone meanwhile needs not be told.
            self.shared.live.send(Arc::new(message())).ok();
        }
    }

    fn pasts(&self) -> MutexGuard<'_, Pasts> {
        self.shared
            .pasts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Console").finish_non_exhaustive()
    }
}

pub(crate) async fn watch(State(console): State<Console>) -> Response {
    let live = &console.shared.live;
    if live.receiver_count() >= PAGES {
        count(&console.counts().pages_refused, 1);
        let text = format!("{PAGES} pages are open already; close one\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    let messages = live.subscribe();
    live::stream(console, messages).into_response()
}

async fn acts(State(console): State<Console>) -> Json<&'static [&'static str]> {
    Json(if console.shared.allows_actions {
        &["pause", "resume", "wake", "hold"]
    } else {
        &[]
    })
}

#[derive(Deserialize)]
struct Span {
    seconds: Option<u64>,
}

async fn past(
    State(console): State<Console>,
    Path(name): Path<String>,
    Query(span): Query<Span>,
) -> Response {
    let seconds = span.seconds.unwrap_or(USUAL);
    if !(1..=LONGEST).contains(&seconds) {
        let text = format!("seconds: {seconds}; from 1 to {LONGEST} is right\n");
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    match console.past(&name, seconds) {
        Some(past) => Json(past).into_response(),
        None => {
            let text = format!("of {name:?} no past is kept\n");
            (StatusCode::NOT_FOUND, text).into_response()
        }
    }
}

#[derive(Deserialize)]
struct Names {
    names: String,
}

async fn sparks_of(State(console): State<Console>, Query(asked): Query<Names>) -> Response {
    let names: Vec<&str> = asked.names.split(',').collect();
    if names.len() > sparks::MOST {
        let text = format!(
            "names: {}; at most {} is right\n",
            names.len(),
            sparks::MOST
        );
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let pasts = console.pasts();
    let found = names.into_iter().filter_map(|name| {
        let past = pasts.past_of(name, sparks::SECONDS)?;
        Some((name, Spark::of(&past.columns)))
    });
    let sparks: BTreeMap<&str, Spark> = found.collect();
    Json(sparks).into_response()
}
