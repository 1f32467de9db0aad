// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    discovery::oneshot,
};
use serde_json::{Value, json};

use super::{Leaving, UninstallError, definitions::is_unknown, failed};
use crate::{install::Scope, resources::Autoscaler};

impl Leaving<'_> {
    /// What an Autoscaler scales is its user's and stays as it is, but for one thing: nothing would wake it from zero.
    pub(super) async fn wake_targets(&mut self) -> Result<(), UninstallError> {
        // As it is kept, for another version may have written what ours cannot read.
        let resource = ApiResource::erase::<Autoscaler>(&());
        let api: Api<DynamicObject> = match self.scope {
            Scope::Namespace => {
                let own = &self.options.namespace;
                Api::namespaced_with(self.client.clone(), own, &resource)
            }
            Scope::Cluster => Api::all_with(self.client.clone(), &resource),
        };
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

    async fn wake_target(&mut self, autoscaler: &DynamicObject) -> Result<(), UninstallError> {
        let namespace = autoscaler.namespace().unwrap_or_default();
        let Some(Target {
            group,
            version,
            kind,
            name,
        }) = Target::of(autoscaler)
        else {
            let name = autoscaler.name_any();
            (self.say)(&format!(
                "what Autoscaler {namespace}/{name} scales is left as it is: its spec.scaleTargetRef cannot be read, should \
                 have kind and name"
            ));
            return Ok(());
        };
        let what = format!("{kind} {namespace}/{name}");
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource: ApiResource = match oneshot::pinned_kind(self.client, &kind).await {
            Ok((resource, _)) => resource,
            Err(error) => {
                (self.say)(&format!("{what} is left as it is: {error}"));
                return Ok(());
            }
        };
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &namespace, &resource);
        let scale: Scale = match api.get_scale(name).await {
            Ok(scale) => scale,
            Err(error) => {
                (self.say)(&format!("{what} is left as it is: {error}"));
                return Ok(());
            }
        };
        let present = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
        if present < 1 && self.step(&format!("{what}: from 0 to 1 replicas")) {
            let one = Patch::Merge(json!({"spec": {"replicas": 1}}));
            api.patch_scale(name, &PatchParams::default(), &one)
                .await
                .map_err(failed(&what))?;
        }
        Ok(())
    }
}

/// What an Autoscaler names.
#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    name: &'a str,
}

impl<'a> Target<'a> {
    fn of(autoscaler: &'a DynamicObject) -> Option<Self> {
        let reference = autoscaler.data.get("spec")?.get("scaleTargetRef")?;
        let text = |field: &str| reference.get(field).and_then(Value::as_str);
        let version = text("apiVersion").unwrap_or("apps/v1");
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        Some(Self {
            group,
            version,
            kind: text("kind")?,
            name: text("name")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn autoscaler(spec: &Value) -> DynamicObject {
        let object = json!({"metadata": {"name": "cart"}, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn what_is_scaled_is_read_whatever_else_a_newer_version_has_written() {
        let newer = autoscaler(&json!({
            "mode": "Dreaming", "scaling": {"max": {"of": "all"}},
            "scaleTargetRef": {"kind": "Deployment", "name": "cart", "shard": 3},
        }));
        let cart = Target {
            group: "apps",
            version: "v1",
            kind: "Deployment",
            name: "cart",
        };
        assert_eq!(Target::of(&newer), Some(cart));
        let core = json!({"apiVersion": "v1", "kind": "ReplicationController", "name": "old"});
        let core = autoscaler(&json!({"scaleTargetRef": core}));
        let core = Target::of(&core).map(|target| (target.group, target.version));
        assert_eq!(core, Some(("", "v1")));
        for none in [
            json!(null),
            json!({}),
            json!({"scaleTargetRef": {"name": 5}}),
        ] {
            assert_eq!(Target::of(&autoscaler(&none)), None);
        }
    }
}
