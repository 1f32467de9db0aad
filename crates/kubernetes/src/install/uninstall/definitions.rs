// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    core::NamespaceResourceScope,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Leaving, UninstallError, failed, wait};
use crate::{
    install::{Scope, UNINSTALL_ANNOTATION},
    resources::{self, Autoscaler, Revision},
};

impl Leaving<'_> {
    /// The definitions, and with them all Revisions and Autoscalers. Of an installation for one namespace only those
    /// that are in it, for others use the definitions too.
    pub(super) async fn definitions(&mut self) -> Result<(), UninstallError> {
        if self.scope == Scope::Namespace {
            self.all_of::<Revision>().await?;
            return self.all_of::<Autoscaler>().await;
        }
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let ours = resources::crds()
            .into_iter()
            .filter_map(|crd| crd.metadata.name);
        for name in ours {
            let what = format!("CustomResourceDefinition {name}");
            if api.get_opt(&name).await.map_err(failed(&what))?.is_none() {
                continue;
            }
            if !self.step(&format!("{what}: deleted, and all its objects with it")) {
                continue;
            }
            let marked = Patch::Merge(json!({
                "metadata": {"annotations": {UNINSTALL_ANNOTATION: "true"}},
            }));
            api.patch(&name, &PatchParams::default(), &marked)
                .await
                .map_err(failed(&what))?;
            wait::gone(api.delete(&name, &DeleteParams::default()).await).map_err(failed(&what))?;
            let late = format!("{what} is still there");
            wait::until(&late, Duration::from_secs(120), async || {
                let left = api.get_opt(&name).await.map_err(failed(&what))?;
                Ok(left.is_none())
            })
            .await?;
        }
        Ok(())
    }

    async fn all_of<K>(&mut self) -> Result<(), UninstallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let kind = K::kind(&());
        let api: Api<K> = Api::namespaced(self.client.clone(), &self.options.namespace);
        let what = format!("each {kind} in {}", self.options.namespace);
        match api.list_metadata(&ListParams::default().limit(1)).await {
            Ok(list) if list.items.is_empty() => return Ok(()),
            Ok(_) => {}
            Err(error) if is_unknown(&error) => return Ok(()),
            Err(error) => return Err(failed(&what)(error)),
        }
        if self.step(&format!("{what}: deleted")) {
            api.delete_collection(&DeleteParams::default(), &ListParams::default())
                .await
                .map_err(failed(&what))?;
        }
        Ok(())
    }
}

/// The API server does not know the kind.
pub(super) fn is_unknown(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
