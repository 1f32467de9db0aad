// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_kubernetes::{names, resources::Autoscaler};
use cheerful_rig::cluster::{eventually, holds_for};
use cheerful_wire::WorkloadKind;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::shop::Shop;

impl Shop {
    async fn autoscaler(&self, name: &str, target: Value, more: Value) {
        let mut object = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler",
            "metadata": {"name": name},
            "spec": {"scaleTargetRef": target, "scaling": {"max": 4, "target": 10}},
        });
        if let (Value::Object(spec), Value::Object(more)) = (&mut object["spec"], more) {
            spec.extend(more);
        }
        self.namespace.apply(&object.to_string()).await;
    }

    /// The message of its condition Ready, once it has that reason.
    async fn reason(&self, name: &str, reason: &str) -> String {
        let api = self.namespace.api::<Autoscaler>();
        eventually(reason, async || {
            let status = api.get(name).await.unwrap().status?;
            let ready = status
                .conditions
                .into_iter()
                .find(|is| is.type_ == "Ready")?;
            (ready.reason == reason).then_some(ready.message)
        })
        .await
    }
}

#[tokio::test]
async fn a_workload_of_others_is_scaled_unless_somebody_does_already() {
    let Some(shop) = Shop::open("others").await else {
        return;
    };
    let target = json!({"kind": "Deployment", "name": "till"});
    shop.autoscaler("till", target.clone(), json!({})).await;
    let scaler = shop.scaler("a", true).await;
    shop.reason("till", "TargetNotFound").await;
    shop.deployment("till", (names::AUTOSCALER_LABEL, "till"), 1)
        .await;
    let message = shop.reason("till", "NoReports").await;
    assert!(
        message.contains("none has reported") || message.contains("no pod"),
        "{message}"
    );

    let pods = shop.pods(1).await;
    let till = shop.workload(WorkloadKind::Autoscaler, "till");
    let mut speaker = shop.speaker(&scaler, till, &pods[0]).await;
    speaker.report(1.0).await.unwrap();
    let message = shop.reason("till", "Scaling").await;
    assert!(message.contains("scales Deployment"), "{message}");

    // A younger one for the same is refused by name, and an HPA stops both.
    shop.autoscaler("younger", target, json!({})).await;
    let message = shop.reason("younger", "ScaledByOther").await;
    assert!(message.contains("Autoscaler till"), "{message}");
    let hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "hpa"},
        "spec": {"maxReplicas": 2, "scaleTargetRef":
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "till"}},
    });
    shop.namespace.apply(&hpa.to_string()).await;
    let message = shop.reason("till", "ScaledByOther").await;
    assert!(message.contains("HorizontalPodAutoscaler hpa"), "{message}");
    speaker.burst(90.0).await.unwrap();
    holds_for(
        Duration::from_secs(4),
        "the HPA's target is left alone",
        async || {
            let replicas = shop.replicas("till").await;
            (replicas != 1).then(|| format!("{replicas} are wanted"))
        },
    )
    .await;
    shop.namespace
        .kubectl(&["delete", "hpa", "hpa"])
        .await
        .unwrap();
    speaker.burst(90.0).await.unwrap();
    shop.scaled_to("till", 4).await;
}

#[tokio::test]
async fn a_shadow_decides_and_writes_nothing() {
    let Some(shop) = Shop::open("shadow").await else {
        return;
    };
    let target = json!({"kind": "Deployment", "name": "till"});
    shop.autoscaler("till", target, json!({"mode": "Shadow"}))
        .await;
    shop.deployment("till", (names::AUTOSCALER_LABEL, "till"), 1)
        .await;
    let pods = shop.pods(1).await;
    let scaler = shop.scaler("a", true).await;
    let till = shop.workload(WorkloadKind::Autoscaler, "till");
    let mut speaker = shop.speaker(&scaler, till, &pods[0]).await;
    speaker.report(1.0).await.unwrap();
    shop.reason("till", "Shadow").await;
    let api = shop.namespace.api::<Autoscaler>();
    let told = eventually("it says what it would do", async || {
        let scale = api.get("till").await.unwrap().status?.scale?;
        (scale.wanted == 4).then_some(scale)
    });
    // A load that goes on: a single report is over before a slow machine has told what it made of it.
    let load = async {
        for _ in 0..200 {
            speaker.burst(90.0).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
    };
    let scale = tokio::select! {
        scale = told => scale,
        () = load => panic!("nobody told what it would do"),
    };
    assert_eq!(scale.mode, "shadow");
    assert_eq!(shop.replicas("till").await, 1);
    assert!(scaler.running.view().metrics().scale_writes.is_empty());
}
