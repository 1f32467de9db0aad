// SPDX-License-Identifier: Apache-2.0
//! What is kept of each object that is watched.
use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    net::IpAddr,
};

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Pod, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::ResourceExt as _;
use serde::Serialize;
use serde_json::Value;

use super::Key;
use crate::{
    names,
    objects::{AddressType, Endpoint, PodTrouble},
    resources::{Revision, ScaleStatus},
};

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ownership {
    /// The Revision that it names by its label.
    pub(super) revision: Option<String>,
    /// Its controller: kind, name, uid.
    pub(super) controller: Option<(String, String, String)>,
    managed: bool,
}

/// An object that we apply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Applied<T> {
    pub(super) ownership: Ownership,
    /// Of all that could drift.
    pub(super) fingerprint: u64,
    pub(super) of: T,
}

/// Of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServiceView {
    pub(super) cluster_ip: Option<IpAddr>,
    pub(super) family: AddressType,
    pub(super) uid: String,
}

/// Of an EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SliceView {
    /// The value of [`names::PATH_LABEL`].
    pub(super) path: String,
    /// Those that are ready.
    pub(super) endpoints: Vec<Endpoint>,
}

/// Of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodView {
    pub(super) revision: Option<String>,
    pub(super) trouble: Option<PodTrouble>,
}

impl Ownership {
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        let label = |name: &str| metadata.labels.as_ref().and_then(|labels| labels.get(name));
        let controller = metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| (owner.kind.clone(), owner.name.clone(), owner.uid.clone()));
        Self {
            revision: label(names::REVISION_LABEL).cloned(),
            controller,
            managed: label(names::MANAGED_BY_LABEL).is_some_and(|by| by == names::MANAGED_BY),
        }
    }

    /// Why it may not be taken for this Revision's; `None`: it may.
    pub(super) fn objection(&self, revision: &Revision) -> Option<String> {
        let uid = revision.uid().unwrap_or_default();
        match &self.controller {
            Some((_, _, owner)) if *owner == uid => None,
            Some((kind, name, _))
                if kind == cheerful_manifest::KIND && *name == revision.name_any() =>
            {
                Some(
                    "still belongs to the Revision of that name that was deleted, and goes with it"
                        .to_owned(),
                )
            }
            Some((kind, name, _)) => Some(format!("belongs to {kind} {name}")),
            // What an uninstall left behind is taken back.
            None if self.managed && self.revision.as_deref() == Some(&revision.name_any()) => None,
            None => Some("is somebody else's: it does not have our labels".to_owned()),
        }
    }
}

pub(super) fn key(metadata: &ObjectMeta) -> Key {
    Key {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

/// Without what changes often and does not concern the controller.
pub(super) fn revision(mut object: Revision) -> (Key, Revision) {
    object.metadata.managed_fields = None;
    object.metadata.resource_version = None;
    object.spec.replicas = None;
    if let Some(status) = &mut object.status {
        status.replicas = None;
        status.scale = status.scale.take().map(|scale| ScaleStatus {
            path: scale.path,
            ..ScaleStatus::default()
        });
    }
    (key(&object.metadata), object)
}

pub(super) fn deployment(mut object: Deployment) -> (Key, Applied<Deployment>) {
    let fingerprint = fingerprint(&object);
    let ownership = Ownership::of(&object.metadata);
    let key = key(&object.metadata);
    let replicas = object.spec.as_ref().and_then(|spec| spec.replicas);
    let managed = object.metadata.managed_fields.take().map(|fields| {
        let ours = |by: Option<&str>| by == Some(names::CONTROLLER_MANAGER);
        let fields = fields
            .into_iter()
            .filter(|entry| ours(entry.manager.as_deref()));
        fields.collect()
    });
    let conditions = object.status.take().and_then(|status| status.conditions);
    let mut of = Deployment::default();
    of.metadata.managed_fields = managed;
    of.spec.get_or_insert_default().replicas = replicas;
    of.status.get_or_insert_default().conditions = conditions.map(|conditions| {
        conditions
            .into_iter()
            .map(|mut condition| {
                condition.last_update_time = None;
                condition
            })
            .collect()
    });
    let applied = Applied {
        ownership,
        fingerprint,
        of,
    };
    (key, applied)
}

pub(super) fn service(object: Service) -> (Key, Applied<ServiceView>) {
    let spec = object.spec.as_ref();
    let cluster_ip = spec
        .and_then(|spec| spec.cluster_ip.as_ref())
        .and_then(|text| text.parse::<IpAddr>().ok());
    let family = match cluster_ip {
        Some(IpAddr::V6(_)) => AddressType::IPv6,
        _ => AddressType::IPv4,
    };
    let applied = Applied {
        ownership: Ownership::of(&object.metadata),
        fingerprint: fingerprint(&object),
        of: ServiceView {
            cluster_ip,
            family,
            uid: object.uid().unwrap_or_default(),
        },
    };
    (key(&object.metadata), applied)
}

pub(super) fn slice(object: EndpointSlice) -> (Key, Applied<SliceView>) {
    let fingerprint = fingerprint(&object);
    let path = object.labels().get(names::PATH_LABEL).cloned();
    let endpoints = object
        .endpoints
        .iter()
        .filter(|endpoint| {
            let conditions = endpoint.conditions.as_ref();
            conditions
                .and_then(|conditions| conditions.ready)
                .unwrap_or(true)
        })
        .filter_map(|endpoint| {
            let pod = endpoint
                .target_ref
                .as_ref()
                .filter(|target| target.kind.as_deref() == Some("Pod"));
            Some(Endpoint {
                address: endpoint.addresses.first()?.parse().ok()?,
                pod: pod.and_then(|pod| Some((pod.namespace.clone()?, pod.name.clone()?))),
                node: endpoint.node_name.clone(),
                zone: endpoint.zone.clone(),
            })
        })
        .collect();
    let applied = Applied {
        ownership: Ownership::of(&object.metadata),
        fingerprint,
        of: SliceView {
            path: path.unwrap_or_default(),
            endpoints,
        },
    };
    (key(&object.metadata), applied)
}

pub(super) fn pod(object: Pod) -> (Key, PodView) {
    let going = object.metadata.deletion_timestamp.is_some();
    let view = PodView {
        revision: object.labels().get(names::REVISION_LABEL).cloned(),
        trouble: PodTrouble::of(&object).filter(|_| !going),
    };
    (key(&object.metadata), view)
}

/// Of all in an object that somebody could change behind our back; not of its status, nor of the replicas, which are
/// the autoscaler's.
pub(super) fn fingerprint(object: &impl Serialize) -> u64 {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("replicas");
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| {
                ["labels", "annotations", "ownerReferences"].contains(&name.as_str())
            });
            if let Some(notes) = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut)
            {
                notes.retain(|name, _| !name.starts_with("deployment.kubernetes.io/"));
            }
        }
    }
    hash(&value.to_string())
}

pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
