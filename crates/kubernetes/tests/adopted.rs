// SPDX-License-Identifier: Apache-2.0
//! Workloads that somebody else made, under a cheerful that is installed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::time::Duration;

use cheerful_rig::{
    Traffic,
    cluster::{self, cheerful_reads, eventually},
};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use serde_json::json;

use stage::Stage;

#[tokio::test]
async fn an_autoscaler_scales_what_has_an_injected_queue_whatever_its_kind() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "adopted").await;
    for kind in ["Deployment", "StatefulSet", "ReplicaSet"] {
        let name = kind.to_lowercase();
        let (labels, image) = (json!({"app": name}), cluster::image());
        let workload = json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": {
                "replicas": 1, "serviceName": name, "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                    "name": "app", "image": image, "imagePullPolicy": "Never",
                    "args": ["sample", "--latency", "100ms"],
                }]}},
            },
        });
        let mut workload = workload;
        if kind != "StatefulSet" {
            let spec = workload["spec"].as_object_mut().unwrap();
            spec.retain(|field, _| {
                !["serviceName", "podManagementPolicy"].contains(&field.as_str())
            });
        }
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        });
        let home = stage.namespace.name();
        let args = [
            "inject",
            "-f",
            "-",
            "--namespace",
            home,
            "--image",
            &image,
            "--services",
        ];
        let both = format!("{workload}\n---\n{service}\n");
        let injected = cheerful_reads(&args, &both).await.unwrap();
        stage.namespace.apply(&injected).await;
        let scaling = json!({
            "target": 4, "min": 1, "max": 3, "stableWindow": "10s", "panicWindow": "2s", "scaleDownDelay": "0s",
        });
        let autoscaler = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": name},
            "spec": {"scaleTargetRef": {"kind": kind, "name": name}, "scaling": scaling},
        });
        stage.namespace.apply(&autoscaler.to_string()).await;
        replicas(&stage, &name, 1).await;

        let address = stage.service(&name).await;
        eventually(
            &format!("the Service of the {kind} leads there"),
            async || {
                let mut one = Traffic::new(address, &name, "/");
                one.once(1);
                (one.finish().await.answered == 1).then_some(())
            },
        )
        .await;
        let mut traffic = Traffic::new(address, &name, "/");
        traffic.add(12, Duration::from_millis(1));
        replicas(&stage, &name, 3).await;
        let tally = traffic.end().await;
        assert!(tally.answered > 0, "{tally:?}");
        assert!(tally.failed.is_empty(), "{:?}", tally.failed);
        eventually(&format!("{kind} goes down again"), async || {
            (pods(&stage, &name).await.len() == 1).then_some(())
        })
        .await;
    }
    let rows = stage
        .namespace
        .kubectl(&["get", "autoscalers"])
        .await
        .unwrap();
    println!("{rows}");
}

async fn pods(stage: &Stage, app: &str) -> Vec<Pod> {
    let of = ListParams::default().labels(&format!("app={app}"));
    let mut pods = stage.namespace.api::<Pod>().list(&of).await.unwrap().items;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none() && stage::is_ready(pod));
    pods
}

async fn replicas(stage: &Stage, app: &str, count: usize) {
    eventually(
        &format!("{app} has {count} replicas that answer"),
        async || (pods(stage, app).await.len() >= count).then_some(()),
    )
    .await;
}
