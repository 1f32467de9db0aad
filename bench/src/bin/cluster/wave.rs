// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, pin::pin, process::Stdio, time::Duration};

use anyhow::Context;
use futures_util::TryStreamExt;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;
use tokio::{
    process::Command,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    load::get,
    stage::{Stage, address_of},
    table::row,
};

const SERVICES: usize = 100;
const NODE: &str = "fake-0";

/// A hundred services at zero are asked at once; their pods are kwok's, on a node that is none.
pub(crate) async fn measure(stage: &Stage) -> anyhow::Result<()> {
    let mut kwok = Command::new("kwok")
        .args(["--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"])
        .args(["--kubeconfig", &std::env::var("KUBECONFIG")?])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("kwok cannot be started")?;
    let nodes: Api<Node> = Api::all(stage.client.clone());
    let node = json!({
        "metadata": {"name": NODE, "labels": {"bench": "fake"}, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [{"key": "bench", "value": "fake", "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"cpu": "64", "memory": "256Gi", "pods": "1000"},
            "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "1000"},
        },
    });
    nodes
        .create(&PostParams::default(), &serde_json::from_value(node)?)
        .await?;
    let result = wake(stage).await;
    nodes.delete(NODE, &DeleteParams::default()).await?;
    kwok.kill().await?;
    result
}

async fn wake(stage: &Stage) -> anyhow::Result<()> {
    let mut pod = stage.pod_spec("0ms");
    pod["nodeSelector"] = json!({"bench": "fake"});
    pod["tolerations"] = json!([{"key": "bench", "operator": "Exists"}]);
    for number in 0..SERVICES {
        let object = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision",
            "metadata": {"name": format!("wave-{number}")},
            "spec": {"scaling": {"initial": 0}, "template": {"spec": pod}},
        });
        stage
            .revisions()
            .create(&PostParams::default(), &serde_json::from_value(object)?)
            .await?;
    }
    for number in 0..SERVICES {
        stage.ready(&format!("wave-{number}")).await?;
    }
    sleep(Duration::from_secs(3)).await;

    let deployments: Api<Deployment> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let mut changes = pin!(watcher(deployments, watcher::Config::default()).touched_objects());
    for _ in 0..SERVICES {
        changes.try_next().await?;
    }
    let gateway = address_of(&stage.client, "cheerful-system", "cheerful-gateway").await?;
    let since = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..SERVICES {
        let host = format!("wave-{number}.{}", stage.namespace);
        requests.spawn(async move { get(gateway, &host).await });
    }
    let mut written: BTreeMap<String, Duration> = BTreeMap::new();
    let all = timeout(Duration::from_secs(60), async {
        while written.len() < SERVICES
            && let Some(deployment) = changes.try_next().await?
        {
            let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            if replicas.is_some_and(|replicas| replicas > 0) {
                let name = deployment.metadata.name.unwrap_or_default();
                written.entry(name).or_insert_with(|| since.elapsed());
            }
        }
        anyhow::Ok(())
    });
    let in_time = all.await;
    // Nobody answers: the pods are none.
    requests.shutdown().await;
    let times: Vec<Duration> = written.into_values().collect();
    println!("{}", row("request -> /scale seen by a watch", &times));
    in_time.with_context(|| format!("only {} of {SERVICES} within a minute", times.len()))??;
    Ok(())
}
