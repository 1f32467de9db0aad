// SPDX-License-Identifier: Apache-2.0
//! What a cluster gets: custom resources, rights, and the three roles' Deployments.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{names, resources};

mod chart;
mod granted;
mod keep;
mod network;
mod rights;
mod roles;
pub mod uninstall;
mod workloads;
mod yaml;

pub use chart::chart;
pub use granted::RIGHTS;
pub use keep::UNINSTALL_ANNOTATION;
pub use rights::{OptIn, Place, Right, Role, rights_table};
pub use roles::{AGGREGATE_LABEL, TARGETS_ROLE};
pub use yaml::to_yaml;

/// Everything, in the order in which it is applied: what a later object needs stands before it.
///
/// For one namespace neither the custom resources are among it nor anything else that is the cluster's: see
/// [`cluster_objects`].
#[must_use]
pub fn objects(options: &InstallOptions) -> Vec<Value> {
    let mut all = Vec::new();
    if options.scope == Scope::Cluster {
        all.push(namespace(options));
        all.extend(custom_resources());
    }
    all.extend(roles::objects(options));
    all.extend(network::objects(options));
    all.extend(workloads::objects(options));
    if options.scope == Scope::Cluster {
        all.extend(keep::objects());
    }
    all
}

/// What is the whole cluster's, once for all installations: the custom resources, and what keeps them from being deleted
/// by mistake. For an installation for one namespace, its right to have tokens reviewed as well.
#[must_use]
pub fn cluster_objects(namespaced: Option<&InstallOptions>) -> Vec<Value> {
    let mut all = custom_resources();
    all.extend(namespaced.into_iter().flat_map(roles::beyond_namespace));
    all.extend(keep::objects());
    all
}

/// What may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallOptions {
    /// Where the three roles run.
    pub namespace: String,
    /// Which Revisions they see.
    pub scope: Scope,
    /// The image of all roles and of the queues.
    pub image: String,
    /// When it is pulled; absent: as Kubernetes has it for such a tag.
    pub image_pull_policy: Option<String>,
    /// Replicas of the controller. One leads.
    pub replicas_controller: u32,
    /// Replicas of the autoscaler. One leads, the others are warm.
    pub replicas_autoscaler: u32,
    /// Replicas of the gateway. All serve.
    pub replicas_gateway: u32,
    /// Whether a Revision may have an autoscaler of its own (`autoscaler: dedicated`). The controller then may make a
    /// Secret, a service account and a role binding in every namespace that it serves.
    pub dedicated: bool,
    /// Whether HPAs may go by our figures: the API `external.metrics.k8s.io` is ours then, unless it is somebody else's
    /// already, for a cluster has it once.
    pub external_metrics: bool,
}

impl Default for InstallOptions {
    fn default() -> Self {
        Self {
            namespace: names::SYSTEM_NAMESPACE.to_owned(),
            scope: Scope::Cluster,
            image: format!("cheerful:{}", env!("CARGO_PKG_VERSION")),
            image_pull_policy: None,
            replicas_controller: 2,
            replicas_autoscaler: 2,
            replicas_gateway: 2,
            dedicated: false,
            external_metrics: false,
        }
    }
}

/// Which Revisions an installation sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those of all namespaces.
    #[default]
    Cluster,
    /// Those of its own.
    Namespace,
}

fn namespace(options: &InstallOptions) -> Value {
    let mut labels = labels("system");
    for mode in ["enforce", "audit", "warn"] {
        labels.insert(
            format!("pod-security.kubernetes.io/{mode}"),
            "restricted".to_owned(),
        );
    }
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": options.namespace, "labels": labels},
    })
}

fn custom_resources() -> Vec<Value> {
    resources::crds()
        .iter()
        .map(|crd| {
            let mut value = json!(crd);
            if let Some(fields) = value.as_object_mut() {
                fields.remove("status");
            }
            value
        })
        .collect()
}

/// On everything of ours. The version is not among them, for a selector cannot change.
fn labels(component: &str) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", names::MANAGED_BY),
        (names::COMPONENT_LABEL, component),
        (names::MANAGED_BY_LABEL, names::MANAGED_BY),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn metadata(options: &InstallOptions, name: &str, component: &str) -> Value {
    json!({"name": name, "namespace": options.namespace, "labels": labels(component)})
}

fn selector(role: Role) -> Value {
    json!({"app.kubernetes.io/name": names::MANAGED_BY, names::COMPONENT_LABEL: role.component()})
}
