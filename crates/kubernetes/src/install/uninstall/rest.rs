// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Namespace, Pod},
};
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams},
};
use serde_json::{Value, json};

use super::{Leaving, UninstallError, failed, wait};
use crate::{
    install::{Scope, cluster_objects, objects},
    names,
    resources::Revision,
};

impl Leaving<'_> {
    /// All else that was installed or that the roles made for themselves, the last first.
    pub(super) async fn rest(&mut self, revisions: &[Revision]) -> Result<(), UninstallError> {
        let options = self.install_options();
        let mut all = objects(&options);
        if self.scope == Scope::Namespace {
            // Its rights in the cluster. The policy that keeps the definitions stays with them.
            all.extend(cluster_objects(Some(&options)).into_iter().filter(is_role));
        }
        for object in all.iter().rev().filter(|object| !goes_elsewhere(object)) {
            self.delete(object).await?;
        }
        for object in self.made_by_roles().await? {
            self.delete(&object).await?;
        }
        if self.scope == Scope::Cluster {
            self.namespace(revisions).await?;
        }
        Ok(())
    }

    pub(super) async fn delete(&mut self, object: &Value) -> Result<(), UninstallError> {
        let text = |at: &str| {
            object
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        let version = text("/apiVersion");
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let (api, what): (Api<DynamicObject>, String) = match text("/metadata/namespace") {
            "" => (
                Api::all_with(self.client.clone(), &resource),
                format!("{kind} {name}"),
            ),
            namespace => (
                Api::namespaced_with(self.client.clone(), namespace, &resource),
                format!("{kind} {namespace}/{name}"),
            ),
        };
        let found = api.get_metadata_opt(name).await.map_err(failed(&what))?;
        if found.is_some() && self.step(&format!("{what}: deleted")) {
            wait::gone(api.delete(name, &DeleteParams::default()).await).map_err(failed(&what))?;
        }
        Ok(())
    }

    /// Secrets and Leases. Queues in other namespaces keep their ConfigMap, for their pods name it.
    async fn made_by_roles(&self) -> Result<Vec<Value>, UninstallError> {
        let namespace = &self.options.namespace;
        let secret = |name: &str| {
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace},
            })
        };
        let mut made = vec![
            secret(names::AUTOSCALER_TLS_SECRET),
            secret(names::CA_SECRET),
        ];
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), namespace);
        let leases = leases
            .list_metadata(&ListParams::default())
            .await
            .map_err(failed("Leases"))?;
        let ours = leases.items.iter().map(|lease| lease.name_any());
        made.extend(
            ours.filter(|name| is_our_lease(name))
                .map(|name| lease(namespace, &name)),
        );
        Ok(made)
    }

    /// Only what we made, and only when nobody else lives in it.
    async fn namespace(&mut self, revisions: &[Revision]) -> Result<(), UninstallError> {
        let name = self.options.namespace.clone();
        let what = format!("Namespace {name}");
        let api: Api<Namespace> = Api::all(self.client.clone());
        let Some(found) = api.get_opt(&name).await.map_err(failed(&what))? else {
            return Ok(());
        };
        let ours = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get(names::MANAGED_BY_LABEL).map(String::as_str) == Some(names::MANAGED_BY)
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &name);
        let pods = pods
            .list_metadata(&ListParams::default())
            .await
            .map_err(failed(&what))?;
        let lived_in = pods.items.iter().any(|pod| {
            let labels = pod.labels();
            !ours(labels) || labels.contains_key(names::QUEUE_LABEL)
        });
        let has_revision = revisions
            .iter()
            .any(|revision| revision.namespace().as_deref() == Some(&name));
        if !ours(found.labels()) || lived_in || has_revision {
            (self.say)(&format!("{what} stays, for there is more in it"));
        } else if self.step(&format!("{what}: deleted")) {
            wait::gone(api.delete(&name, &DeleteParams::default()).await).map_err(failed(&what))?;
        }
        Ok(())
    }
}

/// Has a step of its own.
fn goes_elsewhere(object: &Value) -> bool {
    object["kind"] == "Namespace" || object["kind"] == "CustomResourceDefinition"
}

fn is_role(object: &Value) -> bool {
    let kinds = ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
    kinds.iter().any(|kind| object["kind"] == *kind)
}

pub(super) fn lease(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
    })
}

/// The controller's, or that of a shard of the autoscaler, however many there were. They are made without labels, so they
/// are known by their names.
fn is_our_lease(name: &str) -> bool {
    let shard = name
        .strip_prefix(names::AUTOSCALER)
        .and_then(|rest| rest.strip_prefix('-'));
    name == names::CONTROLLER
        || shard.is_some_and(|shard| {
            let number = shard.parse().map(names::autoscaler_lease);
            number.is_ok_and(|right| right == name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_ours_by_its_name() {
        for ours in [
            "cheerful-controller",
            "cheerful-autoscaler-0",
            "cheerful-autoscaler-17",
        ] {
            assert!(is_our_lease(ours), "{ours}");
        }
        for other in [
            "cheerful-autoscaler",
            "cheerful-autoscaler-",
            "cheerful-autoscaler-x",
            "cheerful-autoscaler-007",
            "cheerful-autoscaler-+1",
            "cheerful-controller-0",
            "leader",
        ] {
            assert!(!is_our_lease(other), "{other}");
        }
    }
}
