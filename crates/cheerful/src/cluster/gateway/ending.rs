// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_gateway::Gateway;
use tokio::time::{Instant, sleep, timeout};

use super::metrics::requests;
use crate::run::serve::Serving;

/// Between two looks at what came.
const LOOK: Duration = Duration::from_millis(250);
/// Without a request for so long, nobody sends any more.
const QUIET: Duration = Duration::from_secs(2);
/// For the last answers to get out.
const LAST: Duration = Duration::from_secs(1);

/// Ends without losing what was accepted: for `grace` all that come are served as before, for the cluster needs a while
/// to send no more; then no connection is accepted, and what is in flight or held has until `drain`. What is held then
/// gets 503, the rest is cut.
pub(super) async fn end(
    gateway: &Gateway,
    serving: &mut Serving,
    grace: Duration,
    drain: Duration,
) {
    serving.announce();
    if timeout(grace, quiet(gateway)).await.is_err() {
        tracing::debug!("requests still came after {grace:?}");
    }
    serving.drain();
    if timeout(drain, ended(serving)).await.is_ok() {
        return;
    }
    gateway.end_holding();
    if timeout(LAST, ended(serving)).await.is_err() {
        tracing::warn!("some requests were still in flight after {drain:?} and are cut");
    }
}

/// Until no request has come for a while and none is in flight.
async fn quiet(gateway: &Gateway) {
    let mut before = came(gateway);
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        sleep(LOOK).await;
        let now = came(gateway);
        if now != before {
            before = now;
            since = Instant::now();
        }
    }
}

fn came(gateway: &Gateway) -> (u64, u64) {
    let came = gateway.metrics().iter().map(requests).sum();
    (came, gateway.unrouted_requests())
}

async fn ended(serving: &mut Serving) {
    while let Some(ended) = serving.next_end().await {
        if let Err(error) = ended {
            tracing::error!("a serving thread ended: {error}");
        }
    }
}
