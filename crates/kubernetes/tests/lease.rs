// SPDX-License-Identifier: Apache-2.0
//! The lease at a real API server. Skipped unless `CHEERFUL_TEST_CLUSTER=1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use cheerful_kubernetes::lease::{Lease, LeaseConfig};
use cheerful_rig::cluster;
use tokio::time;

fn leads(lease: &Lease) -> bool {
    lease.leadership().borrow().leads(Instant::now())
}

/// How long it takes until `one` leads.
async fn until_leads(one: &Lease) -> Duration {
    let start = Instant::now();
    while !leads(one) {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody leads");
        time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn one_leads_and_the_other_takes_over() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let space = cluster.namespace("lease").await;
    let run = |who| {
        Lease::run(
            cluster.client(),
            space.name(),
            "it",
            who,
            LeaseConfig::default(),
        )
    };
    let first = run("first");
    until_leads(&first).await;
    let second = run("second");
    let end = Instant::now() + Duration::from_secs(6);
    while Instant::now() < end {
        assert!(leads(&first) && !leads(&second), "the one that leads stays");
        time::sleep(Duration::from_millis(20)).await;
    }

    // In order: at once.
    first.release().await;
    let took = until_leads(&second).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    println!("took over {took:?} after the leader gave it back");

    // Its death: when it has not been seen for the duration.
    let third = run("third");
    time::sleep(Duration::from_secs(1)).await;
    drop(second);
    let took = until_leads(&third).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    println!("took over {took:?} after the leader's death");
    third.release().await;
}

#[tokio::test]
async fn a_lease_of_a_service_goes_with_it() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let space = cluster.namespace("lease-owned").await;
    space
        .apply("{apiVersion: v1, kind: Service, metadata: {name: cart-autoscaler}, spec: {clusterIP: None, ports: [{port: 1}]}}")
        .await;
    let services = space.api::<k8s_openapi::api::core::v1::Service>();
    let uid = services.get("cart-autoscaler").await.unwrap().metadata.uid;
    let (client, name) = (space.cluster().client(), "cart-autoscaler");
    let config = LeaseConfig::default();
    let lease = Lease::run_owned(client, space.name(), name, "a", config, uid.as_deref());
    let leases = space.api::<k8s_openapi::api::coordination::v1::Lease>();
    cluster::eventually("it is held", async || leases.get_opt(name).await.unwrap()).await;
    lease.release().await;
    services
        .delete(name, &kube::api::DeleteParams::default())
        .await
        .unwrap();
    cluster::eventually("it goes with its Service", async || {
        leases.get_opt(name).await.unwrap().is_none().then_some(())
    })
    .await;
}
