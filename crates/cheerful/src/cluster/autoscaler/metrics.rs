// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use cheerful_kubernetes::scaler::ClusterAutoscaler;
use cheerful_wire::ServerMetrics;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::api::cluster_metrics;

/// Between two readings: a scrape gets the last one.
const INTERVAL: Duration = Duration::from_secs(2);

/// Reads the metrics from time to time, for the page gives them without waiting.
pub(super) fn follow(
    tasks: &mut JoinSet<()>,
    running: &ClusterAutoscaler,
    server: &Arc<ServerMetrics>,
) -> watch::Receiver<String> {
    let (texts, text) = watch::channel("# EOF\n".to_owned());
    let (autoscaler, view) = (running.autoscaler().clone(), running.view());
    let server = Arc::clone(server);
    tasks.spawn(async move {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (revisions, metrics) = (autoscaler.overview().await, autoscaler.metrics().await);
            let (Ok(revisions), Ok(metrics)) = (revisions, metrics) else {
                return;
            };
            match cluster_metrics(&revisions, &metrics, &view.metrics(), &server.snapshot()) {
                Ok(text) => texts.send_replace(text),
                Err(error) => {
                    tracing::warn!("the metrics cannot be written as text: {error}");
                    return;
                }
            };
        }
    });
    text
}
