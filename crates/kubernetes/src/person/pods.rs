// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt as _, stream};
use http::Request;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{Api, Client, api::LogParams};
use serde::Deserialize;
use tokio::time::timeout;

use super::Person;
use crate::{names, scaler::Quantity};

/// What was seen of some pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// By their names.
    pub pods: BTreeMap<String, PodDetail>,
    /// What could not be seen, and why: sentences for a person, each once.
    pub unseen: Vec<String>,
}

/// What the API server tells of one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodDetail {
    /// Bytes, of all its containers, as `metrics.k8s.io` has them.
    pub memory_bytes: Option<f64>,
    /// The last lines that its app wrote, oldest first: at most ten of 500 bytes.
    pub last_output: Vec<String>,
    /// How often its app was started again.
    pub restarts: u32,
    /// How it started, if it is ready and its app was started only once.
    pub start: Option<PodStart>,
}

/// A start by its parts, in whole seconds as Kubernetes writes them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PodStart {
    /// When the pod was made: milliseconds since 1970.
    pub asked_unix_millis: u64,
    /// From then until its app ran: a node was chosen and the image was there.
    pub process_seconds: f64,
    /// From then until it was ready.
    pub ready_seconds: f64,
}

/// Pods that are looked at, at once and at all; of the rest only is known what the autoscaler tells.
const PODS: usize = 20;
const AT_ONCE: usize = 5;
/// For one answer.
const LIMIT: Duration = Duration::from_secs(3);
const LINES: usize = 10;
const LINE_BYTES: usize = 500;
/// Of a log, before it is cut into lines.
const LOG_BYTES: i64 = 16 * 1024;

impl Person {
    /// Looks at the first 20 of these pods. What may not be seen is left out, and said.
    pub async fn pods(&self, namespace: &str, pods: &[String]) -> Seen {
        // Owned, for a borrow of each would not be known to last as long as all of them.
        let looks = pods.iter().take(PODS).cloned().map(|pod| {
            let (client, namespace) = (self.client.clone(), namespace.to_owned());
            async move { look(&client, &namespace, &pod).await }
        });
        let looks = stream::iter(looks).buffered(AT_ONCE);
        let all: Vec<_> = looks.collect().await;
        let mut seen = Seen::default();
        for (pod, (detail, unseen)) in pods.iter().zip(all) {
            seen.pods.insert(pod.clone(), detail);
            for why in unseen {
                if !seen.unseen.contains(&why) {
                    seen.unseen.push(why);
                }
            }
        }
        if pods.len() > PODS {
            seen.unseen.push(format!(
                "Only the first {PODS} pods were asked for memory, output and start"
            ));
        }
        seen
    }
}

async fn look(client: &Client, namespace: &str, name: &str) -> (PodDetail, Vec<String>) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut unseen = Vec::new();
    let pod = match within(pods.get_opt(name)).await {
        Ok(Some(pod)) => pod,
        // It went meanwhile.
        Ok(None) => return (PodDetail::default(), unseen),
        Err(why) => {
            unseen.push(format!("Pods cannot be read: {why}"));
            return (PodDetail::default(), unseen);
        }
    };
    let mut detail = PodDetail::of(&pod);
    let params = LogParams {
        container: app_of(&pod).map(str::to_owned),
        tail_lines: i64::try_from(LINES).ok(),
        limit_bytes: Some(LOG_BYTES),
        ..LogParams::default()
    };
    let has_run = status_of_app(&pod).is_some_and(|app| app.container_id.is_some());
    if has_run {
        match within(pods.logs(name, &params)).await {
            Ok(log) => detail.last_output = last_lines(&log),
            Err(why) => unseen.push(format!("What they wrote cannot be read: {why}")),
        }
    }
    match within(usage(client, namespace, name)).await {
        Ok(memory) => detail.memory_bytes = memory,
        Err(why) => unseen.push(format!("Memory is not known: {why}")),
    }
    (detail, unseen)
}

/// In words without the pod's name, so that the same is said once for all pods.
async fn within<T>(asked: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
    match timeout(LIMIT, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(match status.code {
            403 => "the API server does not allow it to you".to_owned(),
            404 => "the API server has no metrics.k8s.io (metrics-server brings it)".to_owned(),
            code => format!("the API server answers {code}: {}", status.message),
        }),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

impl PodDetail {
    /// What stands in the pod itself.
    pub(super) fn of(pod: &Pod) -> Self {
        let app = status_of_app(pod);
        let restarts = app.map_or(0, |app| u32::try_from(app.restart_count).unwrap_or(0));
        Self {
            restarts,
            start: app
                .filter(|app| app.restart_count == 0)
                .and_then(|app| start(pod, app)),
            ..Self::default()
        }
    }
}

fn start(pod: &Pod, app: &ContainerStatus) -> Option<PodStart> {
    let asked = pod.metadata.creation_timestamp.as_ref()?.0;
    let ran = (app.state.as_ref()?.running.as_ref()?.started_at.as_ref())?.0;
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let is_ready = |one: &&k8s_openapi::api::core::v1::PodCondition| {
        one.type_ == "Ready" && one.status == "True"
    };
    let ready = conditions.iter().find(is_ready)?;
    let ready = ready.last_transition_time.as_ref()?.0;
    let seconds = |from, to: k8s_openapi::jiff::Timestamp| to.duration_since(from).as_secs_f64();
    Some(PodStart {
        asked_unix_millis: u64::try_from(asked.as_millisecond()).ok()?,
        process_seconds: seconds(asked, ran).max(0.0),
        ready_seconds: seconds(ran, ready).max(0.0),
    })
}

/// The container that is not ours.
fn app_of(pod: &Pod) -> Option<&str> {
    let containers = &pod.spec.as_ref()?.containers;
    let app = (containers.iter()).find(|one| one.name != names::QUEUE_CONTAINER)?;
    Some(&app.name)
}

fn status_of_app(pod: &Pod) -> Option<&ContainerStatus> {
    let app = app_of(pod)?;
    let all = pod.status.as_ref()?.container_statuses.as_ref()?;
    all.iter().find(|one| one.name == app)
}

pub(super) fn last_lines(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.len().saturating_sub(LINES);
    let cut = |line: &&str| {
        let end = line.floor_char_boundary(LINE_BYTES);
        line.get(..end).unwrap_or(line).to_owned()
    };
    lines.iter().skip(last).map(cut).collect()
}

/// What the containers of a pod use, as `metrics.k8s.io` writes it.
#[derive(Deserialize)]
struct Usage {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    usage: BTreeMap<String, String>,
}

async fn usage(client: &Client, namespace: &str, pod: &str) -> kube::Result<Option<f64>> {
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{pod}");
    let request = Request::get(path).body(Vec::new());
    let request = request.map_err(kube::Error::HttpError)?;
    let Usage { containers } = match client.request(request).await {
        // Of a pod that just began to run, or has gone, there is nothing yet or any more.
        Err(kube::Error::Api(status)) if is_of_one(&status) => return Ok(None),
        usage => usage?,
    };
    let memory = containers
        .iter()
        .filter_map(|one| one.usage.get("memory"))
        .map(|text| text.parse().map(|Quantity(bytes)| bytes).ok());
    Ok(memory.sum())
}

/// Whether it is this one that is not there, and not the whole API.
fn is_of_one(status: &kube::core::Status) -> bool {
    let details = status.details.as_ref();
    status.code == 404 && details.is_some_and(|details| !details.name.is_empty())
}
