// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use cheerful_kubernetes::{names, resources::Revision};
use cheerful_rig::cluster::{eventually, holds_for};
use cheerful_wire::{Downward, WorkloadKind};
use k8s_openapi::api::{core::v1::Pod, events::v1::Event};
use kube::{ResourceExt as _, api::ListParams};
use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn a_burst_is_written_at_once_and_told() {
    let Some(shop) = Shop::open("burst").await else {
        return;
    };
    // The panic that is told is the classic one: it lasts for a stable window.
    let classic = json!({"min": 1, "max": 3, "target": 10, "policy": "stable-panic"});
    shop.revision("cart", classic).await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 1)
        .await;
    let pods = shop.pods(1).await;
    let scaler = shop.scaler("a", true).await;
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let mut speaker = shop.speaker(&scaler, cart, &pods[0]).await;
    // Calm, as far as a stream that is new can say.
    for _ in 0..4 {
        speaker.report(1.0).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let pace = speaker.down.recv().await.unwrap();
    let Downward::Pace(pace) = pace else {
        panic!("{pace:?}");
    };
    assert_eq!(
        pace.interval,
        Duration::from_millis(200),
        "quick while it is new"
    );
    let start = Instant::now();
    speaker.burst(60.0).await.unwrap();
    let view = scaler.running.view();
    while !view.metrics().scale_writes.contains_key("written") {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            view.metrics()
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    println!("from the burst to the written scale: {:?}", start.elapsed());
    assert_eq!(shop.replicas("cart").await, 3);

    let revisions = shop.namespace.api::<Revision>();
    let scale = eventually("the status says so", async || {
        let scale = revisions.get("cart").await.unwrap().status?.scale?;
        (scale.wanted == 3).then_some(scale)
    })
    .await;
    assert_eq!(
        (scale.mode.as_str(), scale.by.as_deref()),
        ("panic", Some("a"))
    );
    assert!(scale.reason.contains("1 -> 3"), "{}", scale.reason);
    assert_eq!(
        scale.path,
        Some(cheerful_kubernetes::resources::WantedPath::Gateway)
    );
    let count = eventually("its own scale says so", async || {
        revisions.get_scale("cart").await.unwrap().spec?.replicas
    })
    .await;
    assert_eq!(count, 3);
    let events = shop.namespace.api::<Event>();
    eventually("an event tells it", async || {
        let all = events.list(&ListParams::default()).await.unwrap();
        all.items.into_iter().find(|event| {
            event.reason.as_deref() == Some("Panic")
                && event
                    .note
                    .as_deref()
                    .is_some_and(|note| note.contains("1 -> 3"))
        })
    })
    .await;
    let described = shop
        .namespace
        .kubectl(&["describe", "revision", "cart"])
        .await
        .unwrap();
    assert!(described.contains("1 -> 3"), "{described}");

    // What somebody else writes does not stay.
    shop.namespace
        .kubectl(&["scale", "deployment", "cart", "--replicas=2"])
        .await
        .unwrap();
    shop.scaled_to("cart", 3).await;
}

#[tokio::test]
async fn the_idlest_pod_goes_first() {
    let Some(shop) = Shop::open("idlest").await else {
        return;
    };
    let fast = json!({"min": 1, "target": 10, "stableWindow": "6s", "panicWindow": "2s", "scaleDownDelay": "0s"});
    shop.revision("cart", fast).await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 2)
        .await;
    let pods = shop.pods(2).await;
    let scaler = shop.scaler("a", true).await;
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let mut busy = shop.speaker(&scaler, cart.clone(), &pods[0]).await;
    let mut idle = shop.speaker(&scaler, cart, &pods[1]).await;
    eventually("one of both goes", async || {
        // A pod that goes is told that it is no one any more.
        busy.report(4.0).await.ok();
        idle.report(0.0).await.ok();
        tokio::time::sleep(Duration::from_millis(900)).await;
        (shop.replicas("cart").await == 1).then_some(())
    })
    .await;
    let left = shop.pods(1).await;
    assert_eq!(left[0].name_any(), pods[0].name_any());
    assert_eq!(scaler.running.view().metrics().deletion_marks, 1);
    let kept = shop
        .namespace
        .api::<Pod>()
        .get(&left[0].name_any())
        .await
        .unwrap();
    assert!(
        !kept
            .annotations()
            .contains_key("controller.kubernetes.io/pod-deletion-cost")
    );
}

#[tokio::test]
async fn a_template_that_cannot_start_does_not_go_up_and_up() {
    let Some(shop) = Shop::open("stuck").await else {
        return;
    };
    shop.revision("cart", json!({"initial": 2, "target": 10}))
        .await;
    shop.deployment_of(
        "cart",
        (names::REVISION_LABEL, "cart"),
        0,
        "docker.io/local/none:1",
    )
    .await;
    let scaler = shop.scaler("a", true).await;
    shop.scaled_to("cart", 2).await;
    holds_for(Duration::from_secs(12), "two are wanted", async || {
        let replicas = shop.replicas("cart").await;
        (replicas != 2).then(|| format!("{replicas} are"))
    })
    .await;
    let key = shop.key("cart");
    let lines = scaler.running.view().pods(&key);
    assert_eq!(lines.len(), 2);
    assert!(
        lines.iter().all(|line| line.state.starts_with("starting")),
        "{lines:?}"
    );
    let writes = scaler.running.view().metrics().scale_writes;
    assert_eq!(writes.get("written"), Some(&1), "{writes:?}");
}
