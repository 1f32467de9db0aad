// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_kubernetes::{
    names,
    resources::{Autoscaler, Revision, ShadowStatus},
};
use cheerful_rig::cluster::eventually;
use cheerful_wire::WorkloadKind;
use serde_json::json;

use crate::shop::{Shop, Speaker};

/// Each second a report of each, until that is told in a status.
async fn told(
    speakers: &mut [Speaker],
    in_flight: f64,
    status: impl AsyncFn() -> Option<ShadowStatus>,
) -> ShadowStatus {
    // A status tells it once a minute.
    for _ in 0..200 {
        for speaker in &mut *speakers {
            speaker.report(in_flight).await.unwrap();
        }
        if let Some(told) = status().await.filter(|told| told.requests >= 20) {
            return told;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the status says nothing: {:?}", status().await);
}

#[tokio::test]
async fn a_second_policy_of_a_revision_is_compared_in_its_status_and_not_written() {
    let Some(shop) = Shop::open("beside").await else {
        return;
    };
    let scaling = json!({"min": 1, "max": 1, "shadow": {"min": 3, "max": 5}});
    shop.revision("cart", scaling).await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 1)
        .await;
    let pods = shop.pods(1).await;
    let scaler = shop.scaler("a", true).await;
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let mut speakers = [shop.speaker(&scaler, cart, &pods[0]).await];
    let revisions = shop.namespace.api::<Revision>();
    let status = async || revisions.get("cart").await.unwrap().status?.shadow;
    let shadow = told(&mut speakers, 2.0, status).await;
    println!("{shadow:?}");
    assert_eq!((&*shadow.policy, shadow.ready), ("max 5, min 3", 3));
    assert!(
        shadow.message.starts_with("beside it, max 5, min 3"),
        "{shadow:?}"
    );
    let times = |status: &ShadowStatus| {
        status.shadow.replica_seconds as f64 / status.acting.replica_seconds as f64
    };
    assert!(times(&shadow) > 2.0, "{shadow:?}");
    assert_eq!(shop.replicas("cart").await, 1);
    let described = shop
        .namespace
        .kubectl(&["describe", "revision", "cart"])
        .await
        .unwrap();
    assert!(described.contains("beside it, max 5, min 3"), "{described}");

    shop.revision("cart", json!({"min": 1, "max": 1})).await;
    eventually("it is told no longer", async || {
        let status = revisions.get("cart").await.unwrap().status.unwrap();
        status.shadow.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn in_mode_shadow_it_is_beside_what_is_there() {
    let Some(shop) = Shop::open("beside-others").await else {
        return;
    };
    // Somebody keeps two where one would do.
    shop.deployment("till", (names::AUTOSCALER_LABEL, "till"), 2)
        .await;
    let autoscaler = json!({
        "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": "till"},
        "spec": {
            "mode": "Shadow", "scaleTargetRef": {"kind": "Deployment", "name": "till"},
            "scaling": {"target": 10, "stableWindow": "10s"},
        },
    });
    shop.namespace.apply(&autoscaler.to_string()).await;
    let pods = shop.pods(2).await;
    let scaler = shop.scaler("a", true).await;
    let mut speakers = Vec::new();
    for pod in &pods {
        let till = shop.workload(WorkloadKind::Autoscaler, "till");
        speakers.push(shop.speaker(&scaler, till, pod).await);
    }
    let autoscalers = shop.namespace.api::<Autoscaler>();
    let status = async || autoscalers.get("till").await.unwrap().status?.shadow;
    let shadow = told(&mut speakers, 1.0, status).await;
    println!("{shadow:?}");
    assert_eq!((&*shadow.policy, shadow.ready), ("auto", 1));
    assert!(
        shadow.message.starts_with("beside what is there, auto"),
        "{shadow:?}"
    );
    assert!(
        shadow.acting.replica_seconds > shadow.shadow.replica_seconds,
        "{shadow:?}"
    );
    assert_eq!(shop.replicas("till").await, 2);
}
