// SPDX-License-Identifier: Apache-2.0
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::metadata;
use crate::{names, resources::Revision};

/// The headless Service by which Kubernetes tells which of a Revision's pods are ready. It is for us, not for users.
#[must_use]
pub fn private_service(revision: &Revision) -> Value {
    let name = revision.name_any();
    let mut metadata = metadata(revision, &names::private_service(&name), false);
    metadata["labels"][names::PATH_LABEL] = json!(names::PATH_PRIVATE);
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "clusterIP": "None",
            "selector": {names::REVISION_LABEL: name},
            "ports": [{
                "name": names::SERVICE_PORT_NAME,
                "port": names::SERVICE_PORT,
                "protocol": "TCP",
                "targetPort": names::QUEUE_PORT,
            }],
        },
    })
}

/// The Service that users call. It has no selector: we say where it leads.
#[must_use]
pub fn public_service(revision: &Revision) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(revision, &revision.name_any(), true),
        "spec": {
            "type": "ClusterIP",
            "ports": [{
                "name": names::SERVICE_PORT_NAME,
                "port": names::SERVICE_PORT,
                "protocol": "TCP",
                "targetPort": names::QUEUE_PORT,
            }],
        },
    })
}
