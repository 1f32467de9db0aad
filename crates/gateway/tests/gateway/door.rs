// SPDX-License-Identifier: Apache-2.0
//! A gateway to test with, and requests to ask it for places.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use cheerful_gateway::{
    Gateway, GatewayEvent, GatewayPlace, HoldLimits, RevisionConfig, Route, WakingRules,
};
use cheerful_proxy::{Answer, Attempt, Choose, TimeLimits};
use tokio::{sync::mpsc, task::JoinSet};

pub(crate) fn revision(name: &str) -> RevisionConfig {
    RevisionConfig {
        name: name.to_owned(),
        routes: Vec::new(),
        limit: None,
        target: 7.0,
        hold: HoldLimits {
            requests: 200,
            bytes: 1 << 20,
            wait: Duration::from_secs(60),
        },
        time_limits: TimeLimits::default(),
        waking: WakingRules::default(),
    }
}

pub(crate) fn route(host: Option<&str>, path_prefix: Option<&str>) -> Route {
    Route {
        host: host.map(str::to_owned),
        path_prefix: path_prefix.map(str::to_owned),
    }
}

/// A gateway that knows these and routes to them.
pub(crate) fn gateway(
    revisions: impl IntoIterator<Item = RevisionConfig>,
) -> (Arc<Gateway>, mpsc::Receiver<GatewayEvent>) {
    let (sender, events) = mpsc::channel(16);
    let gateway = Gateway::new(sender);
    let mut names = Vec::new();
    for config in revisions {
        names.push(config.name.clone());
        gateway.add(config);
    }
    gateway.route(&names).unwrap();
    (gateway, events)
}

pub(crate) fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

pub(crate) async fn ask(gateway: &Gateway, path: &str) -> Result<GatewayPlace, Answer> {
    let request = http::Request::builder()
        .uri(path)
        .header("host", "example.com")
        .body(())
        .unwrap();
    let client = Some(SocketAddr::from(([10, 0, 0, 1], 5000)));
    gateway
        .choose(
            &request.into_parts().0,
            Attempt {
                number: 0,
                failed: &[],
                client,
            },
        )
        .await
}

/// Asks in tasks, in their order; returns when each has its place or stands in the line.
pub(crate) async fn ask_many(
    gateway: &Arc<Gateway>,
    paths: impl IntoIterator<Item = String>,
) -> JoinSet<(String, Result<GatewayPlace, Answer>)> {
    let mut asked = JoinSet::new();
    for path in paths {
        let gateway = Arc::clone(gateway);
        asked.spawn(async move {
            let answer = ask(&gateway, &path).await;
            (path, answer)
        });
        tokio::task::yield_now().await;
    }
    asked
}

pub(crate) fn held(gateway: &Gateway, revision: &str) -> u64 {
    let metrics = gateway.metrics();
    metrics
        .iter()
        .find(|known| known.revision == revision)
        .map_or(0, |known| known.held)
}
