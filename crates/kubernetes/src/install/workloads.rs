// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use super::{InstallOptions, Scope, labels, metadata, rights::Role, selector};
use crate::{
    names,
    own_image::{self, USER, field, probes, restricted},
};

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
        // The controller makes the certificates a moment after it has started, and the kubelet brings what comes later only
        // after a minute.
        let mut identity = own_image::identity("identity", true);
        identity["projected"]["defaultMode"] = json!(0o440);
        pod["volumes"] = json!([identity]);
    }
    if role == Role::Autoscaler {
        let [volume, _] = own_image::signal_files();
        pod["volumes"] = json!([volume]);
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
    let [live, ready] = probes();
    let mut container = json!({
        "name": role.component(),
        "image": options.image,
        "args": args(options, role),
        "env": env(options, role),
        "ports": ports,
        "livenessProbe": live,
        "readinessProbe": ready,
        // No limit of the processor: a throttled autoscaler is a late one.
        "resources": {
            "requests": {"cpu": cpu, "memory": memory},
            "limits": {"memory": most_memory},
        },
        "securityContext": restricted(),
    });
    if let Some(policy) = &options.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    if role == Role::Gateway {
        container["volumeMounts"] = json!([
            {"name": "identity", "mountPath": names::IDENTITY_FOLDER, "readOnly": true},
        ]);
    }
    if role == Role::Autoscaler {
        let [_, mount] = own_image::signal_files();
        container["volumeMounts"] = json!([mount]);
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
    if role != Role::Gateway && options.external_metrics {
        args.push("--external-metrics".to_owned());
    }
    args
}

fn env(options: &InstallOptions, role: Role) -> Vec<Value> {
    let mut env = vec![
        field("CHEERFUL_NAMESPACE", "metadata.namespace"),
        field("CHEERFUL_POD", "metadata.name"),
    ];
    if role == Role::Controller {
        env.push(json!({"name": "CHEERFUL_QUEUE_IMAGE", "value": options.image}));
    }
    env
}
