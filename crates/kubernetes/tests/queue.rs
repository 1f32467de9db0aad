// SPDX-License-Identifier: Apache-2.0
//! The queue in a real pod, without the rest of cheerful: how the kubelet and it agree on when the app is ready, when
//! a pod ends, and when only the app is started again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
use std::{net::SocketAddr, time::Duration};

use cheerful_kubernetes::names;
use cheerful_rig::{
    Traffic,
    cluster::{self, Namespace, eventually, image},
};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::DeleteParams;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, sleep, timeout},
};

/// A pod's specification: the sample app behind the queue. `app`: more fields of the app's container.
fn pod(app: Value) -> Value {
    let from = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let mut container = json!({
        "name": "app", "image": image(), "imagePullPolicy": "Never",
        "args": ["sample", "--port", "8080", "--latency", "20ms"],
        "lifecycle": {"preStop": hook()},
    });
    container
        .as_object_mut()
        .unwrap()
        .extend(app.as_object().unwrap().clone());
    json!({
        "initContainers": [{
            "name": names::QUEUE_CONTAINER, "image": image(), "imagePullPolicy": "Never",
            "args": ["queue"], "restartPolicy": "Always",
            "env": [
                {"name": "CHEERFUL_NAMESPACE", "valueFrom": from("metadata.namespace")},
                {"name": "CHEERFUL_WORKLOAD", "value": "app"},
                {"name": "CHEERFUL_POD", "valueFrom": from("metadata.name")},
                {"name": "CHEERFUL_POD_IP", "valueFrom": from("status.podIP")},
                // Nobody is there: the queue does its work all the same.
                {"name": "CHEERFUL_AUTOSCALER", "value": "127.0.0.1:9"},
                {"name": "CHEERFUL_APP_PORT", "value": "8080"},
                {"name": "CHEERFUL_PROBE", "value": r#"{"http":{"path":"/healthz"}}"#},
            ],
            "readinessProbe": {
                "httpGet": {"path": "/readyz", "port": names::QUEUE_ADMIN_PORT}, "periodSeconds": 1,
            },
            "lifecycle": {"preStop": hook()},
        }],
        "containers": [container],
    })
}

fn hook() -> Value {
    json!({"httpGet": {"path": "/wait-for-drain", "port": names::QUEUE_ADMIN_PORT}})
}

async fn start(namespace: &Namespace, spec: Value) {
    let object =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec});
    namespace.apply(&object.to_string()).await;
    until(namespace, "it is ready", is_ready).await;
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|it| it.conditions.as_ref());
    conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one.type_ == "Ready" && one.status == "True")
    })
}

fn restarts(pod: &Pod) -> i32 {
    let status = pod.status.as_ref();
    let containers = status.and_then(|it| it.container_statuses.as_ref());
    containers.map_or(0, |all| all.iter().map(|one| one.restart_count).sum())
}

async fn until(namespace: &Namespace, what: &str, is: impl Fn(&Pod) -> bool) {
    let pods = namespace.api::<Pod>();
    eventually(what, async || {
        pods.get_opt("app").await.unwrap().filter(|pod| is(pod))
    })
    .await;
}

#[tokio::test]
async fn an_idle_pod_is_gone_in_seconds_and_not_in_its_grace_period() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let namespace = cluster.namespace("queue-idle").await;
    start(&namespace, pod(json!({}))).await;
    let pods = namespace.api::<Pod>();
    let begun = Instant::now();
    pods.delete("app", &DeleteParams::default()).await.unwrap();
    eventually("the pod is gone", async || {
        pods.get_opt("app").await.unwrap().is_none().then_some(())
    })
    .await;
    println!("an idle pod was gone after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(15), "{begun:?}");
}

#[tokio::test]
async fn an_app_started_again_by_its_liveness_probe_is_ready_again() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let namespace = cluster.namespace("queue-again").await;
    // Where the liveness probe asks there is nobody.
    let failing = json!({"tcpSocket": {"port": 9}, "initialDelaySeconds": 5, "periodSeconds": 30, "failureThreshold": 1});
    start(&namespace, pod(json!({"livenessProbe": failing}))).await;
    until(&namespace, "it was started again and is ready", |pod| {
        restarts(pod) == 1 && is_ready(pod)
    })
    .await;
}

#[tokio::test]
async fn draining_begins_with_the_pods_end_though_the_app_has_a_hook_of_its_own() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let namespace = cluster.namespace("queue-hook").await;
    // One that knows nothing of the queue.
    let hook = json!({"lifecycle": {"preStop": {"sleep": {"seconds": 15}}}});
    start(&namespace, pod(hook)).await;
    let pods = namespace.api::<Pod>();
    let status = pods.get("app").await.unwrap().status.unwrap();
    let ip = status.pod_ip.unwrap();
    let (pages, requests) = (
        format!("{ip}:{}", names::QUEUE_ADMIN_PORT),
        format!("{ip}:{}", names::QUEUE_PORT),
    );
    assert_eq!(get(&pages, "/readyz").await, Some(200));
    pods.delete("app", &DeleteParams::default()).await.unwrap();
    eventually("it drains", async || {
        (get(&pages, "/readyz").await == Some(503)).then_some(())
    })
    .await;
    // The app has not ended, so it is not SIGTERM that the queue heard.
    assert_eq!(get(&requests, "/").await, Some(200));
    eventually("the pod is gone", async || {
        pods.get_opt("app").await.unwrap().is_none().then_some(())
    })
    .await;
}

/// The status of an answer; `None`: nobody answers.
async fn get(address: &str, path: &str) -> Option<u16> {
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(Duration::from_secs(5), asked).await.ok()?.ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[tokio::test]
async fn pods_replaced_under_load_fail_no_request() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let namespace = cluster.namespace("queue-rollout").await;
    let labels = json!({"app": "app"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod(json!({}))},
        },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": names::QUEUE_PORT}]},
    });
    namespace.apply(&deployment.to_string()).await;
    namespace.apply(&service.to_string()).await;
    let rolled = ["rollout", "status", "deployment/app", "--timeout=90s"];
    namespace.kubectl(&rolled).await.unwrap();
    let service = namespace.api::<Service>().get("app").await.unwrap();
    let ip = service.spec.unwrap().cluster_ip.unwrap();
    let address = SocketAddr::new(ip.parse().unwrap(), 80);
    // The Service is there a moment before the node leads to its pods.
    eventually("the Service leads to a pod", async || {
        let connecting = tokio::net::TcpStream::connect(address);
        let connected = timeout(Duration::from_secs(1), connecting).await;
        matches!(connected, Ok(Ok(_))).then_some(())
    })
    .await;

    let mut traffic = Traffic::new(address, "app", "/");
    traffic.add(6, Duration::from_millis(5));
    sleep(Duration::from_secs(1)).await;
    let restart = ["rollout", "restart", "deployment/app"];
    namespace.kubectl(&restart).await.unwrap();
    namespace.kubectl(&rolled).await.unwrap();
    // The last of the old pods is on its way out still.
    sleep(Duration::from_secs(4)).await;
    let tally = traffic.end().await;
    println!(
        "{} answered, the longest after {:?}",
        tally.answered, tally.longest
    );
    assert!(tally.answered > 100, "{tally:?}");
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
}
