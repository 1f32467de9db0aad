// SPDX-License-Identifier: Apache-2.0
use serde_json::{Map, Value, json};

/// Takes the app's readiness probe out of its container and gives it as the queue reads it. What the queue cannot ask
/// stays with the kubelet: a command, another host, TLS, a port of no number.
pub(super) fn take_over(app: &mut Map<String, Value>, app_port: u16) -> Option<Value> {
    let probe = read(app, app_port)?;
    app.remove("readinessProbe");
    Some(probe)
}

fn read(app: &Map<String, Value>, app_port: u16) -> Option<Value> {
    let probe = app.get("readinessProbe")?;
    let mut taken = json!({});
    if let Some(tcp) = probe.get("tcpSocket") {
        has_no_host(tcp)?;
        taken["tcp"] = json!({"port": port(app, tcp, app_port)?});
    } else if let Some(http) = probe.get("httpGet") {
        has_no_host(http)?;
        if !matches!(
            http.get("scheme").and_then(Value::as_str),
            None | Some("HTTP")
        ) {
            return None;
        }
        taken["http"] = json!({
            "path": http.get("path").and_then(Value::as_str).unwrap_or("/"),
            "port": port(app, http, app_port)?,
        });
        if let Some(headers) = http.get("httpHeaders") {
            taken["http"]["headers"] = headers.clone();
        }
    } else if let Some(grpc) = probe.get("grpc") {
        taken["grpc"] = json!({"port": port(app, grpc, app_port)?});
        if let Some(service) = grpc.get("service").and_then(Value::as_str) {
            taken["grpc"]["service"] = json!(service);
        }
    } else {
        return None;
    }
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        if let Some(value) = probe.get(field) {
            taken[field] = value.clone();
        }
    }
    Some(taken)
}

fn has_no_host(of: &Value) -> Option<()> {
    of.get("host").is_none().then_some(())
}

/// A number, or the name of one of the container's ports.
fn port(app: &Map<String, Value>, of: &Value, app_port: u16) -> Option<u64> {
    match of.get("port") {
        None => Some(app_port.into()),
        Some(Value::Number(number)) => number.as_u64(),
        Some(name) => app
            .get("ports")?
            .as_array()?
            .iter()
            .find(|port| port.get("name") == Some(name))?
            .get("containerPort")?
            .as_u64(),
    }
}
