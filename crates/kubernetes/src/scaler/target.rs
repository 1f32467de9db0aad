// SPDX-License-Identifier: Apache-2.0
//! What is scaled, and its `/scale`.
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use cheerful_manifest::ScaleTargetRef;
use http::{Method, Request, header};
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::{Client, core::GroupVersionKind, discovery::oneshot};
use serde_json::json;

/// Something with a `/scale`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) namespace: String,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// Its `/scale`, as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScaleSeen {
    /// The count that is wanted, whoever wrote it.
    pub(crate) replicas: u32,
    /// The version of the object; a number that grows.
    pub(crate) version: u64,
    /// The label selector of its pods.
    pub(crate) selector: Option<String>,
}

/// Why a `/scale` was not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// Somebody else has changed the count.
    #[error("somebody else has changed the count of {0}")]
    Conflict(String),
    /// There is no such object, or no such kind.
    #[error("{0} is not there")]
    NotFound(String),
    /// Anything else.
    #[error("{0}: {1}")]
    Failed(String, Box<kube::Error>),
    /// What came cannot be used.
    #[error("{0}: {1}")]
    Strange(String, String),
}

impl Target {
    pub(crate) fn deployment(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn of(namespace: &str, reference: &ScaleTargetRef) -> Self {
        let version = reference.api_version.as_deref().unwrap_or("apps/v1");
        Self {
            namespace: namespace.to_owned(),
            api_version: version.to_owned(),
            kind: reference.kind.clone(),
            name: reference.name.clone(),
        }
    }

    /// Whether the pods with the lowest deletion cost go first there.
    pub(crate) fn minds_deletion_cost(&self) -> bool {
        matches!(&*self.kind, "Deployment" | "ReplicaSet") && self.api_version.starts_with("apps/")
    }

    /// For people: `Deployment shop/cart`.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    fn path(&self, plural: &str) -> String {
        let base = if self.api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let (version, namespace, name) = (&self.api_version, &self.namespace, &self.name);
        format!("/{base}/{version}/namespaces/{namespace}/{plural}/{name}/scale")
    }
}

/// Reads and writes `/scale`.
#[derive(Debug, Default)]
pub(crate) struct Scales {
    /// By API version and kind; there are not more than kinds in the cluster.
    plurals: Mutex<BTreeMap<(String, String), String>>,
}

impl Scales {
    pub(crate) async fn get(
        &self,
        client: &Client,
        target: &Target,
    ) -> Result<ScaleSeen, TargetError> {
        let path = target.path(&self.plural(client, target).await?);
        let request = Request::get(path)
            .body(Vec::new())
            .map_err(|error| strange(target, &error))?;
        let scale = client.request::<Scale>(request).await;
        seen(target, scale.map_err(|error| failure(target, error))?)
    }

    /// Writes `replicas` if the count is still `known`. The check is of the count alone: the object's version changes
    /// with every pod that becomes ready, and that is no reason not to scale.
    pub(crate) async fn write(
        &self,
        client: &Client,
        target: &Target,
        known: u32,
        replicas: u32,
    ) -> Result<ScaleSeen, TargetError> {
        let path = target.path(&self.plural(client, target).await?);
        // A count of 0 is left out of what the API server patches.
        let test = if known == 0 {
            json!({"op": "test", "path": "/spec", "value": {}})
        } else {
            json!({"op": "test", "path": "/spec/replicas", "value": known})
        };
        let add = json!({"op": "add", "path": "/spec/replicas", "value": replicas});
        let body = json!([test, add]).to_string().into_bytes();
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json-patch+json")
            .body(body)
            .map_err(|error| strange(target, &error))?;
        let scale = client.request::<Scale>(request).await;
        seen(target, scale.map_err(|error| failure(target, error))?)
    }

    async fn plural(&self, client: &Client, target: &Target) -> Result<String, TargetError> {
        let known = match (&*target.api_version, &*target.kind) {
            ("apps/v1", "Deployment") => Some("deployments"),
            ("apps/v1", "StatefulSet") => Some("statefulsets"),
            ("apps/v1", "ReplicaSet") => Some("replicasets"),
            _ => None,
        };
        if let Some(known) = known {
            return Ok(known.to_owned());
        }
        let key = (target.api_version.clone(), target.kind.clone());
        let found = self.plurals().get(&key).cloned();
        if let Some(plural) = found {
            return Ok(plural);
        }
        let (group, version) = match target.api_version.split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", target.api_version.as_str()),
        };
        let kind = GroupVersionKind::gvk(group, version, &target.kind);
        let (resource, _) = match oneshot::pinned_kind(client, &kind).await {
            Err(kube::Error::Discovery(_)) => {
                let what = format!("the kind {} of {}", target.kind, target.api_version);
                return Err(TargetError::NotFound(what));
            }
            found => found.map_err(|error| failure(target, error))?,
        };
        self.plurals().insert(key, resource.plural.clone());
        Ok(resource.plural)
    }

    fn plurals(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), String>> {
        self.plurals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seen(target: &Target, scale: Scale) -> Result<ScaleSeen, TargetError> {
    let replicas = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
    let version = scale.metadata.resource_version.unwrap_or_default();
    Ok(ScaleSeen {
        replicas: u32::try_from(replicas).map_err(|error| strange(target, &error))?,
        version: version.parse().unwrap_or(0),
        selector: scale.status.and_then(|status| status.selector),
    })
}

fn failure(target: &Target, error: kube::Error) -> TargetError {
    match &error {
        kube::Error::Api(status) if status.code == 404 => TargetError::NotFound(target.shown()),
        kube::Error::Api(status) if matches!(status.code, 409 | 422) => {
            TargetError::Conflict(target.shown())
        }
        _ => TargetError::Failed(target.shown(), Box::new(error)),
    }
}

fn strange(target: &Target, error: &dyn std::error::Error) -> TargetError {
    TargetError::Strange(target.shown(), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_scale() {
        let deployment = Target::deployment("shop", "cart");
        assert_eq!(
            deployment.path("deployments"),
            "/apis/apps/v1/namespaces/shop/deployments/cart/scale"
        );
        let core = Target {
            api_version: "v1".to_owned(),
            kind: "ReplicationController".to_owned(),
            ..deployment
        };
        assert_eq!(
            core.path("replicationcontrollers"),
            "/api/v1/namespaces/shop/replicationcontrollers/cart/scale"
        );
        assert!(!core.minds_deletion_cost());
    }
}
