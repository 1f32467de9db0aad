// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use cheerful_kubernetes::{
    lease::{Lease, LeaseConfig},
    names,
};
use cheerful_rig::cluster::{eventually, holds_for};
use cheerful_wire::WorkloadKind;
use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn a_standby_takes_over_in_a_burst_and_nothing_goes_down() {
    let Some(shop) = Shop::open("takeover").await else {
        return;
    };
    // The classic numbers, for the leader is to have nothing under way when it dies.
    shop.revision(
        "cart",
        json!({"min": 1, "max": 4, "target": 10, "policy": "stable-panic"}),
    )
    .await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 2)
        .await;
    let pods = shop.pods(2).await;
    let lease = |who| {
        let (client, config) = (shop.namespace.cluster().client(), LeaseConfig::default());
        Lease::run(client, shop.namespace.name(), "it", who, config)
    };
    let first = lease("leader");
    let mut leads = first.leadership();
    leads.wait_for(|is| is.until.is_some()).await.unwrap();
    let second = lease("standby");
    let leader = shop.scaler_led_by("leader", leads).await;
    let standby = shop.scaler_led_by("standby", second.leadership()).await;
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let mut to_leader = shop.speaker(&leader, cart.clone(), &pods[0]).await;
    let mut to_standby = shop.speaker(&standby, cart, &pods[0]).await;
    for _ in 0..3 {
        to_leader.report(8.0).await.unwrap();
        to_standby.report(8.0).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // The leader dies in the middle of a burst that the standby sees too.
    drop((to_leader, first, leader));
    let start = Instant::now();
    to_standby.burst(90.0).await.unwrap();
    let view = standby.running.view();
    assert!(!view.leads());
    holds_for(
        Duration::from_secs(1),
        "who does not lead writes nothing",
        async || {
            let replicas = shop.replicas("cart").await;
            (replicas != 2).then(|| format!("{replicas} are wanted"))
        },
    )
    .await;
    let took = eventually("the standby writes what it has wanted", async || {
        (shop.replicas("cart").await == 4).then(|| start.elapsed())
    })
    .await;
    println!("from the leader's death to the scale that the standby wrote: {took:?}");
    assert!(
        took < Duration::from_secs(10),
        "5 s on a machine that is not busy: {took:?}"
    );
    to_standby.report(0.0).await.unwrap();
    holds_for(Duration::from_secs(8), "nothing goes down", async || {
        let replicas = shop.replicas("cart").await;
        (replicas < 4).then(|| format!("{replicas} are wanted"))
    })
    .await;
}

#[tokio::test]
async fn one_that_has_just_started_holds_what_it_finds() {
    let Some(shop) = Shop::open("restart").await else {
        return;
    };
    shop.revision(
        "cart",
        json!({"target": 10, "idleDelay": "0s", "gracePeriod": "0s"}),
    )
    .await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 3)
        .await;
    shop.pods(3).await;
    let _scaler = shop.scaler("a", true).await;
    // No queue reports at all.
    holds_for(Duration::from_secs(15), "three are wanted", async || {
        let replicas = shop.replicas("cart").await;
        (replicas != 3).then(|| format!("{replicas} are"))
    })
    .await;
}
