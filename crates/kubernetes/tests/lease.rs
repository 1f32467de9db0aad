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
