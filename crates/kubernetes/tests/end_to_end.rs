// SPDX-License-Identifier: Apache-2.0
//! What a person does and sees: install, apply an example, ask it, load it, leave it, take cheerful away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::time::Duration;

use cheerful_kubernetes::resources::PathNow;
use cheerful_rig::{
    Traffic,
    cluster::{self, Scope, System, cheerful, eventually},
};
use serde_json::json;

use stage::Stage;

#[tokio::test]
async fn hello_starts_on_its_first_request_follows_its_load_and_says_why() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let system = System::install(&cluster, "cheerful-system", Scope::Cluster, &[]).await;
    let namespace = cluster.namespace("hello").await;
    let home = namespace.name().to_owned();
    let stage = Stage { system, namespace };
    stage.namespace.apply(&example()).await;
    stage.scaling("hello", stage::quick()).await;

    // At rest: nothing runs, and the Service leads to the gateway.
    stage.at_zero("hello").await;

    // The first request starts it, and is answered.
    let first = stage.ask("hello").await;
    assert_eq!((first.answered, first.failed), (1, vec![]));
    println!("the first request took {:?}", first.longest);

    // It follows its load, and no request fails on the way, to the pods and back to the gateway.
    let mut traffic = stage.traffic("hello", "/wait?ms=100").await;
    traffic.add(16, Duration::from_millis(1));
    stage.at("hello", 3).await;
    let spread = stage.until("is spread", "hello", |it| {
        it.status
            .as_ref()
            .is_some_and(|status| status.scale.as_ref().is_some_and(|scale| scale.ready >= 3))
    });
    let status = spread.await.status.unwrap();
    let scale = status.scale.unwrap();
    assert!(scale.wanted >= 3 && !scale.reason.is_empty(), "{scale:?}");
    let rows = stage
        .namespace
        .kubectl(&["get", "revisions"])
        .await
        .unwrap();
    println!("{rows}");
    let row = rows.lines().find(|row| row.starts_with("hello")).unwrap();
    assert!(row.contains("True"), "{row}");
    stage
        .until(
            "leads to its pods when there is enough to spare",
            "hello",
            |it| {
                let path = it.status.as_ref().and_then(|status| status.path.as_ref());
                path.is_some_and(|path| path.now != PathNow::Gateway)
            },
        )
        .await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    stage.at_zero("hello").await;

    // It says why.
    let told = stage
        .namespace
        .kubectl(&["describe", "revision", "hello"])
        .await
        .unwrap();
    // Whether a rise was in panic is by chance: each alone may be.
    let rose = ["ScaledUp", "Panic"].iter().any(|it| told.contains(it));
    assert!(told.contains("Events:") && rose, "{told}");
    let explained = cheerful(&["explain", "hello", "-n", &home]).await.unwrap();
    println!("{explained}");
    assert!(explained.lines().count() >= 3, "{explained}");

    // Taken away, it leaves the workload running and reachable.
    stage.scaling("hello", json!({"min": 0})).await;
    let steps = cheerful(&["uninstall", "--yes"]).await.unwrap();
    println!("{steps}");
    let (address, host) = stage.address("hello").await;
    let mut after = Traffic::new(address, &host, "/");
    after.once(20);
    let tally = after.finish().await;
    assert_eq!((tally.answered, tally.failed), (20, vec![]));
    eventually("the definitions and the system are gone", async || {
        let crds = cluster
            .kubectl(&["get", "crd", "revisions.cheerful.dev"])
            .await;
        let system = cluster
            .kubectl(&["get", "namespace", "cheerful-system"])
            .await;
        (crds.is_err() && system.is_err()).then_some(())
    })
    .await;
    let mut later = Traffic::new(address, &host, "/");
    later.once(20);
    let tally = later.finish().await;
    assert_eq!((tally.answered, tally.failed), (20, vec![]));
}

/// `examples/hello.yaml`, with the image that the node has.
fn example() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let line = text
        .lines()
        .find(|line| line.trim().trim_start_matches("- ").starts_with("image:"));
    let line = line.expect("the example names an image");
    let (field, _) = line.split_once(':').unwrap();
    text.replace(line, &format!("{field}: {}", cluster::image()))
}
