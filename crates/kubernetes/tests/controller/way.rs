// SPDX-License-Identifier: Apache-2.0
use std::time::Instant;

use cheerful_kubernetes::{names, resources::PathNow};
use cheerful_rig::cluster::eventually;

use crate::stage::{GRACE, Stage};

#[tokio::test]
async fn requests_go_to_the_gateway_first_and_then_to_the_pods() {
    let Some(stage) = Stage::new("way").await else {
        return;
    };
    stage.gateways().await;
    stage.hello("initial: 1").await;
    eventually("the Service leads to the gateways", async || {
        (stage.endpoints(names::PATH_GATEWAY).await == Some(2)).then_some(())
    })
    .await;
    eventually("it is told", async || {
        (stage.path().await == Some(PathNow::Gateway)).then_some(())
    })
    .await;
    // Nobody asked for the pods yet.
    assert_eq!(stage.endpoints(names::PATH_PODS).await, Some(0));

    stage.wish("Pods").await;
    eventually("the Service leads to the pod too", async || {
        let pods = stage.endpoints(names::PATH_PODS).await;
        let gateways = stage.endpoints(names::PATH_GATEWAY).await;
        (pods == Some(1) && gateways == Some(2)).then_some(())
    })
    .await;
    let since = Instant::now();
    eventually("the gateways leave after a grace period", async || {
        (stage.endpoints(names::PATH_GATEWAY).await == Some(0)).then_some(())
    })
    .await;
    assert!(
        since.elapsed() + GRACE / 2 >= GRACE,
        "{:?}",
        since.elapsed()
    );
    assert_eq!(stage.endpoints(names::PATH_PODS).await, Some(1));
    eventually("it is told", async || {
        (stage.path().await == Some(PathNow::Pods)).then_some(())
    })
    .await;
    let ready = stage.condition("Ready").await.unwrap();
    assert_eq!(ready.0, "True", "{ready:?}");

    stage.wish("Gateway").await;
    let since = Instant::now();
    eventually("the gateways are back", async || {
        (stage.path().await == Some(PathNow::Gateway)).then_some(())
    })
    .await;
    println!("back to the gateway, and told, in {:?}", since.elapsed());
    assert_eq!(stage.endpoints(names::PATH_GATEWAY).await, Some(2));
    assert_eq!(stage.endpoints(names::PATH_PODS).await, Some(0));
    stage.end().await;
}
