// SPDX-License-Identifier: Apache-2.0
//! The watches. What comes is trimmed at once; what a watch missed is told apart when it begins anew.
use std::{
    collections::BTreeSet,
    fmt::Debug,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cheerful_scaling::Moment;
use cheerful_wire::{Workload, WorkloadKind};
use futures_util::StreamExt as _;
use k8s_openapi::api::{
    apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::DynamicObject,
    runtime::{
        WatchStreamExt as _,
        utils::Backoff,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;

use super::{
    fleet::{Fleet, SpecSeen},
    object::{ObjectSeen, hpa_target},
    pod::PodSeen,
    shared::Shared,
};
use crate::names;

/// Something that is watched, and what the fleet is told of it.
pub(crate) trait Watched {
    type Object: Resource + Clone + Debug + DeserializeOwned + Send + 'static;
    type Id: Ord;
    const NAME: &'static str;
    fn id(object: &Self::Object) -> Option<Self::Id>;
    fn apply(&self, fleet: &mut Fleet, object: Self::Object, now: Moment);
    fn forget(&self, fleet: &mut Fleet, id: &Self::Id);
    fn known(&self, fleet: &Fleet) -> BTreeSet<Self::Id>;
    /// It has told everything once.
    fn told_all(&self, _fleet: &mut Fleet) {}
}

/// Those that have not told everything once.
#[derive(Debug)]
pub(crate) struct Outstanding(AtomicUsize);

impl Outstanding {
    pub(crate) const fn new(watches: usize) -> Self {
        Self(AtomicUsize::new(watches))
    }
}

/// Between two tries after a gap: this, then twice as long each time up to [`LONGEST_PAUSE`], so that an API server that
/// comes back is soon heard again.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

struct Pause(Duration);

impl Iterator for Pause {
    type Item = Duration;
    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

impl Backoff for Pause {
    fn reset(&mut self) {
        self.0 = PAUSE;
    }
}

/// Watches until dropped.
pub(crate) async fn follow<W: Watched>(
    watched: W,
    api: Api<W::Object>,
    config: watcher::Config,
    shared: Arc<Shared>,
    outstanding: Option<Arc<Outstanding>>,
) where
    <W::Object as Resource>::DynamicType: Clone,
{
    let mut events = pin!(watcher(api, config).backoff(Pause(PAUSE)));
    let mut listed: BTreeSet<W::Id> = BTreeSet::new();
    let mut begun = 0_u64;
    while let Some(event) = events.next().await {
        let now = shared.now();
        match event {
            Ok(Event::Init) => {
                listed.clear();
                if begun > 0 {
                    shared.count(|counts| &mut counts.watch_restarts, W::NAME);
                }
            }
            Ok(Event::InitApply(object)) => {
                listed.extend(W::id(&object));
                watched.apply(&mut shared.fleet(), object, now);
            }
            Ok(Event::InitDone) => {
                let mut fleet = shared.fleet();
                for id in watched.known(&fleet).difference(&listed) {
                    watched.forget(&mut fleet, id);
                }
                listed.clear();
                begun += 1;
                watched.told_all(&mut fleet);
                let last = |left: &Arc<Outstanding>| left.0.fetch_sub(1, Ordering::AcqRel) == 1;
                if begun == 1 && outstanding.as_ref().is_some_and(last) {
                    fleet.synced();
                }
            }
            Ok(Event::Apply(object)) => watched.apply(&mut shared.fleet(), object, now),
            Ok(Event::Delete(object)) => {
                if let Some(id) = W::id(&object) {
                    watched.forget(&mut shared.fleet(), &id);
                }
            }
            Err(error) => {
                shared.count(|counts| &mut counts.watch_failures, W::NAME);
                tracing::warn!("the watch of {} has a gap: {error}", W::NAME);
            }
        }
        shared.news.notify_one();
    }
}

#[derive(Debug)]
pub(crate) struct Revisions;
#[derive(Debug)]
pub(crate) struct Autoscalers;
#[derive(Debug)]
pub(crate) struct Pods;
#[derive(Debug)]
pub(crate) struct Deployments;
#[derive(Debug)]
pub(crate) struct Hpas;
/// The pods of an Autoscaler's target, which have no label of ours.
#[derive(Debug)]
pub(crate) struct TargetPods(pub(crate) Workload);

impl Watched for Revisions {
    type Object = DynamicObject;
    type Id = Workload;
    const NAME: &'static str = "revisions";
    fn id(object: &DynamicObject) -> Option<Workload> {
        workload(object, WorkloadKind::Revision)
    }
    fn apply(&self, fleet: &mut Fleet, object: DynamicObject, now: Moment) {
        if let Some(seen) = ObjectSeen::revision(object) {
            fleet.object(seen, now);
        }
    }
    fn forget(&self, fleet: &mut Fleet, id: &Workload) {
        fleet.object_gone(id);
    }
    fn known(&self, fleet: &Fleet) -> BTreeSet<Workload> {
        fleet.objects(WorkloadKind::Revision)
    }
}

impl Watched for Autoscalers {
    type Object = DynamicObject;
    type Id = Workload;
    const NAME: &'static str = "autoscalers";
    fn id(object: &DynamicObject) -> Option<Workload> {
        workload(object, WorkloadKind::Autoscaler)
    }
    fn apply(&self, fleet: &mut Fleet, object: DynamicObject, now: Moment) {
        if let Some(seen) = ObjectSeen::autoscaler(object) {
            fleet.object(seen, now);
        }
    }
    fn forget(&self, fleet: &mut Fleet, id: &Workload) {
        fleet.object_gone(id);
    }
    fn known(&self, fleet: &Fleet) -> BTreeSet<Workload> {
        fleet.objects(WorkloadKind::Autoscaler)
    }
}

impl Watched for Pods {
    type Object = Pod;
    type Id = (String, String);
    const NAME: &'static str = "pods";
    fn id(object: &Pod) -> Option<Self::Id> {
        place(object)
    }
    fn apply(&self, fleet: &mut Fleet, object: Pod, now: Moment) {
        let id = place(&object);
        match (PodSeen::of(object), id) {
            (Some(seen), _) => fleet.pod(seen, now),
            // Its labels have been taken away.
            (None, Some((namespace, name))) => fleet.pod_gone(&namespace, &name),
            (None, None) => {}
        }
    }
    fn forget(&self, fleet: &mut Fleet, (namespace, name): &Self::Id) {
        fleet.pod_gone(namespace, name);
    }
    fn known(&self, fleet: &Fleet) -> BTreeSet<Self::Id> {
        fleet.pods()
    }
}

impl Watched for Deployments {
    type Object = Deployment;
    type Id = Workload;
    const NAME: &'static str = "deployments";
    fn id(object: &Deployment) -> Option<Workload> {
        // The autoscaler of a Revision has its label too, and another name.
        let revision = object.labels().get(names::REVISION_LABEL)?;
        let (namespace, name) = place(object)?;
        (*revision == name).then_some(Workload {
            namespace,
            kind: WorkloadKind::Revision,
            name,
        })
    }
    fn apply(&self, fleet: &mut Fleet, object: Deployment, _now: Moment) {
        let Some(workload) = Self::id(&object) else {
            return;
        };
        let replicas = object.spec.as_ref().and_then(|spec| spec.replicas);
        let spec = SpecSeen {
            replicas: replicas
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(1),
            version: object
                .resource_version()
                .and_then(|version| version.parse().ok())
                .unwrap_or(0),
        };
        fleet.spec(&workload, spec);
    }
    fn forget(&self, fleet: &mut Fleet, id: &Workload) {
        fleet.spec_gone(id);
    }
    fn known(&self, fleet: &Fleet) -> BTreeSet<Workload> {
        fleet.deployments()
    }
}

impl Watched for Hpas {
    type Object = HorizontalPodAutoscaler;
    type Id = (String, String);
    const NAME: &'static str = "horizontalpodautoscalers";
    fn id(object: &HorizontalPodAutoscaler) -> Option<Self::Id> {
        place(object)
    }
    fn apply(&self, fleet: &mut Fleet, object: HorizontalPodAutoscaler, _now: Moment) {
        if let Some((namespace, name)) = place(&object) {
            fleet.hpa(&namespace, &name, hpa_target(&object));
        }
    }
    fn forget(&self, fleet: &mut Fleet, (namespace, name): &Self::Id) {
        fleet.hpa(namespace, name, None);
    }
    fn known(&self, fleet: &Fleet) -> BTreeSet<Self::Id> {
        fleet.hpas()
    }
}

impl Watched for TargetPods {
    type Object = Pod;
    type Id = String;
    const NAME: &'static str = "target_pods";
    fn id(object: &Pod) -> Option<String> {
        object.metadata.name.clone()
    }
    fn apply(&self, fleet: &mut Fleet, object: Pod, now: Moment) {
        if let Some(seen) = PodSeen::of_target(object, &self.0) {
            fleet.target_pod(seen, now);
        }
    }
    fn forget(&self, fleet: &mut Fleet, name: &String) {
        fleet.target_pod_gone(&self.0, name);
    }
    fn known(&self, fleet: &Fleet) -> BTreeSet<String> {
        fleet.target_pods(&self.0)
    }
    fn told_all(&self, fleet: &mut Fleet) {
        fleet.target_pods_told(&self.0);
    }
}

fn workload(object: &DynamicObject, kind: WorkloadKind) -> Option<Workload> {
    Some(Workload {
        namespace: object.metadata.namespace.clone()?,
        kind,
        name: object.metadata.name.clone()?,
    })
}

fn place<K: Resource>(object: &K) -> Option<(String, String)> {
    let metadata = object.meta();
    Some((metadata.namespace.clone()?, metadata.name.clone()?))
}
