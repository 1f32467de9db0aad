// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use super::{
    InstallOptions, Scope, labels, metadata,
    rights::{Place, RIGHTS, Right, Role},
};
use crate::names;

/// On a ClusterRole: its rules are the autoscaler's too. For targets that we know nothing of.
pub const AGGREGATE_LABEL: &str = "cheerful.dev/aggregate-to-autoscaler";
/// What gathers the rules of the ClusterRoles with [`AGGREGATE_LABEL`].
pub const TARGETS_ROLE: &str = "cheerful-autoscaler-targets";

/// Service accounts, roles and bindings, from [`RIGHTS`].
pub(super) fn objects(options: &InstallOptions) -> Vec<Value> {
    let mut all: Vec<Value> = Role::ALL
        .iter()
        .map(|role| {
            json!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": metadata(options, role.name(), role.component()),
                // The pods that need it say so.
                "automountServiceAccountToken": false,
            })
        })
        .collect();
    for role in Role::ALL {
        all.extend(in_namespace(options, role));
        if options.scope == Scope::Cluster {
            all.extend(in_cluster(options, role, role.name(), &|place| {
                place != Place::Own
            }));
        }
    }
    if options.scope == Scope::Cluster {
        all.extend(for_targets(options));
        all.extend(for_people());
    }
    all
}

/// What an installation for one namespace needs of the whole cluster: the review of tokens, which is no namespace's.
pub(super) fn beyond_namespace(options: &InstallOptions) -> Vec<Value> {
    let name = format!("{}-{}", names::AUTOSCALER, options.namespace);
    in_cluster(options, Role::Autoscaler, &name, &|place| {
        place == Place::Cluster
    })
}

fn in_namespace(options: &InstallOptions, role: Role) -> Vec<Value> {
    let everywhere = options.scope == Scope::Namespace;
    let rules = rules(role, &|place| {
        place == Place::Own || (everywhere && place == Place::Everywhere)
    });
    if rules.is_empty() {
        return Vec::new();
    }
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata(options, role.name(), role.component()),
            "rules": rules,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata(options, role.name(), role.component()),
            "roleRef": reference("Role", role.name()),
            "subjects": [subject(options, role)],
        }),
    ]
}

fn in_cluster(
    options: &InstallOptions,
    role: Role,
    name: &str,
    holds: &dyn Fn(Place) -> bool,
) -> Vec<Value> {
    let labels = labels(role.component());
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": labels},
            "rules": rules(role, holds),
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": labels},
            "roleRef": reference("ClusterRole", name),
            "subjects": [subject(options, role)],
        }),
    ]
}

/// An Autoscaler may name a target of any kind; who has one grants `get` and `patch` of its scale by a ClusterRole with
/// [`AGGREGATE_LABEL`].
fn for_targets(options: &InstallOptions) -> Vec<Value> {
    let labels = labels(Role::Autoscaler.component());
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": TARGETS_ROLE, "labels": labels},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {AGGREGATE_LABEL: "true"}}]},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": TARGETS_ROLE, "labels": labels},
            "roleRef": reference("ClusterRole", TARGETS_ROLE),
            "subjects": [subject(options, Role::Autoscaler)],
        }),
    ]
}

/// Who may edit or view Deployments by the roles that Kubernetes brings may do so with our kinds.
fn for_people() -> Vec<Value> {
    let role = |name: &str, to: &[&str], resources: &[&str], verbs: &[&str]| {
        let mut labels = labels("people");
        for to in to {
            labels.insert(
                format!("rbac.authorization.k8s.io/aggregate-to-{to}"),
                "true".to_owned(),
            );
        }
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": labels},
            "rules": [{"apiGroups": [names::GROUP], "resources": resources, "verbs": verbs}],
        })
    };
    vec![
        role(
            "cheerful-view",
            &["view", "edit", "admin"],
            &[
                "revisions",
                "revisions/status",
                "revisions/scale",
                "autoscalers",
                "autoscalers/status",
                "autoscalers/scale",
            ],
            &["get", "list", "watch"],
        ),
        role(
            "cheerful-edit",
            &["edit", "admin"],
            &["revisions", "autoscalers"],
            &["create", "update", "patch", "delete", "deletecollection"],
        ),
    ]
}

/// Rules whose groups, names and verbs are the same are put together.
fn rules(role: Role, holds: &dyn Fn(Place) -> bool) -> Vec<Value> {
    let mut merged: Vec<(&Right, Vec<&str>)> = Vec::new();
    for right in RIGHTS
        .iter()
        .filter(|right| right.role == role && holds(right.place))
    {
        let same = merged.iter_mut().find(|(first, _)| {
            (first.group, first.names, first.verbs) == (right.group, right.names, right.verbs)
        });
        match same {
            Some((_, resources)) => resources.push(right.resource),
            None => merged.push((right, vec![right.resource])),
        }
    }
    merged
        .into_iter()
        .map(|(right, resources)| {
            let mut rule = json!({
                "apiGroups": [right.group],
                "resources": resources,
                "verbs": right.verbs,
            });
            if !right.names.is_empty() {
                rule["resourceNames"] = json!(right.names);
            }
            rule
        })
        .collect()
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name})
}

fn subject(options: &InstallOptions, role: Role) -> Value {
    json!({"kind": "ServiceAccount", "name": role.name(), "namespace": options.namespace})
}
