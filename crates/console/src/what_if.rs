// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use cheerful_scaling::{Invalid, Policy, Settings, Target};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::Console;

/// Settings that are tried in place of those in force.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tried {
    /// Requests in flight per replica to aim for.
    target: Option<f64>,
    min: Option<u32>,
    max: Option<u32>,
    /// Seconds.
    stable_window: Option<f64>,
    policy: Option<TriedPolicy>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TriedPolicy {
    StablePanic,
    Auto,
}

/// `GET /v1/console/what-if/{name}`: columns, by time.
#[derive(Debug, Serialize)]
struct Answer {
    /// Seconds since 1970.
    at: Vec<f64>,
    /// What would have been wanted.
    replicas: Vec<u32>,
    /// What was wanted.
    real: Vec<u32>,
}

/// Decides the last minutes of a revision anew. The autoscaler is asked only for what it heard; the work is done on
/// another thread, so that no decision waits for it.
pub(crate) async fn answer(
    State(console): State<Console>,
    Path(name): Path<String>,
    Query(tried): Query<Tried>,
) -> Response {
    let refused = |status, why: String| (status, format!("{why}\n")).into_response();
    let tape = match console.autoscaler().tape(&name).await {
        Ok(Some(tape)) => tape,
        Ok(None) => {
            let why = format!("of {name:?} nothing is kept that could be decided anew");
            return refused(StatusCode::NOT_FOUND, why);
        }
        Err(stopped) => return refused(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    };
    let window = match tried.window() {
        Ok(window) => window,
        Err(why) => return refused(StatusCode::BAD_REQUEST, why),
    };
    let replay = move || tape.decide_anew(|settings| tried.on(settings, window));
    match spawn_blocking(replay).await {
        Ok(Ok(anew)) => Json(Answer {
            at: anew
                .unix_millis
                .iter()
                .map(|millis| seconds(*millis))
                .collect(),
            replicas: anew.replicas,
            real: anew.real,
        })
        .into_response(),
        Ok(Err(faults)) => refused(StatusCode::BAD_REQUEST, in_words(&faults)),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

impl Tried {
    fn window(&self) -> Result<Option<Duration>, String> {
        let window = self.stable_window.map(Duration::try_from_secs_f64);
        window.transpose().map_err(|error| {
            let given = self.stable_window.unwrap_or_default();
            format!("stableWindow: {given}: {error}; seconds such as 60 are right")
        })
    }

    /// What is not given stays.
    fn on(&self, settings: &Settings, window: Option<Duration>) -> Settings {
        let mut settings = settings.clone();
        if let Some(target) = self.target {
            settings.target = Target::PerReplica(target);
        }
        if let Some(min) = self.min {
            settings.min = min;
        }
        if let Some(max) = self.max {
            settings.max = Some(max);
        }
        if let Some(window) = window {
            settings.stable_window = window;
        }
        match self.policy {
            Some(TriedPolicy::StablePanic) => settings.policy = Policy::StablePanic,
            Some(TriedPolicy::Auto) => settings.policy = Policy::Auto,
            None => {}
        }
        settings
    }
}

fn in_words(faults: &[Invalid]) -> String {
    let one = |fault: &Invalid| {
        format!(
            "{}: {}; {} is right",
            fault.field, fault.value, fault.expected
        )
    };
    faults.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of this millennium"
)]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
