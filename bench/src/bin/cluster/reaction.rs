// SPDX-License-Identifier: Apache-2.0
use std::{pin::pin, time::Duration};

use anyhow::Context;
use futures_util::TryStreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::{load::Load, stage::Stage, table::row};

/// Requests in flight before the step, and what the step adds: ten times in all.
const BEFORE: usize = 6;
const STEP: usize = 54;
const TARGET: u32 = 10;
/// What 60 requests in flight want at 10 each.
const PODS: usize = 6;

/// A step of ten times the load: to the first scale that is written, and to the last pod that it needs.
pub(crate) async fn measure(stage: &Stage, rounds: usize) -> anyhow::Result<()> {
    let (mut written, mut ready) = (Vec::new(), Vec::new());
    let (mut answered, mut failed) = (0, 0);
    for round in 0..rounds {
        let name = format!("step-{round}");
        let scaling = json!({"target": TARGET, "min": 1, "max": 20});
        stage.revision(&name, "100ms", scaling).await?;
        stage.ready(&name).await?;
        stage.ready_pods(&name, 1).await?;
        let host = format!("{name}.{}", stage.namespace);
        let mut load = Load::new(stage.service(&name).await?, host);
        load.add(BEFORE, Duration::ZERO);
        sleep(Duration::from_secs(8)).await;

        let deployments: Api<Deployment> = Api::namespaced(stage.client.clone(), &stage.namespace);
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut changes = pin!(watcher(deployments, only).touched_objects());
        let before = replicas(&changes.try_next().await?.context("no Deployment")?);
        let since = Instant::now();
        load.add(STEP, Duration::ZERO);
        let first = timeout(Duration::from_secs(60), async {
            while let Some(deployment) = changes.try_next().await? {
                if replicas(&deployment) > before {
                    return Ok(since.elapsed());
                }
            }
            anyhow::bail!("the watch has ended")
        });
        written.push(
            first
                .await
                .context("nothing was scaled within a minute")??,
        );
        stage.ready_pods(&name, PODS).await?;
        ready.push(since.elapsed());
        sleep(Duration::from_secs(2)).await;
        let (more_answered, more_failed) = load.end().await;
        answered += more_answered;
        failed += more_failed;
        stage.revisions().delete(&name, &Default::default()).await?;
    }
    println!(
        "A step from {BEFORE} to {} requests in flight, target {TARGET}, answers after 100 ms",
        BEFORE + STEP
    );
    println!("{}", row("step -> /scale seen by a watch", &written));
    println!("{}", row(&format!("step -> {PODS} pods ready"), &ready));
    println!("{answered} answered, {failed} failed");
    Ok(())
}

fn replicas(deployment: &Deployment) -> i32 {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(0)
}
