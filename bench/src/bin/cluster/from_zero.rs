// SPDX-License-Identifier: Apache-2.0
use std::{pin::pin, time::Duration};

use anyhow::Context;
use futures_util::TryStreamExt;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    load::get,
    stage::{Stage, is_ready},
    table::{median, row},
};

/// One request to a Revision at zero, beside what a pod alone takes on the same node.
pub(crate) async fn measure(stage: &Stage, rounds: usize) -> anyhow::Result<()> {
    let (mut bare, mut with_sidecar, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let name = format!("zero-{round}");
        let scaling = json!({"initial": 0, "max": 3});
        stage.revision(&name, "0ms", scaling).await?;
        stage.ready(&name).await?;
        let address = stage.service(&name).await?;
        // The proxy of the node takes a moment to know a Service.
        sleep(Duration::from_secs(2)).await;
        answered.push(get(address, &format!("{name}.{}", stage.namespace)).await?);

        let template = Api::<Deployment>::namespaced(stage.client.clone(), &stage.namespace)
            .get(&name)
            .await?
            .spec
            .context("a Deployment without a spec")?
            .template;
        stage
            .revisions()
            .delete(&name, &DeleteParams::default())
            .await?;
        sleep(Duration::from_secs(3)).await;
        let mut plain = stage.pod_spec("0ms");
        plain["containers"][0]["args"] = json!(["sample", "--port", "8080"]);
        bare.push(start(stage, &format!("bare-{round}"), plain).await?);
        let whole = serde_json::to_value(template.spec)?;
        with_sidecar.push(start(stage, &format!("sidecar-{round}"), whole).await?);
    }
    println!("{}", row("a bare pod: created -> ready", &bare));
    println!(
        "{}",
        row("the same with its queue: created -> ready", &with_sidecar)
    );
    println!("{}", row("from zero: request -> answer", &answered));
    let more = median(&answered).as_secs_f64() - median(&with_sidecar).as_secs_f64();
    println!(
        "from zero takes {:+.0} ms beside the pod with its queue",
        more * 1e3
    );
    Ok(())
}

async fn start(stage: &Stage, name: &str, spec: Value) -> anyhow::Result<Duration> {
    let pods = stage.pods();
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut changes = pin!(watcher(pods.clone(), only).touched_objects());
    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))?;
    let since = Instant::now();
    pods.create(&PostParams::default(), &pod).await?;
    let ready = timeout(Duration::from_secs(60), async {
        while let Some(pod) = changes.try_next().await? {
            if is_ready(&pod) {
                return Ok(since.elapsed());
            }
        }
        anyhow::bail!("the watch has ended")
    });
    let taken = ready.await.context("not ready within a minute")??;
    pods.delete(name, &DeleteParams::default().grace_period(0))
        .await?;
    sleep(Duration::from_secs(1)).await;
    Ok(taken)
}
