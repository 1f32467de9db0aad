// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use cheerful_autoscaler::{Autoscaler, Input};
use cheerful_gateway::{Bursts, Collected, Gateway, GatewayEvent};
use cheerful_processes::Processes;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use super::{Sources, Versions, revision_of};

/// Carries what the gateway counts to the autoscaler: once a second, and at once on a burst or a held request.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) autoscaler: Autoscaler,
    pub(crate) processes: Processes,
    pub(crate) versions: Arc<Versions>,
    pub(crate) sources: Sources,
}

/// Between two collections.
const INTERVAL: Duration = Duration::from_secs(1);
/// The first comes so much later: ticks come at whole seconds, and decide on what is a quarter of a second old then. Without
/// it that would be a whole second, for the autoscaler begins a moment before this.
const AFTER_TICK: Duration = Duration::from_millis(750);

impl Feed {
    /// Runs until the gateway's events end, or until dropped.
    pub(crate) async fn run(self, mut events: mpsc::Receiver<GatewayEvent>) {
        let mut interval = tokio::time::interval_at(Instant::now() + AFTER_TICK, INTERVAL);
        // As the ticks: one that is late delays none after it, so that they stay as far apart.
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut bursts = Bursts::default();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(GatewayEvent::Held { revision, by }) => self.held(&revision, by),
                    Some(GatewayEvent::Burst { revision }) => bursts.add(revision),
                    Some(GatewayEvent::ReplicaFailed { revision, replica }) => {
                        tracing::warn!(revision, replica, "{replica} does not take requests; it is probed again");
                        self.processes.failed(&revision, &replica).await;
                    }
                    None => break,
                },
                version = bursts.due() => self.collect(Some(&version), true),
                _ = interval.tick() => {
                    self.collect(None, false);
                    self.sources.collect(&self.autoscaler, &self.versions);
                }
            }
        }
    }

    fn held(&self, version: &str, by: String) {
        self.autoscaler
            .offer(revision_of(version), Input::Woken { by });
        self.collect(Some(version), false);
    }

    fn collect(&self, only: Option<&str>, burst: bool) {
        for collected in self.gateway.collect(only, burst) {
            if self.versions.is_current(&collected.revision) {
                offer(&self.autoscaler, &self.sources, collected);
            }
        }
    }
}

/// Hands over what was collected for the version that takes the requests.
pub(super) fn offer(autoscaler: &Autoscaler, sources: &Sources, collected: Collected) {
    let revision = revision_of(&collected.revision);
    // Where a signal counts the requests, only what is held here is told.
    if !sources.counted_by_signal(revision) {
        for report in collected.reports {
            autoscaler.offer(revision, Input::Report(report));
        }
    }
    autoscaler.offer(revision, Input::Holding(collected.holding));
    if let Some(by) = collected.last_request {
        autoscaler.offer(revision, Input::LastRequest { by });
    }
}
