// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::to_bytes,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use cheerful_kubernetes::person::{PodDetail, Seen};
use serde_json::{Map, Value, json};
use tokio::{sync::Mutex, time::Instant};

use super::{bad_gateway, leading::Leading};

/// A revision as the autoscaler tells it, and what the API server tells of its pods. Cheap to clone.
#[derive(Clone)]
pub(super) struct Details {
    leading: Arc<Leading>,
    /// By revision.
    seen: Arc<Mutex<BTreeMap<String, Look>>>,
}

/// What was seen of a revision's pods, and when.
struct Look {
    at: Instant,
    seen: Arc<Seen>,
}

/// Pods are looked at anew after so long: three questions for each.
const FRESH: Duration = Duration::from_secs(5);
/// Revisions of which it is kept what was seen; then all is forgotten.
const KEPT: usize = 64;
/// No answer of the autoscaler is longer.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

impl Details {
    pub(super) fn new(leading: Arc<Leading>) -> Self {
        Self {
            leading,
            seen: Arc::default(),
        }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/v1/revisions/{*key}", get(answer))
            .with_state(self)
    }

    /// One look at a time, for whoever else waits wants the same.
    async fn look(&self, key: &str, pods: &[String]) -> Result<Arc<Seen>, String> {
        let mut all = self.seen.lock().await;
        if let Some(Look { at, seen }) = all.get(key)
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(seen));
        }
        let (namespace, _) = key.split_once('/').ok_or("it is in no namespace")?;
        let person = self.leading.person().await?;
        let seen = Arc::new(person.pods(namespace, pods).await);
        if all.len() >= KEPT {
            all.clear();
        }
        let look = Look {
            at: Instant::now(),
            seen: Arc::clone(&seen),
        };
        all.insert(key.to_owned(), look);
        Ok(seen)
    }
}

async fn answer(
    State(details): State<Details>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    let told = match details.leading.ask(request.uri().path()).await {
        Ok(told) if told.status().is_success() => told,
        Ok(refused) => return refused,
        Err(why) => return bad_gateway(why),
    };
    let read = to_bytes(told.into_body(), MAX_ANSWER_BYTES).await;
    let read = read.map_err(|error| error.to_string());
    let told = read.and_then(|body| serde_json::from_slice(&body).map_err(|e| e.to_string()));
    let mut told: Value = match told {
        Ok(told) => told,
        Err(why) => return bad_gateway(format!("the autoscaler's answer cannot be read: {why}")),
    };
    match details.look(&key, &pods_of(&told)).await {
        Ok(seen) => add(&mut told, &seen),
        Err(why) => told["unseen"] = json!([why]),
    }
    Json(told).into_response()
}

fn pods_of(told: &Value) -> Vec<String> {
    let replicas = told["replicas"].as_array().map_or(&[][..], Vec::as_slice);
    let names = replicas.iter().filter_map(|one| one["replica"].as_str());
    names.map(str::to_owned).collect()
}

/// Field by field, so that what a newer autoscaler tells stays.
fn add(told: &mut Value, seen: &Seen) {
    let mut starts = Vec::new();
    let replicas = told["replicas"].as_array_mut();
    for replica in replicas.into_iter().flatten() {
        let name = replica["replica"].as_str().unwrap_or_default().to_owned();
        if let (Some(pod), Some(fields)) = (seen.pods.get(&name), replica.as_object_mut()) {
            add_pod(fields, pod);
            starts.extend(pod.start.map(|start| (name, start)));
        }
    }
    starts.sort_by_key(|(_, start)| start.asked_unix_millis);
    let starts = starts.into_iter().map(|(replica, start)| {
        json!({
            "replica": replica, "askedUnixMillis": start.asked_unix_millis,
            "processSeconds": start.process_seconds, "readySeconds": start.ready_seconds, "wholeSeconds": true,
        })
    });
    told["starts"] = starts.collect();
    told["unseen"] = json!(seen.unseen);
}

fn add_pod(replica: &mut Map<String, Value>, pod: &PodDetail) {
    replica.insert("restarts".to_owned(), json!(pod.restarts));
    replica.insert("lastOutput".to_owned(), json!(pod.last_output));
    if let Some(bytes) = pod.memory_bytes {
        replica.insert("memoryBytes".to_owned(), json!(bytes));
    }
}
