// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write as _;

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
    // Autoscaler.
    right(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "revisions",
        &["list", "watch"],
        "knows which Revisions there are, and their settings",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "revisions/status",
        &["patch"],
        "writes replicas, mode and reason",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        names::GROUP,
        "revisions/scale",
        &["patch"],
        "writes the count that is wanted, so that a Revision's own scale can be read",
    ),
    right(
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
    right(
        Role::Autoscaler,
        Place::Everywhere,
        "",
        "pods",
        &["list", "watch", "patch"],
        "counts the replicas, knows who may report, and marks the idlest pods as the first to go",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        "apps",
        "deployments",
        &["list", "watch"],
        "sees a count that another has written",
    ),
    right(
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
    right(
        Role::Autoscaler,
        Place::Everywhere,
        "autoscaling",
        "horizontalpodautoscalers",
        &["list", "watch"],
        "leaves alone what such a one scales",
    ),
    right(
        Role::Autoscaler,
        Place::Everywhere,
        "events.k8s.io",
        "events",
        &["create"],
        "tells the sentence of each change",
    ),
    Right {
        names: &[names::AUTOSCALER_TLS_SECRET],
        ..right(
            Role::Autoscaler,
            Place::Own,
            "",
            "secrets",
            &["list", "watch"],
            "has the certificate of its port for reports, and the next one in time",
        )
    },
    right(
        Role::Autoscaler,
        Place::Own,
        "coordination.k8s.io",
        "leases",
        &["create"],
        "one replica leads; the names follow from the shards, and that of what is created cannot be restricted",
    ),
    right(
        Role::Autoscaler,
        Place::Own,
        "coordination.k8s.io",
        "leases",
        &["get", "update"],
        "one replica leads; the names follow from the shards",
    ),
    right(
        Role::Autoscaler,
        Place::Cluster,
        "authentication.k8s.io",
        "tokenreviews",
        &["create"],
        "asks whether a queue is the pod that it says it is; Kubernetes has no such resource in a namespace",
    ),
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

/// One rule of one role, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Who has it.
    pub role: Role,
    /// Where it holds.
    pub place: Place,
    /// The API group; empty is the core.
    pub group: &'static str,
    /// The resource, with its subresource.
    pub resource: &'static str,
    /// Only objects of these names; empty: of any.
    pub names: &'static [&'static str],
    /// What may be done.
    pub verbs: &'static [&'static str],
    /// What needs it.
    pub why: &'static str,
}

/// One of our service accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Turns Revisions into Deployments, Services and EndpointSlices.
    Controller,
    /// Decides how many replicas there are.
    Autoscaler,
    /// Holds requests.
    Gateway,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Controller, Self::Autoscaler, Self::Gateway];

    /// Its Deployment, its service account, its roles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controller => names::CONTROLLER,
            Self::Autoscaler => names::AUTOSCALER,
            Self::Gateway => names::GATEWAY,
        }
    }

    /// Its subcommand, and what [`names::COMPONENT_LABEL`] says.
    #[must_use]
    pub const fn component(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Autoscaler => "autoscaler",
            Self::Gateway => "gateway",
        }
    }
}

/// Where a right holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the namespace where we are installed.
    Own,
    /// In each namespace; when installed for one, in that one.
    Everywhere,
    /// On what is in no namespace.
    Cluster,
}

/// [`RIGHTS`] as a table in Markdown.
#[must_use]
pub fn rights_table() -> String {
    let mut table =
        "| role | where | resource | verbs | because it |\n|---|---|---|---|---|\n".to_owned();
    for right in RIGHTS {
        let place = match right.place {
            Place::Own => "own namespace",
            Place::Everywhere => "everywhere",
            Place::Cluster => "cluster",
        };
        let group = match right.group {
            "" => String::new(),
            group => format!(".{group}"),
        };
        let (resource, sub) = right
            .resource
            .split_once('/')
            .map_or((right.resource, String::new()), |(resource, sub)| {
                (resource, format!("/{sub}"))
            });
        let names = match right.names {
            [] => String::new(),
            names => format!(" named `{}`", names.join("`, `")),
        };
        // Writing to a String does not fail.
        writeln!(
            table,
            "| {} | {place} | `{resource}{group}{sub}`{names} | {} | {} |",
            right.role.component(),
            right.verbs.join(", "),
            right.why,
        )
        .ok();
    }
    table
}

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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_by_a_wildcard_or_twice() {
        for (at, right) in RIGHTS.iter().enumerate() {
            let all = [right.group, right.resource]
                .into_iter()
                .chain(right.verbs.iter().copied());
            assert!(all.clone().all(|word| !word.contains('*')), "{right:?}");
            assert!(
                !right.verbs.is_empty() && !right.why.is_empty(),
                "{right:?}"
            );
            for other in RIGHTS.iter().skip(at + 1) {
                let same = other.role == right.role
                    && other.group == right.group
                    && other.resource == right.resource
                    && other.place == right.place;
                let twice = right.verbs.iter().find(|verb| other.verbs.contains(verb));
                assert!(!(same && twice.is_some()), "{right:?} {other:?}");
            }
        }
    }

    #[test]
    fn secrets_are_read_in_our_own_namespace_alone_and_by_name() {
        for right in RIGHTS.iter().filter(|right| right.resource == "secrets") {
            assert_eq!(right.place, Place::Own);
            assert!(
                right.verbs == ["create"] || !right.names.is_empty(),
                "{right:?}"
            );
        }
    }
}
