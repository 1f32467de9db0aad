// SPDX-License-Identifier: Apache-2.0
//! What a Revision becomes, as plain functions: objects as they are applied, the way of its requests, its conditions.
mod conditions;
mod dedicated;
mod deployment;
mod probe;
mod route;
mod services;
mod sidecar;
mod slices;
mod way;

pub use conditions::{Given, PodTrouble, Verdict, conditions, verdict};
pub(crate) use dedicated::subject;
pub use dedicated::{Dedicated, dedicated_autoscaler, dedicated_service};
pub use deployment::{Replicas, deployment, replicas};
pub use route::{hosts, route_config};
pub use services::{private_service, public_service};
pub use sidecar::{QueueSettings, TemplateError, add_queue};
pub use slices::{AddressType, Endpoint, MAX_ENDPOINTS, slice};
pub use way::{Way, WayInput};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::{names, resources::Revision};

/// The owner reference of what belongs to a Revision: it goes when the Revision goes, and blocks nothing.
#[must_use]
pub fn owner(revision: &Revision) -> OwnerReference {
    OwnerReference {
        api_version: cheerful_manifest::API_VERSION.to_owned(),
        kind: cheerful_manifest::KIND.to_owned(),
        name: revision.name_any(),
        uid: revision.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}

/// The metadata of an object of a Revision: its own labels and annotations are passed on where `passed_on`, ours beside
/// them.
fn metadata(revision: &Revision, name: &str, passed_on: bool) -> Value {
    let mut labels = json!({});
    let mut annotations = json!({});
    if passed_on {
        labels = json!(revision.labels());
        annotations = json!(revision.annotations());
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.retain(|key, _| !key.starts_with("kubectl.kubernetes.io/"));
        }
    }
    labels[names::REVISION_LABEL] = json!(revision.name_any());
    labels[names::MANAGED_BY_LABEL] = json!(names::MANAGED_BY);
    json!({
        "name": name,
        "namespace": revision.namespace(),
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owner(revision)],
    })
}

#[cfg(test)]
mod tests;
