// SPDX-License-Identifier: Apache-2.0
use super::rights::{OptIn, Place, Right, Role};
use crate::names;

/// Every right that we ask of a cluster. The roles that `cheerful manifests install` prints are made from this table,
/// and so is the one in `docs/kubernetes.md`.
pub const RIGHTS: &[Right] = &[
    // Controller.
    right(
        Role::Controller,
        Place::Everywhere,
        names::GROUP,
        "revisions",
        &["list", "watch"],
        "knows which Revisions there are",
    ),
    right(
        Role::Controller,
        Place::Everywhere,
        names::GROUP,
        "revisions/status",
        &["patch"],
        "writes conditions, hosts and the way of a request",
    ),
    right(
        Role::Controller,
        Place::Everywhere,
        names::GROUP,
        "autoscalers",
        &["list", "watch"],
        "knows which namespaces need the certificates of the authority",
    ),
    right(
        Role::Controller,
        Place::Everywhere,
        "apps",
        "deployments",
        &["list", "watch", "create", "patch"],
        "keeps a Revision's Deployment as it should be",
    ),
    right(
        Role::Controller,
        Place::Everywhere,
        "",
        "services",
        &["list", "watch", "create", "patch"],
        "keeps a Revision's Services as they should be",
    ),
    right(
        Role::Controller,
        Place::Everywhere,
        "discovery.k8s.io",
        "endpointslices",
        &["list", "watch", "create", "patch"],
        "reads which pods and gateways are ready, and writes where a Revision's Service leads",
    ),
    right(
        Role::Controller,
        Place::Everywhere,
        "",
        "pods",
        &["list", "watch"],
        "tells why a template does not start",
    ),
    right(
        Role::Controller,
        Place::Everywhere,
        "",
        "configmaps",
        &["create"],
        "gives the authority's certificates to each namespace with a queue; the name of what is created cannot be \
         restricted",
    ),
    Right {
        names: &[names::CA_CONFIG_MAP],
        ..right(
            Role::Controller,
            Place::Everywhere,
            "",
            "configmaps",
            &["patch"],
            "brings the authority's certificates up to date when it is rotated",
        )
    },
    right(
        Role::Controller,
        Place::Everywhere,
        "events.k8s.io",
        "events",
        &["create", "patch"],
        "tells of problems with a Revision",
    ),
    right(
        Role::Controller,
        Place::Own,
        "",
        "secrets",
        &["create"],
        "makes the certificate authority and the autoscaler's certificate; the name of what is created cannot be \
         restricted",
    ),
    Right {
        names: &[names::CA_SECRET, names::AUTOSCALER_TLS_SECRET],
        ..right(
            Role::Controller,
            Place::Own,
            "",
            "secrets",
            &["get", "patch"],
            "rotates the certificate authority and the autoscaler's certificate",
        )
    },
    right(
        Role::Controller,
        Place::Own,
        "coordination.k8s.io",
        "leases",
        &["create"],
        "leads alone; the name of what is created cannot be restricted",
    ),
    Right {
        names: &[names::CONTROLLER],
        ..right(
            Role::Controller,
            Place::Own,
            "coordination.k8s.io",
            "leases",
            &["get", "update"],
            "leads alone, and lets go when it ends",
        )
    },
    // Controller, for autoscalers that serve one Revision alone.
    Right {
        opt_in: Some(OptIn::Dedicated),
        ..right(
            Role::Controller,
            Place::Everywhere,
            "",
            "services",
            &["delete"],
            "takes a dedicated autoscaler away when the shared one serves again: what belongs to it goes with its Service",
        )
    },
    Right {
        opt_in: Some(OptIn::Dedicated),
        ..right(
            Role::Controller,
            Place::Everywhere,
            "",
            "serviceaccounts",
            &["list", "create", "patch"],
            "a dedicated autoscaler has an account of its own; looks first whether the name is somebody else's",
        )
    },
    Right {
        opt_in: Some(OptIn::Dedicated),
        ..right(
            Role::Controller,
            Place::Everywhere,
            "rbac.authorization.k8s.io",
            "rolebindings",
            &["list", "create", "patch"],
            "gives a dedicated autoscaler its rights in its namespace, which are those of one role, and no others",
        )
    },
    Right {
        opt_in: Some(OptIn::Dedicated),
        names: &[names::DEDICATED_ROLE],
        ..right(
            Role::Controller,
            Place::Everywhere,
            "rbac.authorization.k8s.io",
            "clusterroles",
            &["bind"],
            "the one role that it may give",
        )
    },
    Right {
        opt_in: Some(OptIn::Dedicated),
        ..right(
            Role::Controller,
            Place::Elsewhere,
            "",
            "secrets",
            &["create"],
            "makes the certificate of a namespace's dedicated autoscalers; the name of what is created cannot be restricted",
        )
    },
    Right {
        opt_in: Some(OptIn::Dedicated),
        names: &[names::AUTOSCALER_TLS_SECRET],
        ..right(
            Role::Controller,
            Place::Elsewhere,
            "",
            "secrets",
            &["get", "patch"],
            "rotates the certificate of a namespace's dedicated autoscalers",
        )
    },
    Right {
        opt_in: Some(OptIn::Dedicated),
        names: &[names::TOKEN_REVIEW_ROLE],
        ..right(
            Role::Controller,
            Place::Cluster,
            "rbac.authorization.k8s.io",
            "clusterroles",
            &["bind"],
            "the one role of the whole cluster that it may give: to have tokens reviewed",
        )
    },
    Right {
        opt_in: Some(OptIn::Dedicated),
        names: &[names::TOKEN_REVIEW_ROLE],
        ..right(
            Role::Controller,
            Place::Cluster,
            "rbac.authorization.k8s.io",
            "clusterrolebindings",
            &["patch"],
            "says which dedicated autoscalers may have tokens reviewed",
        )
    },
    // Controller, for HPAs that go by our figures.
    Right {
        opt_in: Some(OptIn::ExternalMetrics),
        ..right(
            Role::Controller,
            Place::Cluster,
            "apiregistration.k8s.io",
            "apiservices",
            &["create"],
            "registers the API that an HPA asks; the name of what is created cannot be restricted",
        )
    },
    Right {
        opt_in: Some(OptIn::ExternalMetrics),
        names: &[names::EXTERNAL_METRICS_API],
        ..right(
            Role::Controller,
            Place::Cluster,
            "apiregistration.k8s.io",
            "apiservices",
            &["get", "patch"],
            "leaves that API alone where it is somebody else's, and brings its certificates up to date where it is ours",
        )
    },
    Right {
        opt_in: Some(OptIn::ExternalMetrics),
        names: &[names::EXTERNAL_METRICS],
        ..right(
            Role::Controller,
            Place::Cluster,
            "rbac.authorization.k8s.io",
            "clusterroles",
            &["get"],
            "makes this one the owner of the registration, so that it goes with the installation",
        )
    },
    // Autoscaler.
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "revisions",
        &["list", "watch"],
        "knows which Revisions there are, and their settings",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "revisions/status",
        &["patch"],
        "writes replicas, mode and reason",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "revisions/scale",
        &["patch"],
        "writes the count that is wanted, so that a Revision's own scale can be read",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "autoscalers",
        &["list", "watch"],
        "knows which Autoscalers there are, and their settings",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "autoscalers/status",
        &["patch"],
        "writes conditions, replicas, mode and reason",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "autoscalers/scale",
        &["patch"],
        "writes the count that is wanted, so that an Autoscaler's own scale can be read",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        "",
        "pods",
        &["list", "watch", "patch"],
        "counts the replicas, knows who may report, and marks the idlest pods as the first to go",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        "apps",
        "deployments",
        &["list", "watch"],
        "sees a count that another has written",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        "apps",
        "deployments/scale",
        &["get", "patch"],
        "scales a Revision, and an Autoscaler's target",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        "apps",
        "statefulsets/scale",
        &["get", "patch"],
        "scales an Autoscaler's target",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        "apps",
        "replicasets/scale",
        &["get", "patch"],
        "scales an Autoscaler's target",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        "autoscaling",
        "horizontalpodautoscalers",
        &["list", "watch"],
        "leaves alone what such a one scales",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        "metrics.k8s.io",
        "pods",
        &["list"],
        "reads the CPU and memory of pods, for the signals of those names",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Everywhere,
        "events.k8s.io",
        "events",
        &["create"],
        "tells the sentence of each change",
    ),
    Right {
        names: &[names::AUTOSCALER_TLS_SECRET],
        ..dedicated_too(
            Role::Autoscaler,
            Place::Own,
            "",
            "secrets",
            &["list", "watch"],
            "has the certificate of its port for reports, and the next one in time",
        )
    },
    dedicated_too(
        Role::Autoscaler,
        Place::Own,
        "coordination.k8s.io",
        "leases",
        &["create"],
        "one replica leads; the names follow from the shards, and that of what is created cannot be restricted",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Own,
        "coordination.k8s.io",
        "leases",
        &["get", "update"],
        "one replica leads; the names follow from the shards",
    ),
    dedicated_too(
        Role::Autoscaler,
        Place::Cluster,
        "authentication.k8s.io",
        "tokenreviews",
        &["create"],
        "asks whether a queue is the pod that it says it is; Kubernetes has no such resource in a namespace",
    ),
    Right {
        opt_in: Some(OptIn::ExternalMetrics),
        names: &["extension-apiserver-authentication"],
        ..right(
            Role::Autoscaler,
            Place::KubeSystem,
            "",
            "configmaps",
            &["get"],
            "knows by which certificate the API server proves itself when it passes on what an HPA asks",
        )
    },
    // Gateway.
    right(
        Role::Gateway,
        Place::Everywhere,
        "discovery.k8s.io",
        "endpointslices",
        &["list", "watch"],
        "knows the Revisions and their ready pods",
    ),
];

const fn right(
    role: Role,
    place: Place,
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    why: &'static str,
) -> Right {
    Right {
        role,
        place,
        group,
        resource,
        names: &[],
        verbs,
        why,
        dedicated: false,
        opt_in: None,
    }
}

/// The same for an autoscaler that serves one Revision alone.
const fn dedicated_too(
    role: Role,
    place: Place,
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    why: &'static str,
) -> Right {
    Right {
        dedicated: true,
        ..right(role, place, group, resource, verbs, why)
    }
}
