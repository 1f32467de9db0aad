// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    discovery::oneshot,
};
use serde_json::json;

use super::{Leaving, UninstallError, definitions::is_unknown, failed};
use crate::resources::Autoscaler;

impl Leaving<'_> {
    /// What an Autoscaler scales is its user's and stays as it is, but for one thing: nothing would wake it from zero.
    pub(super) async fn wake_targets(&mut self) -> Result<(), UninstallError> {
        let api: Api<Autoscaler> = self.everywhere();
        let list = match api.list(&ListParams::default()).await {
            Ok(list) => list.items,
            Err(error) if is_unknown(&error) => return Ok(()),
            Err(error) => return Err(failed("Autoscalers")(error)),
        };
        for autoscaler in list {
            self.wake_target(&autoscaler).await?;
        }
        Ok(())
    }

    async fn wake_target(&mut self, autoscaler: &Autoscaler) -> Result<(), UninstallError> {
        let target = &autoscaler.spec.scale_target_ref;
        let namespace = autoscaler.namespace().unwrap_or_default();
        let what = format!("{} {namespace}/{}", target.kind, target.name);
        let version = target.api_version.as_deref().unwrap_or("apps/v1");
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = GroupVersionKind::gvk(group, version, &target.kind);
        let resource: ApiResource = match oneshot::pinned_kind(self.client, &kind).await {
            Ok((resource, _)) => resource,
            Err(error) => {
                (self.say)(&format!("{what} is left as it is: {error}"));
                return Ok(());
            }
        };
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &namespace, &resource);
        let scale: Scale = match api.get_scale(&target.name).await {
            Ok(scale) => scale,
            Err(error) => {
                (self.say)(&format!("{what} is left as it is: {error}"));
                return Ok(());
            }
        };
        let present = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
        if present < 1 && self.step(&format!("{what}: from 0 to 1 replicas")) {
            let one = Patch::Merge(json!({"spec": {"replicas": 1}}));
            api.patch_scale(&target.name, &PatchParams::default(), &one)
                .await
                .map_err(failed(&what))?;
        }
        Ok(())
    }
}
