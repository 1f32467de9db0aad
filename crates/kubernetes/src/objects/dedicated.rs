// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::metadata;
use crate::{
    names,
    own_image::{USER, field, probes, restricted, signal_files},
    resources::Revision,
};

/// What an autoscaler that serves one Revision alone is made with.
#[derive(Clone, Copy, Debug)]
pub struct Dedicated<'a> {
    /// Our own image.
    pub image: &'a str,
    /// Where the gateways are.
    pub system: &'a str,
    /// The name of the ClusterRole with what it may do in its namespace.
    pub role: &'a str,
    /// Its Service: what all the rest goes with.
    pub service: &'a OwnerReference,
}

/// One leads, and the other is warm.
const REPLICAS: u32 = 2;
/// What it is by [`names::COMPONENT_LABEL`]: another than the shared one, whose Service must not find it.
const COMPONENT: &str = "dedicated-autoscaler";

/// The headless Service of an autoscaler that serves this Revision alone. It goes with the Revision, or when it is deleted
/// because the shared one serves again; the rest goes with it.
#[must_use]
pub fn dedicated_service(revision: &Revision) -> Value {
    let service = names::dedicated_autoscaler(&revision.name_any());
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(revision, &service, false),
        "spec": {
            // Every queue reports to each replica, so it has to see their addresses.
            "clusterIP": "None",
            "selector": {names::DEDICATED_LABEL: revision.name_any()},
            "ports": [{
                "name": "reports",
                "port": names::REPORTS_PORT,
                "targetPort": "reports",
                "protocol": "TCP",
            }],
        },
    })
}

/// The rest of it: service account, role binding, Deployment.
#[must_use]
pub fn dedicated_autoscaler(revision: &Revision, with: &Dedicated<'_>) -> [Value; 3] {
    let name = names::dedicated_autoscaler(&revision.name_any());
    let mut metadata = metadata(revision, &name, false);
    metadata["ownerReferences"] = json!([with.service]);
    let labels = json!({
        "app.kubernetes.io/name": names::MANAGED_BY,
        names::COMPONENT_LABEL: COMPONENT,
        names::MANAGED_BY_LABEL: names::MANAGED_BY,
        names::DEDICATED_LABEL: revision.name_any(),
    });
    let [files, _] = signal_files();
    let selector = json!({"matchLabels": {names::DEDICATED_LABEL: revision.name_any()}});
    [
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata,
            // The pods that need it say so.
            "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": with.role,
            },
            "subjects": [subject(&revision.namespace().unwrap_or_default(), &name)],
        }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": REPLICAS,
                "revisionHistoryLimit": 3,
                "selector": selector,
                // The next is there before the last goes.
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "serviceAccountName": name,
                        "automountServiceAccountToken": true,
                        "securityContext": {
                            "runAsNonRoot": true,
                            "runAsUser": USER,
                            "runAsGroup": USER,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "topologySpreadConstraints": [{
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            // One node must do, too.
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": selector,
                        }],
                        "containers": [container(revision, with)],
                        "volumes": [files],
                    },
                },
            },
        }),
    ]
}

/// As a binding names a service account.
pub(crate) fn subject(namespace: &str, name: &str) -> Value {
    json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
}

fn container(revision: &Revision, with: &Dedicated<'_>) -> Value {
    let namespace = revision.namespace().unwrap_or_default();
    let [live, ready] = probes();
    let [_, files] = signal_files();
    json!({
        "name": "autoscaler",
        "image": with.image,
        "args": [
            "autoscaler",
            format!("--only={namespace}/{}", revision.name_any()),
            format!("--gateway-namespace={}", with.system),
        ],
        "env": [
            field("CHEERFUL_NAMESPACE", "metadata.namespace"),
            field("CHEERFUL_POD", "metadata.name"),
            {"name": "CHEERFUL_SERVICE_UID", "value": with.service.uid},
        ],
        "ports": [
            {"name": "reports", "containerPort": names::REPORTS_PORT, "protocol": "TCP"},
            {"name": "admin", "containerPort": names::ADMIN_PORT, "protocol": "TCP"},
        ],
        "volumeMounts": [files],
        "livenessProbe": live,
        "readinessProbe": ready,
        // No limit of the processor: a throttled autoscaler is a late one.
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": restricted(),
    })
}
