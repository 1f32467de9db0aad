// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use super::{InstallOptions, Scope, labels, metadata, rights::Role, selector};
use crate::names;

/// The user of the image.
const USER: u32 = 65_532;
/// How long the gateway's token holds. The kubelet renews it at four fifths.
const TOKEN_SECONDS: u32 = 3600;

/// The three Deployments.
pub(super) fn objects(options: &InstallOptions) -> Vec<Value> {
    Role::ALL
        .iter()
        .map(|role| deployment(options, *role))
        .collect()
}

/// How many replicas a role has.
pub(super) fn replicas(options: &InstallOptions, role: Role) -> u32 {
    match role {
        Role::Controller => options.replicas_controller,
        Role::Autoscaler => options.replicas_autoscaler,
        Role::Gateway => options.replicas_gateway,
    }
}

fn deployment(options: &InstallOptions, role: Role) -> Value {
    let selector = selector(role);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(options, role.name(), role.component()),
        "spec": {
            "replicas": replicas(options, role),
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": selector},
            // The next is there before the last goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels(role.component())},
                "spec": pod(options, role, &selector),
            },
        },
    })
}

fn pod(options: &InstallOptions, role: Role, selector: &Value) -> Value {
    let spread = |key: &str| {
        json!({
            "maxSkew": 1,
            "topologyKey": key,
            // One node must do, too.
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
        })
    };
    let mut pod = json!({
        "serviceAccountName": role.name(),
        "automountServiceAccountToken": true,
        // Requests that come without end are what a gateway has most of when it goes.
        "terminationGracePeriodSeconds": if role == Role::Gateway { 60 } else { 30 },
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            spread("kubernetes.io/hostname"),
            spread("topology.kubernetes.io/zone"),
        ],
        "containers": [container(options, role)],
    });
    if role == Role::Gateway {
        pod["volumes"] = json!([identity()]);
    }
    pod
}

fn container(options: &InstallOptions, role: Role) -> Value {
    let admin = json!({"name": "admin", "containerPort": names::ADMIN_PORT, "protocol": "TCP"});
    let (mut ports, [cpu, memory, most_memory]) = match role {
        Role::Controller => (vec![], ["20m", "32Mi", "512Mi"]),
        Role::Autoscaler => (
            vec![
                json!({"name": "reports", "containerPort": names::REPORTS_PORT, "protocol": "TCP"}),
            ],
            ["50m", "64Mi", "1Gi"],
        ),
        Role::Gateway => (
            vec![json!({"name": "http", "containerPort": names::GATEWAY_PORT, "protocol": "TCP"})],
            ["50m", "32Mi", "1Gi"],
        ),
    };
    ports.push(admin);
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": {"path": path, "port": "admin", "scheme": "HTTP"},
            "periodSeconds": period,
            "timeoutSeconds": 2,
            "failureThreshold": failures,
        })
    };
    let mut container = json!({
        "name": role.component(),
        "image": options.image,
        "args": args(options, role),
        "env": env(options, role),
        "ports": ports,
        "livenessProbe": probe("/livez", 10, 3),
        "readinessProbe": probe("/readyz", 2, 2),
        // No limit of the processor: a throttled autoscaler is a late one.
        "resources": {
            "requests": {"cpu": cpu, "memory": memory},
            "limits": {"memory": most_memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    if let Some(policy) = &options.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    if role == Role::Gateway {
        container["volumeMounts"] = json!([
            {"name": "identity", "mountPath": names::IDENTITY_FOLDER, "readOnly": true},
        ]);
    }
    container
}

fn args(options: &InstallOptions, role: Role) -> Vec<String> {
    let mut args = vec![role.component().to_owned()];
    if options.scope == Scope::Namespace {
        args.push(format!("--watch-namespace={}", options.namespace));
    }
    if role == Role::Controller && options.dedicated {
        args.push("--dedicated".to_owned());
    }
    args
}

fn env(options: &InstallOptions, role: Role) -> Vec<Value> {
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}});
    let mut env = vec![
        field("CHEERFUL_NAMESPACE", "metadata.namespace"),
        field("CHEERFUL_POD", "metadata.name"),
    ];
    if role == Role::Controller {
        env.push(json!({"name": "CHEERFUL_QUEUE_IMAGE", "value": options.image}));
    }
    env
}

/// By which the gateway proves who it is, and knows the autoscaler. The controller makes the ConfigMap a moment after
/// it has started: the gateway's pod waits for it, for the kubelet brings one that comes later only after a minute.
fn identity() -> Value {
    json!({
        "name": "identity",
        "projected": {
            "defaultMode": 0o440,
            "sources": [
                {"serviceAccountToken": {
                    "audience": names::TOKEN_AUDIENCE,
                    "expirationSeconds": TOKEN_SECONDS,
                    "path": "token",
                }},
                {"configMap": {
                    "name": names::CA_CONFIG_MAP,
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }},
            ],
        },
    })
}
