// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use cheerful_autoscaler::Autoscaler;
use cheerful_console::ConsoleCounts;
use cheerful_kubernetes::{
    external::ExternalMetricsCounts,
    scaler::{ClusterAutoscaler, ScalerView},
};
use cheerful_wire::ServerMetrics;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    api::{cluster_metrics, cluster_samples, metrics::Samples},
    otlp::{OtlpCounts, Readable},
};

/// Between two readings: a scrape gets the last one.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where the metrics come from.
#[derive(Clone)]
pub(super) struct Counted {
    autoscaler: Autoscaler,
    view: ScalerView,
    server: Arc<ServerMetrics>,
    pub(super) external: Arc<ExternalMetricsCounts>,
    pub(super) otlp: Arc<OtlpCounts>,
    pub(super) console: Arc<ConsoleCounts>,
}

impl Counted {
    pub(super) fn new(running: &ClusterAutoscaler, server: &Arc<ServerMetrics>) -> Self {
        Self {
            autoscaler: running.autoscaler().clone(),
            view: running.view(),
            server: Arc::clone(server),
            external: Arc::default(),
            otlp: Arc::default(),
            console: Arc::default(),
        }
    }
}

impl Readable for Counted {
    async fn samples(&self) -> Option<Samples> {
        let revisions = self.autoscaler.overview().await.ok()?;
        let metrics = self.autoscaler.metrics().await.ok()?;
        let (scaler, server) = (self.view.metrics(), self.server.snapshot());
        Some(cluster_samples(
            &revisions,
            &metrics,
            &scaler,
            &server,
            &self.external.snapshot(),
            &self.otlp,
            &self.console,
        ))
    }
}

/// Reads the metrics from time to time, for the page gives them without waiting.
pub(super) fn follow(tasks: &mut JoinSet<()>, counted: Counted) -> watch::Receiver<String> {
    let (texts, text) = watch::channel("# EOF\n".to_owned());
    tasks.spawn(async move {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(samples) = counted.samples().await else {
                return;
            };
            match cluster_metrics(samples) {
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
