// SPDX-License-Identifier: Apache-2.0
//! What the controller does in a namespace that is not its own, and for autoscalers that serve one Revision alone.
use cheerful_kubernetes::{names, resources::Revision};
use cheerful_rig::cluster::eventually;
use k8s_openapi::api::{
    core::v1::{ConfigMap, Service, ServiceAccount},
    rbac::v1::{ClusterRoleBinding, RoleBinding},
};
use kube::Api;
use serde_json::json;

use crate::house::House;

impl House {
    /// An Autoscaler, whose queues have nothing to trust yet.
    pub(crate) async fn autoscaler_alone(&self) {
        self.delete::<ConfigMap>(names::CA_CONFIG_MAP).await;
        let object = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": "alone"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "nothing"}},
        });
        self.watched().apply(&object.to_string()).await;
    }

    pub(crate) async fn new_dedicated(&self) {
        let name = self.new_name("own");
        let dedicated = json!({"autoscaler": "dedicated"});
        self.revision(&name, json!({"initial": 0}), dedicated).await;
    }

    pub(crate) async fn spoil_own_certificate(&self, gone: bool) {
        self.spoil_certificate(gone).await;
        self.new_dedicated().await;
    }

    /// One of its own, and then no longer.
    pub(crate) async fn back_to_shared(&self) {
        self.new_dedicated().await;
        eventually("it has an autoscaler of its own", async || {
            self.has_own_rights().await.then_some(())
        })
        .await;
        let shared = json!({"spec": {"autoscaler": "shared"}});
        self.change::<Revision>(&self.asked_name(), shared).await;
    }

    pub(crate) async fn is_shared(&self) -> bool {
        let services: Api<Service> = self.watched().api();
        services.get_opt(&self.own()).await.unwrap().is_none()
    }

    pub(crate) async fn has_own_account(&self) -> bool {
        let accounts: Api<ServiceAccount> = self.watched().api();
        accounts.get_opt(&self.own()).await.unwrap().is_some()
    }

    pub(crate) async fn has_own_rights(&self) -> bool {
        let bindings: Api<RoleBinding> = self.watched().api();
        bindings.get_opt(&self.own()).await.unwrap().is_some()
    }

    pub(crate) async fn has_own_certificate(&self) -> bool {
        self.is_signed().await
    }

    pub(crate) async fn has_own_reviews(&self) -> bool {
        let client = self.watched().cluster().client();
        let bindings: Api<ClusterRoleBinding> = Api::all(client);
        let name = names::cluster_role(names::TOKEN_REVIEW_ROLE, Some(self.home()));
        let subjects = bindings.get(&name).await.unwrap().subjects;
        let own = self.own();
        subjects.into_iter().flatten().any(|one| one.name == own)
    }

    /// The name of the autoscaler that was asked for last.
    fn own(&self) -> String {
        names::dedicated_autoscaler(&self.asked_name())
    }
}
