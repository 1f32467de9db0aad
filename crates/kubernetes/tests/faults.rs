// SPDX-License-Identifier: Apache-2.0
//! What dies under load, and what is lost by it. Each test has a cheerful of its own, in a namespace of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::{net::SocketAddr, time::Duration};

use cheerful_kubernetes::{names, resources::PathNow};
use cheerful_rig::{
    Traffic,
    cluster::{self, eventually, holds_for},
};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::api::DeleteParams;
use serde_json::json;
use tokio::time::{sleep, timeout};

use stage::{Stage, ip, name};

#[tokio::test]
async fn the_autoscaler_killed_in_a_burst_lowers_nothing_and_the_standby_decides() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "killed").await;
    stage.app_of_at_least(1, "100ms").await;
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(10, Duration::from_millis(1));
    stage.at("app", 2).await;

    let leases = stage.namespace.api::<Lease>();
    let leader = async || {
        let lease = leases.get(&names::autoscaler_lease(0)).await.unwrap();
        lease.spec.unwrap().holder_identity.unwrap_or_default()
    };
    let first = leader().await;
    let killed = stage
        .system
        .pods("autoscaler")
        .await
        .into_iter()
        .find(|pod| first.contains(name(pod)))
        .unwrap_or_else(|| panic!("{first} is no pod of the autoscaler"));
    let before = stage.written("app").await;
    stage.system.kill(&killed).await;

    // Another leads within seconds. The bound is wide, for the machine may be busy; the time is printed.
    let (next, took) = timed(timeout(Duration::from_secs(20), async {
        loop {
            let now = leader().await;
            if !now.is_empty() && now != first {
                return now;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }))
    .await;
    println!("after {took:?} {} leads", next.expect("nobody took over"));
    holds_for(Duration::from_secs(10), "nothing is lowered", async || {
        let now = stage.written("app").await;
        (now < before).then(|| format!("{before} became {now}"))
    })
    .await;

    // It follows more load, and nobody noticed.
    traffic.add(14, Duration::from_millis(1));
    eventually("the new leader scales", async || {
        (stage.written("app").await > before).then_some(())
    })
    .await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
}

#[tokio::test]
async fn an_app_pod_deleted_under_load_fails_no_request() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "deleted").await;
    stage.app_of_at_least(2, "200ms").await;
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(6, Duration::from_millis(5));
    for _ in 0..2 {
        sleep(Duration::from_secs(3)).await;
        let pods = stage.pods("app").await;
        let api = stage.namespace.api::<Pod>();
        api.delete(name(&pods[0]), &DeleteParams::default())
            .await
            .unwrap();
        stage.at("app", 2).await;
    }
    sleep(Duration::from_secs(3)).await;
    let tally = traffic.end().await;
    println!(
        "{} answered, the longest after {:?}",
        tally.answered, tally.longest
    );
    assert!(tally.answered > 50, "{tally:?}");
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
}

#[tokio::test]
async fn a_gateway_killed_while_it_holds_loses_only_what_it_held_and_none_hangs() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "gateway").await;
    stage
        .revision("app", &["--start-up", "12s"], stage::quick())
        .await;
    stage.at_zero("app").await;
    let gateways = stage.system.pods("gateway").await;
    let [dies, lives] = [&gateways[0], &gateways[1]];
    let (_, host) = stage.address("app").await;
    let held = |gateway: &Pod, count: usize| {
        let address = format!("{}:{}", ip(gateway), names::GATEWAY_PORT);
        let mut traffic = Traffic::new(address.parse::<SocketAddr>().unwrap(), &host, "/");
        traffic.once(count);
        traffic
    };
    let (lost, kept) = (held(dies, 100), held(lives, 100));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        lost.tally().answered + kept.tally().answered,
        0,
        "all are held"
    );
    stage.system.kill(dies).await;

    let (lost, took) = timed(lost.finish()).await;
    assert_eq!(
        (lost.answered, lost.failed.len()),
        (0, 100),
        "{:?}",
        lost.failed
    );
    for why in &lost.failed {
        assert!(!why.contains("hangs"), "{why}");
    }
    println!("what it held was closed after {took:?}");
    let kept = kept.finish().await;
    assert_eq!((kept.answered, kept.failed), (100, vec![]));
}

