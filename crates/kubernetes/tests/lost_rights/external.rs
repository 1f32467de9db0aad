// SPDX-License-Identifier: Apache-2.0
//! The API for HPAs, which a cluster has once.
use cheerful_kubernetes::names;
use cheerful_rig::cluster::eventually;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use crate::house::House;

impl House {
    /// It is registered, and answers.
    pub(crate) async fn keep_registered(&self) {
        eventually("the API for HPAs is registered", async || {
            self.is_registered().await.then_some(())
        })
        .await;
        eventually("it answers", async || {
            self.hpas_are_answered().await.then_some(())
        })
        .await;
    }

    pub(crate) async fn spoil_registration(&self, gone: bool) {
        if gone {
            return self.unregister().await;
        }
        let nobodys = json!({"spec": {"caBundle": "bm9ib2R5"}});
        let change = Patch::Merge(nobodys);
        let name = names::EXTERNAL_METRICS_API;
        let parameters = PatchParams::default();
        self.registrations()
            .patch(name, &parameters, &change)
            .await
            .unwrap();
    }

    /// One that is left behind would break the discovery of the whole cluster.
    pub(crate) async fn unregister(&self) {
        let name = names::EXTERNAL_METRICS_API;
        let now = DeleteParams::default();
        self.registrations().delete(name, &now).await.unwrap();
    }

    /// With the certificates of an authority.
    pub(crate) async fn is_registered(&self) -> bool {
        let registrations = self.registrations();
        let found = registrations.get_opt(names::EXTERNAL_METRICS_API).await;
        let spec = found.unwrap().and_then(|found| found.spec);
        let authorities = spec.and_then(|spec| spec.ca_bundle);
        authorities.is_some_and(|given| given.0.starts_with(b"-----BEGIN CERTIFICATE"))
    }

    pub(crate) async fn hpas_are_answered(&self) -> bool {
        let path = "/apis/external.metrics.k8s.io/v1beta1";
        let ask = ["get", "--raw", path];
        let asked = self.stage.namespace.kubectl(&ask).await;
        asked.is_ok_and(|list| list.contains("cheerful_wanted_replicas"))
    }

    fn registrations(&self) -> Api<APIService> {
        Api::all(self.stage.namespace.cluster().client())
    }
}
