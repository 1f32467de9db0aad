// SPDX-License-Identifier: Apache-2.0
//! A Revision with an autoscaler of its own, in the whole system.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::time::Duration;

use cheerful_kubernetes::resources::Revision;
use cheerful_rig::cluster::{self, Scope, System, cheerful, eventually};
use k8s_openapi::api::apps::v1::Deployment;

use stage::Stage;

const OWN: &str = "app-autoscaler";

#[tokio::test]
async fn a_revision_has_an_autoscaler_of_its_own_and_gives_it_back() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let namespace = cluster.namespace("own").await;
    let home = namespace.name().to_owned();
    let system = System::install(&cluster, &home, Scope::Namespace, &["--dedicated"]).await;
    let stage = Stage { namespace, system };
    stage
        .revision("app", &["--latency", "100ms"], stage::quick())
        .await;
    choose(&stage, "dedicated").await;
    stage.system.ready(OWN).await;
    stage
        .until("is decided by its own autoscaler", "app", |it| {
            decided_by(it).starts_with(OWN)
        })
        .await;
    stage.at_zero("app").await;

    // The gateways tell the one that serves it of the request that they hold.
    let first = stage.ask("app").await;
    assert_eq!((first.answered, first.failed), (1, vec![]));
    println!("the first request took {:?}", first.longest);
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(12, Duration::from_millis(1));
    stage.at("app", 3).await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    assert!(decided_by(&stage.object("app").await).starts_with(OWN));
    stage.at_zero("app").await;

    // It says why, and the shared one does not speak of it.
    let ask = ["explain", "app", "-n", &home, "--system-namespace", &home];
    let explained = cheerful(&ask).await.unwrap();
    println!("{explained}");
    assert!(explained.lines().count() >= 3, "{explained}");
    assert!(
        explained.contains("1 -> ") && explained.contains("-> 0"),
        "{explained}"
    );
    let ask = ["explain", "-n", &home, "--system-namespace", &home];
    let shared = cheerful(&ask).await.unwrap();
    assert!(!shared.contains("app"), "{shared}");

    // Back to the shared one, while it is in use.
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(6, Duration::from_millis(1));
    stage.at("app", 1).await;
    choose(&stage, "shared").await;
    eventually("its own autoscaler is gone", async || {
        let deployments = stage.namespace.api::<Deployment>();
        let found = deployments.get_opt(OWN).await.unwrap();
        found.is_none().then_some(())
    })
    .await;
    stage
        .until("is decided by the shared one", "app", |it| {
            decided_by(it).starts_with("cheerful-autoscaler")
        })
        .await;
    stage.at("app", 2).await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    stage.at_zero("app").await;
    assert_eq!(stage.ask("app").await.failed, Vec::<String>::new());
}

async fn choose(stage: &Stage, autoscaler: &str) {
    let patch = format!(r#"{{"spec": {{"autoscaler": "{autoscaler}"}}}}"#);
    let args = ["patch", "revision", "app", "--type=merge", "-p", &patch];
    stage.namespace.kubectl(&args).await.unwrap();
}

/// The pod that wrote its status last.
fn decided_by(revision: &Revision) -> &str {
    let scale = revision
        .status
        .as_ref()
        .and_then(|status| status.scale.as_ref());
    scale
        .and_then(|scale| scale.by.as_deref())
        .unwrap_or_default()
}
