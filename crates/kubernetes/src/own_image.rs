// SPDX-License-Identifier: Apache-2.0
//! What all containers of our own image have in common, whoever makes them.
use serde_json::{Value, json};

use crate::names;

/// The user of the image.
pub(crate) const USER: u32 = 65_532;
/// For how long a token is asked for; the kubelet renews it at four fifths.
const TOKEN_SECONDS: u32 = 3_600;

/// A container's security context, as the pod security standard *restricted* wants it.
pub(crate) fn restricted() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// An environment variable by the downward API.
pub(crate) fn field(name: &str, path: &str) -> Value {
    json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}})
}

/// The liveness and the readiness probe of a role, at its port `admin`.
pub(crate) fn probes() -> [Value; 2] {
    [("/livez", 10, 3), ("/readyz", 2, 2)].map(|(path, period, failures)| {
        json!({
            "httpGet": {"path": path, "port": "admin", "scheme": "HTTP"},
            "periodSeconds": period,
            "timeoutSeconds": 2,
            "failureThreshold": failures,
        })
    })
}

/// The volume and the mount of [`names::SIGNALS_FOLDER`], which most installations have nothing in.
pub(crate) fn signal_files() -> [Value; 2] {
    [
        json!({
            "name": "signals",
            "secret": {"secretName": names::SIGNALS_SECRET, "optional": true, "defaultMode": 0o444},
        }),
        json!({"name": "signals", "mountPath": names::SIGNALS_FOLDER, "readOnly": true}),
    ]
}

/// The projected volume for [`names::IDENTITY_FOLDER`]: the token by which a pod proves who it is, and the certificates
/// by which it knows the autoscaler. `waits`: the pod does not start before there are certificates.
pub(crate) fn identity(name: &str, waits: bool) -> Value {
    let mut certificates = json!({
        "name": names::CA_CONFIG_MAP,
        "items": [{"key": "ca.crt", "path": "ca.crt"}],
    });
    if !waits {
        certificates["optional"] = json!(true);
    }
    json!({
        "name": name,
        "projected": {"sources": [
            {"serviceAccountToken": {
                "audience": names::TOKEN_AUDIENCE,
                "expirationSeconds": TOKEN_SECONDS,
                "path": "token",
            }},
            {"configMap": certificates},
        ]},
    })
}
