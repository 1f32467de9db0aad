// SPDX-License-Identifier: Apache-2.0
//! Writes the status of what is scaled, and events.
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use cheerful_wire::{Workload, WorkloadKind};
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    bucket::TokenBucket,
    fleet::{Happening, StatusDue},
    shared::Shared,
};
use crate::{
    names,
    resources::{Autoscaler, Revision},
};

/// Between two looks for what is to be written.
const ROUND: Duration = Duration::from_millis(200);
/// Statuses that are written at once.
const AT_ONCE: usize = 32;
/// Objects whose status is written in a second, and after a rest. A scale does not wait for them.
const STATUSES: (f64, f64) = (100.0, 200.0);
/// Events written in a second, and after a rest.
const EVENTS: (f64, f64) = (25.0, 100.0);
/// Events that wait.
const EVENTS_WAITING: usize = 1024;
/// Bytes of an event's sentence, as the API server takes them.
const NOTE_BYTES: usize = 1024;
/// For one write.
const LIMIT: Duration = Duration::from_secs(10);

/// Writes until dropped.
pub(crate) async fn write(shared: Arc<Shared>, client: Client, pod: String) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let now = shared.now();
    let mut statuses = TokenBucket::new(STATUSES.0, STATUSES.1, now);
    let mut tasks = JoinSet::new();
    let mut events = Events {
        bucket: TokenBucket::new(EVENTS.0, EVENTS.1, now),
        waiting: VecDeque::new(),
        last: BTreeMap::new(),
        pod,
    };
    loop {
        rounds.tick().await;
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!("a write has failed: {error}");
            }
        }
        let now = shared.now();
        let room = AT_ONCE.saturating_sub(tasks.len());
        let room = (0..room).take_while(|_| statuses.take(now)).count();
        let due = shared.fleet().statuses(now, room);
        for due in due {
            let (shared, client) = (Arc::clone(&shared), client.clone());
            tasks.spawn(async move { one(&shared, &client, due).await });
        }
        for event in events.due(&shared, now) {
            let (shared, client) = (Arc::clone(&shared), client.clone());
            tasks.spawn(async move { publish(&shared, &client, event).await });
        }
    }
}

async fn one(shared: &Shared, client: &Client, due: StatusDue) {
    let workload = due.workload.clone();
    let label = match timeout(LIMIT, apply(client, due)).await {
        Ok(Ok(())) => "written",
        // It is about to go.
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => "failed",
        Ok(Err(error)) => {
            tracing::debug!("the status of {workload} is not written: {error}");
            shared.fleet().status_failed(&workload);
            "failed"
        }
        Err(_) => {
            shared.fleet().status_failed(&workload);
            "failed"
        }
    };
    shared.count(|counts| &mut counts.statuses, label);
}

async fn apply(client: &Client, due: StatusDue) -> Result<(), kube::Error> {
    let Workload {
        namespace,
        kind,
        name,
    } = &due.workload;
    let resource = match kind {
        WorkloadKind::Revision => ApiResource::erase::<Revision>(&()),
        WorkloadKind::Autoscaler => ApiResource::erase::<Autoscaler>(&()),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    if let Some(replicas) = due.mirror {
        let patch = json!({"spec": {"replicas": replicas}});
        let params = PatchParams {
            field_manager: Some(names::AUTOSCALER_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        api.patch_scale(name, &params, &Patch::Merge(&patch))
            .await?;
    }
    let mut object = status(&due);
    object["apiVersion"] = json!(resource.api_version);
    object["kind"] = json!(resource.kind);
    let params = PatchParams::apply(names::AUTOSCALER_MANAGER).force();
    api.patch_status(name, &params, &Patch::Apply(&object))
        .await?;
    Ok(())
}

/// What is applied: our fields, and no other's.
fn status(due: &StatusDue) -> Value {
    let written = &due.status;
    let mut status = json!({
        "replicas": written.replicas,
        "scale": written.scale,
        "learned": written.learned,
        "shadow": written.shadow,
    });
    if let Some(condition) = &written.condition {
        status["conditions"] = json!([condition]);
        status["observedGeneration"] = json!(written.generation);
        status["selector"] = json!(written.selector);
    }
    if let Value::Object(fields) = &mut status {
        fields.retain(|_, value| !value.is_null());
    }
    json!({
        "metadata": {"name": due.workload.name, "namespace": due.workload.namespace},
        "status": status,
    })
}

/// Events that wait, and the last sentence of each workload: the same twice is told once.
struct Events {
    bucket: TokenBucket,
    waiting: VecDeque<Happening>,
    last: BTreeMap<Workload, String>,
    pod: String,
}

impl Events {
    fn due(&mut self, shared: &Shared, now: cheerful_scaling::Moment) -> Vec<Event> {
        let news = shared.fleet().happenings();
        for happening in news {
            if self.last.get(&happening.workload) == Some(&happening.sentence) {
                continue;
            }
            if self.waiting.len() >= EVENTS_WAITING {
                shared.count(|counts| &mut counts.events, "dropped");
                continue;
            }
            // So that it does not grow for ever: who comes again is told once more.
            if self.last.len() >= EVENTS_WAITING * 16 {
                self.last.clear();
            }
            self.last
                .insert(happening.workload.clone(), happening.sentence.clone());
            self.waiting.push_back(happening);
        }
        let mut due = Vec::new();
        while !self.waiting.is_empty() && self.bucket.take(now) {
            due.extend(
                self.waiting
                    .pop_front()
                    .map(|happening| event(happening, &self.pod)),
            );
        }
        due
    }
}

fn event(happening: Happening, pod: &str) -> Event {
    let Happening {
        workload,
        uid,
        reason,
        sentence,
    } = happening;
    let now = Timestamp::now();
    let (api_version, kind) = match workload.kind {
        WorkloadKind::Revision => (Revision::api_version(&()), Revision::kind(&())),
        WorkloadKind::Autoscaler => (Autoscaler::api_version(&()), Autoscaler::kind(&())),
    };
    let mut note = sentence;
    while note.len() > NOTE_BYTES {
        note.pop();
    }
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:x}", workload.name, now.as_nanosecond())),
            namespace: Some(workload.namespace.clone()),
            ..ObjectMeta::default()
        },
        regarding: Some(ObjectReference {
            api_version: Some(api_version.into_owned()),
            kind: Some(kind.into_owned()),
            name: Some(workload.name),
            namespace: Some(workload.namespace),
            uid: Some(uid),
            ..ObjectReference::default()
        }),
        event_time: Some(MicroTime(now)),
        type_: Some("Normal".to_owned()),
        reason: Some(reason.to_owned()),
        action: Some("Scale".to_owned()),
        note: Some(note),
        reporting_controller: Some(format!("{}/autoscaler", names::GROUP)),
        reporting_instance: Some(pod.to_owned()),
        ..Event::default()
    }
}

async fn publish(shared: &Shared, client: &Client, event: Event) {
    let namespace = event.metadata.namespace.clone().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let params = PostParams::default();
    let label = match timeout(LIMIT, api.create(&params, &event)).await {
        Ok(Ok(_)) => "written",
        Ok(Err(error)) => {
            tracing::debug!("an event is not written: {error}");
            "failed"
        }
        Err(_) => "failed",
    };
    shared.count(|counts| &mut counts.events, label);
}
