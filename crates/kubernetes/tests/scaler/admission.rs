// SPDX-License-Identifier: Apache-2.0
use cheerful_kubernetes::names;
use cheerful_wire::{Upward, Who, WorkloadKind};
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, api::DeleteParams};
use serde_json::json;

use crate::shop::{Shop, holding};

#[tokio::test]
async fn a_pod_reports_as_itself_alone() {
    let Some(shop) = Shop::open("admission").await else {
        return;
    };
    shop.revision("cart", json!({"min": 1})).await;
    shop.revision("till", json!({"min": 1})).await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 2)
        .await;
    let pods = shop.pods(2).await;
    let scaler = shop.scaler("a", false).await;
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let token = shop.token(&pods[0], names::TOKEN_AUDIENCE).await;
    let hello = shop.hello(cart.clone(), &pods[0], token.clone());

    let mut speaker = scaler.admit(hello.clone()).await.unwrap();
    speaker.report(1.0).await.unwrap();

    let mut forged = hello.clone();
    forged
        .token
        .replace_range(token.len() - 9..token.len() - 4, "AAAAA");
    let mut none = hello.clone();
    none.token.clear();
    let mut foreign = hello.clone();
    foreign.token = shop.token(&pods[0], "https://kubernetes.default.svc").await;
    let other_pod = shop.hello(cart.clone(), &pods[1], token.clone());
    let till = shop.workload(WorkloadKind::Revision, "till");
    let other_revision = shop.hello(till, &pods[0], token.clone());
    let mut elsewhere = hello.clone();
    if let Who::Queue { address, .. } = &mut elsewhere.who {
        *address = ([10, 0, 0, 1], names::QUEUE_PORT).into();
    }
    let mut gateway = hello.clone();
    gateway.who = Who::Gateway {
        namespace: shop.namespace.name().to_owned(),
        pod: pods[0].name_any(),
    };
    for (what, hello, reason) in [
        ("a forged token", forged, "token"),
        ("no token", none, "token"),
        ("a token for another audience", foreign, "token"),
        ("another pod's token", other_pod, "pod"),
        ("another revision", other_revision, "workload"),
        ("another address", elsewhere, "pod"),
        ("a queue as a gateway", gateway, "pod"),
    ] {
        let refusal = scaler.admit(hello).await.err();
        assert_eq!(
            refusal.as_ref().map(|is| is.reason),
            Some(reason),
            "{what}: {refusal:?}"
        );
    }
    let refusals = scaler.running.view().metrics().refusals;
    assert_eq!(refusals.values().sum::<u64>(), 7, "{refusals:?}");

    // A renewed token must be of the same pod; and no queue is a gateway.
    let renewed = shop.token(&pods[0], names::TOKEN_AUDIENCE).await;
    speaker.take(Upward::Token(renewed)).await.unwrap();
    assert_eq!(
        speaker.take(holding(cart, 7)).await.unwrap_err().reason,
        "bad_report"
    );
    let other = shop.token(&pods[1], names::TOKEN_AUDIENCE).await;
    assert_eq!(
        speaker.take(Upward::Token(other)).await.unwrap_err().reason,
        "pod"
    );

    // A pod that is gone has nothing to say.
    let api = shop.namespace.api::<Pod>();
    let at_once = DeleteParams::default().grace_period(0);
    api.delete(&pods[0].name_any(), &at_once).await.unwrap();
    let gone = cheerful_rig::cluster::eventually("the pod is forgotten", async || {
        speaker.report(1.0).await.err()
    })
    .await;
    assert_eq!(gone.reason, "pod");
}
