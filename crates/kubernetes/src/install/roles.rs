// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use super::{
    InstallOptions, Scope,
    granted::RIGHTS,
    labels, metadata,
    rights::{OptIn, Place, Right, Role},
};
use crate::{external, names};

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
                !matches!(place, Place::Own | Place::KubeSystem)
            }));
        }
    }
    if options.scope == Scope::Cluster {
        all.extend(in_kube_system(options));
        if options.external_metrics {
            all.push(for_readers(options));
        }
        if options.dedicated {
            all.extend(for_dedicated(None));
        }
        all.extend(for_targets(options));
        all.extend(for_people());
    }
    all
}

/// What an installation for one namespace needs of the whole cluster: the review of tokens, which is no namespace's, for
/// the autoscaler and for those that serve one Revision alone.
pub(super) fn beyond_namespace(options: &InstallOptions) -> Vec<Value> {
    let mut all = Vec::new();
    for role in [Role::Controller, Role::Autoscaler] {
        let name = names::cluster_role(role.name(), Some(&options.namespace));
        all.extend(in_cluster(options, role, &name, &|place| {
            place == Place::Cluster
        }));
    }
    all.extend(in_kube_system(options));
    if options.external_metrics {
        all.push(for_readers(options));
    }
    if options.dedicated {
        all.extend(for_dedicated(Some(&options.namespace)));
    }
    all
}

/// What an installation grants.
fn granted(options: &InstallOptions) -> impl Iterator<Item = &'static Right> {
    let (dedicated, external) = (options.dedicated, options.external_metrics);
    RIGHTS.iter().filter(move |right| match right.opt_in {
        None => true,
        Some(OptIn::Dedicated) => dedicated,
        Some(OptIn::ExternalMetrics) => external,
    })
}

/// What the controller may give to an autoscaler that serves one Revision alone: rights in its namespace, and of the
/// cluster's the review of tokens. It writes whom the one binding is for.
fn for_dedicated(namespaced: Option<&str>) -> Vec<Value> {
    let labels = labels(Role::Autoscaler.component());
    let role = |name: &str, of_cluster: bool| {
        let rights = RIGHTS
            .iter()
            .filter(|right| right.dedicated && of_cluster == (right.place == Place::Cluster));
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": names::cluster_role(name, namespaced), "labels": labels},
            "rules": rules(rights, namespaced),
        })
    };
    let review = names::cluster_role(names::TOKEN_REVIEW_ROLE, namespaced);
    vec![
        role(names::DEDICATED_ROLE, false),
        role(names::TOKEN_REVIEW_ROLE, true),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": review, "labels": labels},
            "roleRef": reference("ClusterRole", &review),
        }),
    ]
}

fn in_namespace(options: &InstallOptions, role: Role) -> Vec<Value> {
    let everywhere = options.scope == Scope::Namespace;
    let rights = granted(options).filter(|right| {
        let holds = right.place == Place::Own || (everywhere && right.place == Place::Everywhere);
        right.role == role && holds
    });
    let metadata = metadata(options, role.name(), role.component());
    role_with_binding(options, "", metadata, role, rights)
}

fn in_cluster(
    options: &InstallOptions,
    role: Role,
    name: &str,
    holds: &dyn Fn(Place) -> bool,
) -> Vec<Value> {
    let rights = granted(options).filter(|right| right.role == role && holds(right.place));
    let metadata = json!({"name": name, "labels": labels(role.component())});
    role_with_binding(options, "Cluster", metadata, role, rights)
}

/// What is in no namespace of ours, and in no other either.
fn in_kube_system(options: &InstallOptions) -> Vec<Value> {
    let each = |role: Role| {
        let rights =
            granted(options).filter(|right| right.role == role && right.place == Place::KubeSystem);
        let metadata = json!({
            "name": names::cluster_role(role.name(), namespaced(options)),
            "namespace": "kube-system",
            "labels": labels(role.component()),
        });
        role_with_binding(options, "", metadata, role, rights)
    };
    Role::ALL.into_iter().flat_map(each).collect()
}

/// Who may view Deployments may read our figures, as the HPA controller may by Kubernetes' own roles. The registration of
/// the API belongs to it.
fn for_readers(options: &InstallOptions) -> Value {
    let mut labels = labels("people");
    for to in ["view", "edit", "admin"] {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{to}");
        labels.insert(label, "true".to_owned());
    }
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": names::cluster_role(names::EXTERNAL_METRICS, namespaced(options)),
            "labels": labels,
        },
        "rules": [{
            "apiGroups": ["external.metrics.k8s.io"],
            "resources": external::metric_names().collect::<Vec<_>>(),
            "verbs": ["get", "list"],
        }],
    })
}

/// A Role of these rights and its binding to the role's service account, both with this metadata; nothing for no rights.
/// `kind`: what goes before `Role` and `RoleBinding`, `Cluster` or nothing.
fn role_with_binding(
    options: &InstallOptions,
    kind: &str,
    metadata: Value,
    role: Role,
    rights: impl Iterator<Item = &'static Right>,
) -> Vec<Value> {
    let rules = rules(rights, namespaced(options));
    if rules.is_empty() {
        return Vec::new();
    }
    let name = metadata["name"].as_str().unwrap_or_default();
    let to = reference(&format!("{kind}Role"), name);
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{kind}Role"),
            "metadata": metadata,
            "rules": rules,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{kind}RoleBinding"),
            "metadata": metadata,
            "roleRef": to,
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

fn namespaced(options: &InstallOptions) -> Option<&str> {
    (options.scope == Scope::Namespace).then_some(&*options.namespace)
}

/// Rules whose groups, names and verbs are the same are put together. An installation for one namespace has ClusterRoles
/// of its own, by other names.
fn rules<'a>(rights: impl Iterator<Item = &'a Right>, namespaced: Option<&str>) -> Vec<Value> {
    let mut merged: Vec<(&Right, Vec<&str>)> = Vec::new();
    for right in rights {
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
                let is_cluster_role = right.group == "rbac.authorization.k8s.io";
                let own = namespaced.filter(|_| is_cluster_role);
                let names = right.names.iter();
                let names: Vec<_> = names.map(|name| names::cluster_role(name, own)).collect();
                rule["resourceNames"] = json!(names);
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
