// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler does for an Autoscaler and its target.
use cheerful_kubernetes::resources::{Autoscaler, AutoscalerStatus};
use cheerful_rig::cluster::eventually;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use kube::{Api, api::ApiResource};
use serde_json::json;

use crate::{
    feature::Target,
    house::{House, homeless},
};

impl Target {
    const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::ReplicaSet];

    /// The first one of the kind, and its Autoscaler.
    const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::ReplicaSet => "replicaset",
        }
    }
}

impl House {
    /// One of each kind.
    pub(crate) async fn adopt(&self) {
        for target in Target::ALL {
            self.target(target, target.name()).await;
            eventually("it is scaled", async || {
                self.target_is_scaled(target).await.then_some(())
            })
            .await;
        }
    }

    pub(crate) async fn new_target(&self, target: Target) {
        let name = self.new_name(target.name());
        self.target(target, &name).await;
    }

    /// Asks for two replicas of one that has one.
    async fn target(&self, target: Target, name: &str) {
        *self.asked.lock().unwrap() = (name.to_owned(), 2);
        let labels = json!({"app": name});
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": format!("{target:?}"), "metadata": {"name": name},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": homeless()},
            },
        });
        if let Target::StatefulSet = target {
            workload["spec"]["serviceName"] = json!(name);
        }
        let autoscaler = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": name},
            "spec": {
                "scaleTargetRef": {"kind": format!("{target:?}"), "name": name},
                "scaling": {"paused": 2},
            },
        });
        let both = format!("{workload}\n---\n{autoscaler}\n");
        self.watched().apply(&both).await;
    }

    /// Asks for another count of the first one of a kind, which it did not have before either.
    pub(crate) async fn wish_of(&self, target: Target) {
        let now = self.replicas(target, target.name()).await;
        let count = u64::try_from(now).unwrap() % 3 + 1;
        *self.asked.lock().unwrap() = (target.name().to_owned(), count);
        let paused = json!({"spec": {"scaling": {"paused": count}}});
        self.change::<Autoscaler>(target.name(), paused).await;
    }

    pub(crate) async fn target_is_scaled(&self, target: Target) -> bool {
        self.replicas(target, &self.asked_name()).await == self.count()
    }

    async fn replicas(&self, target: Target, name: &str) -> i32 {
        let space = self.watched();
        let found = match target {
            Target::Deployment => {
                let found = space.api::<Deployment>().get(name).await.unwrap();
                found.spec.and_then(|spec| spec.replicas)
            }
            Target::StatefulSet => {
                let found = space.api::<StatefulSet>().get(name).await.unwrap();
                found.spec.and_then(|spec| spec.replicas)
            }
            Target::ReplicaSet => {
                let found = space.api::<ReplicaSet>().get(name).await.unwrap();
                found.spec.and_then(|spec| spec.replicas)
            }
        };
        found.unwrap()
    }

    pub(crate) async fn target_is_told(&self) -> bool {
        let told = self.status_of(Target::Deployment).await.scale;
        told.is_some_and(|scale| scale.wanted == self.count())
    }

    pub(crate) async fn target_is_mirrored(&self) -> bool {
        let resource = ApiResource::erase::<Autoscaler>(&());
        let name = Target::Deployment.name();
        self.mirrored(&resource, name).await == self.asked_count()
    }

    pub(crate) async fn new_hpa(&self, target: Target) {
        let name = target.name();
        let object = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": format!("{target:?}"), "name": name},
                "minReplicas": 1, "maxReplicas": 2,
            },
        });
        self.watched().apply(&object.to_string()).await;
    }

    pub(crate) async fn is_left_alone(&self, target: Target) -> bool {
        let conditions = self.status_of(target).await.conditions;
        conditions
            .iter()
            .any(|one| one.type_ == "Ready" && one.reason == "ScaledByOther")
    }

    /// One that is scaled by the CPU of its pods.
    pub(crate) async fn new_measured(&self) {
        let name = self.new_name("measured");
        self.target(Target::Deployment, &name).await;
        let cpu = json!({"spec": {"signal": {"cpu": {"target": 70}}}});
        self.change::<Autoscaler>(&name, cpu).await;
    }

    /// Whether it was answered; there may be nobody who measures.
    pub(crate) async fn may_measure(&self) -> bool {
        let api: Api<Autoscaler> = self.watched().api();
        let status = api.get(&self.asked_name()).await.unwrap().status;
        let signals = status
            .and_then(|status| status.scale)
            .map(|scale| scale.signals);
        signals.iter().flatten().any(|signal| {
            let why = signal.unread.as_deref();
            signal.value.is_some() || why.is_some_and(|why| !why.contains("forbidden"))
        })
    }

    async fn status_of(&self, target: Target) -> AutoscalerStatus {
        let api: Api<Autoscaler> = self.watched().api();
        api.get(target.name())
            .await
            .unwrap()
            .status
            .unwrap_or_default()
    }
}
