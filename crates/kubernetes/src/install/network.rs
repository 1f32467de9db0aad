// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use super::{InstallOptions, metadata, rights::Role, selector, workloads};
use crate::names;

/// Services, and who may talk to whom.
pub(super) fn objects(options: &InstallOptions) -> Vec<Value> {
    let mut all = services(options);
    for role in Role::ALL {
        if workloads::replicas(options, role) > 1 {
            all.push(disruption_budget(options, role));
        }
        all.push(network_policy(options, role));
    }
    if options.external_metrics {
        all.extend(for_external_metrics(options));
    }
    all
}

/// How the API server reaches the autoscaler for HPAs. It is on no pod's address, so there is no `from`.
fn for_external_metrics(options: &InstallOptions) -> [Value; 2] {
    let metadata = || {
        let role = Role::Autoscaler;
        metadata(options, names::EXTERNAL_METRICS, role.component())
    };
    [
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(),
            "spec": {
                "selector": selector(Role::Autoscaler),
                "ports": [{
                    "name": "https",
                    "port": 443,
                    "targetPort": names::EXTERNAL_METRICS_PORT,
                    "protocol": "TCP",
                }],
            },
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(),
            "spec": {
                "podSelector": {"matchLabels": selector(Role::Autoscaler)},
                "policyTypes": ["Ingress"],
                "ingress": [{"ports": [
                    {"port": names::EXTERNAL_METRICS_PORT, "protocol": "TCP"},
                ]}],
            },
        }),
    ]
}

fn services(options: &InstallOptions) -> Vec<Value> {
    let service = |role: Role| metadata(options, role.name(), role.component());
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service(Role::Autoscaler),
            "spec": {
                // Every queue reports to each replica, so it has to see their addresses.
                "clusterIP": "None",
                "selector": selector(Role::Autoscaler),
                "ports": [{
                    "name": "reports",
                    "port": names::REPORTS_PORT,
                    "targetPort": "reports",
                    "protocol": "TCP",
                }],
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service(Role::Gateway),
            "spec": {
                "type": "ClusterIP",
                "selector": selector(Role::Gateway),
                "ports": [{
                    "name": names::SERVICE_PORT_NAME,
                    "port": names::SERVICE_PORT,
                    "targetPort": "http",
                    "protocol": "TCP",
                }],
            },
        }),
    ]
}

fn disruption_budget(options: &InstallOptions, role: Role) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(options, role.name(), role.component()),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(role)},
            // One that does not work must not hold up a node.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    })
}

/// The admin port has no `from`: kubelets and the API server's proxy are on no pod's address.
fn network_policy(options: &InstallOptions, role: Role) -> Value {
    let port = |port: u16| json!([{"port": port, "protocol": "TCP"}]);
    let mut ingress = vec![json!({"ports": port(names::ADMIN_PORT)})];
    match role {
        Role::Controller => {}
        // Queues are in all namespaces, and only there.
        Role::Autoscaler => ingress.push(json!({
            "from": [{"namespaceSelector": {}}],
            "ports": port(names::REPORTS_PORT),
        })),
        // Requests come from anywhere.
        Role::Gateway => ingress.push(json!({"ports": port(names::GATEWAY_PORT)})),
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(options, role.name(), role.component()),
        "spec": {
            "podSelector": {"matchLabels": selector(role)},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    })
}