#[tokio::test]
async fn a_gateway_that_is_told_to_go_answers_what_it_holds() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "goes").await;
    stage
        .revision("app", &["--start-up", "8s"], stage::quick())
        .await;
    stage.at_zero("app").await;
    let mut traffic = stage.traffic("app", "/").await;
    traffic.once(60);
    sleep(Duration::from_secs(2)).await;
    let gateways = stage.system.pods("gateway").await;
    let api = stage.namespace.api::<Pod>();
    api.delete(name(&gateways[0]), &DeleteParams::default())
        .await
        .unwrap();
    let tally = traffic.finish().await;
    assert_eq!((tally.answered, tally.failed), (60, vec![]));
}

#[tokio::test]
async fn an_app_that_crashes_at_once_is_not_read_as_demand() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "crashes").await;
    let crashing = json!({"args": ["version"]});
    stage.revision_of("app", crashing, stage::quick()).await;
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(3, Duration::from_millis(100));
    holds_for(
        Duration::from_secs(40),
        "3 requests with a target of 4 want 1 replica",
        async || {
            let written = stage.written("app").await;
            (written > 1).then(|| format!("{written} were written"))
        },
    )
    .await;
    stage
        .until("says that its app crashes", "app", |it| {
            let status = it.status.clone().unwrap_or_default();
            status.conditions.iter().any(|one| {
                one.status == "False"
                    && [&one.reason, &one.message]
                        .iter()
                        .any(|text| text.contains("CrashLoopBackOff"))
            })
        })
        .await;
}

#[tokio::test]
async fn a_template_that_can_never_start_does_not_loop_up_and_says_why() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "never").await;
    let missing = json!({"image": "docker.io/local/nothing:1"});
    stage.revision_of("app", missing, stage::quick()).await;
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(3, Duration::from_millis(100));
    stage
        .until("tells the reason that the cluster gave", "app", |it| {
            let status = it.status.clone().unwrap_or_default();
            let told = |text: &str| text.contains("ErrImageNeverPull");
            let conditions = status.conditions.iter();
            conditions
                .filter(|one| one.status == "False")
                .any(|one| told(&one.reason) || told(&one.message))
        })
        .await;
    holds_for(
        Duration::from_secs(20),
        "3 requests with a target of 4 want 1 replica",
        async || {
            let written = stage.written("app").await;
            (written > 1).then(|| format!("{written} were written"))
        },
    )
    .await;
}

#[tokio::test]
async fn with_every_autoscaler_dead_requests_go_on() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "alone").await;
    let mut scaling = stage::quick();
    scaling["min"] = json!(1);
    stage.revision("app", &[], scaling).await;
    stage.at("app", 1).await;
    let none = ["scale", "deployment", names::AUTOSCALER, "--replicas=0"];
    stage.namespace.kubectl(&none).await.unwrap();
    eventually("no autoscaler is there", async || {
        stage
            .system
            .pods("autoscaler")
            .await
            .is_empty()
            .then_some(())
    })
    .await;
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(4, Duration::from_millis(10));
    let gateway = &stage.system.pods("gateway").await[0];
    let (_, host) = stage.address("app").await;
    let address = format!("{}:{}", ip(gateway), names::GATEWAY_PORT);
    let mut through = Traffic::new(address.parse().unwrap(), &host, "/");
    through.add(2, Duration::from_millis(10));
    sleep(Duration::from_secs(5)).await;
    for tally in [traffic.end().await, through.end().await] {
        assert!(tally.answered > 20 && tally.failed.is_empty(), "{tally:?}");
    }
    assert_eq!(stage.written("app").await, 1);
    let status = stage.object("app").await.status.unwrap();
    assert!(matches!(
        status.path.unwrap().now,
        PathNow::Gateway | PathNow::Both | PathNow::Pods
    ));
}

#[expect(clippy::disallowed_methods, reason = "measures a real cluster")]
async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let since = std::time::Instant::now();
    let result = future.await;
    (result, since.elapsed())
}
