// SPDX-License-Identifier: Apache-2.0
//! The API server stands still in the middle of a burst. In a file of its own, for every other test would wait as well.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::time::Duration;

use cheerful_rig::cluster::{self, eventually};
use tokio::time::sleep;

use stage::Stage;

#[tokio::test]
async fn the_api_server_stopped_in_a_burst_is_waited_for() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let Some(own) = cluster.own() else { return };
    let stage = Stage::set(&cluster, "away").await;
    stage.app_of_at_least(1, "100ms").await;
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(6, Duration::from_millis(5));
    stage.at("app", 2).await;
    let before = stage.written("app").await;

    let stopped = own.stop("kube-apiserver").await;
    traffic.add(10, Duration::from_millis(5));
    sleep(Duration::from_secs(30)).await;
    drop(stopped);
    let during = traffic.tally();
    assert!(during.failed.is_empty(), "{:?}", during.failed);

    eventually("it resumes and scales", async || {
        let now = stage.namespace.kubectl(&["get", "deployment", "app"]).await;
        let now = if now.is_ok() {
            stage.written("app").await
        } else {
            0
        };
        assert!(now == 0 || now >= before, "{before} became {now}");
        (now > before).then_some(())
    })
    .await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
}
