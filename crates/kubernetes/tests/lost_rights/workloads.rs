// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler does for a Revision.
use cheerful_kubernetes::resources::{Revision, ScaleStatus};
use cheerful_rig::cluster::eventually;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, ListParams},
};
use serde_json::{Value, json};

use crate::{house::House, stage::name};

/// Where the cluster keeps what it would cost to let a pod go.
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

impl House {
    /// A Revision `app` that holds a given count.
    pub(crate) async fn hold_one(&self) {
        self.revision("app", json!({"initial": 0, "paused": 1}), json!({}))
            .await;
        self.asked.lock().unwrap().1 = 1;
        eventually("it is scaled", async || {
            self.is_scaled().await.then_some(())
        })
        .await;
    }

    /// Asks for another count than was asked for before, and before that.
    pub(crate) async fn wish(&self) {
        self.wish_for(self.asked_count() % 3 + 1).await;
    }

    async fn wish_for(&self, count: u64) {
        self.asked.lock().unwrap().1 = count;
        let paused = json!({"spec": {"scaling": {"paused": count}}});
        self.change::<Revision>("app", paused).await;
    }

    pub(crate) async fn is_scaled(&self) -> bool {
        let found = self.watched().api::<Deployment>().get_opt("app").await;
        let count = found.unwrap().and_then(|found| found.spec?.replicas);
        count.and_then(|count| u64::try_from(count).ok()) == Some(self.asked_count())
    }

    /// Somebody else writes another count.
    pub(crate) async fn meddle(&self) {
        let five = json!({"spec": {"replicas": 5}});
        self.change::<Deployment>("app", five).await;
    }

    pub(crate) async fn scale_is_told(&self) -> bool {
        self.told().await.wanted == self.count()
    }

    pub(crate) async fn pods_are_counted(&self) -> bool {
        let told = self.told().await;
        told.ready + told.starting == self.count()
    }

    pub(crate) async fn scale_is_mirrored(&self) -> bool {
        let resource = ApiResource::erase::<Revision>(&());
        self.mirrored(&resource, "app").await == self.asked_count()
    }

    /// The count that the scale of one of our own kinds has.
    pub(crate) async fn mirrored(&self, resource: &ApiResource, name: &str) -> Value {
        let client = self.watched().cluster().client();
        let api: Api<DynamicObject> = Api::namespaced_with(client, self.watched().name(), resource);
        api.get(name).await.unwrap().data["spec"]["replicas"].clone()
    }

    pub(crate) async fn wish_and_count_events(&self) {
        let before = self.scale_events().await;
        self.asked.lock().unwrap().0 = before.to_string();
        self.wish().await;
    }

    pub(crate) async fn scale_happened(&self) -> bool {
        let before: usize = self.asked_name().parse().unwrap();
        self.scale_events().await > before
    }

    /// Three pods, and then one. They stay to be looked at when they are deleted.
    pub(crate) async fn step_down(&self) {
        self.wish_for(3).await;
        eventually("three pods are known", async || {
            self.pods_are_counted().await.then_some(())
        })
        .await;
        self.finalizers(json!(["example.com/looked-at"])).await;
        self.wish_for(1).await;
    }

    pub(crate) async fn are_marked(&self) -> bool {
        let marked = |pod: &Pod| {
            let notes = pod.metadata.annotations.as_ref();
            notes.is_some_and(|notes| notes.contains_key(COST))
        };
        let are_marked = self.app_pods().await.iter().any(marked);
        if are_marked {
            self.finalizers(json!([])).await;
        }
        are_marked
    }

    async fn finalizers(&self, finalizers: Value) {
        for pod in self.app_pods().await {
            let leaves = pod.metadata.deletion_timestamp.is_some();
            if leaves && finalizers != json!([]) {
                continue;
            }
            let change = json!({"metadata": {"finalizers": finalizers}});
            self.change::<Pod>(name(&pod), change).await;
        }
    }

    /// Those on their way out too.
    async fn app_pods(&self) -> Vec<Pod> {
        let of = ListParams::default().labels("cheerful.dev/revision=app");
        let api: Api<Pod> = self.watched().api();
        api.list(&of).await.unwrap().items
    }

    async fn scale_events(&self) -> usize {
        self.events("app", "cheerful.dev/autoscaler").await.len()
    }

    async fn told(&self) -> ScaleStatus {
        let found = self.watched().api::<Revision>().get("app").await;
        let status = found.unwrap().status.unwrap_or_default();
        status.scale.unwrap_or_default()
    }

    pub(crate) fn count(&self) -> i32 {
        i32::try_from(self.asked_count()).unwrap()
    }
}
