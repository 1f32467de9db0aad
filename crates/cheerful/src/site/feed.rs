// SPDX-License-Identifier: Apache-2.0
use std::{collections::VecDeque, sync::Arc, time::Duration};

use cheerful_autoscaler::{Autoscaler, Input};
use cheerful_gateway::{Collected, Gateway, GatewayEvent};
use cheerful_processes::Processes;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use super::{Versions, revision_of};

/// Carries what the gateway counts to the autoscaler: once a second, and at once on a burst or a held request.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) autoscaler: Autoscaler,
    pub(crate) processes: Processes,
    pub(crate) versions: Arc<Versions>,
}

/// Between two collections.
const INTERVAL: Duration = Duration::from_secs(1);

/// From the moment a burst shows to its report, so that the report is an average over some time.
const BURST_DELAY: Duration = Duration::from_millis(20);

impl Feed {
    /// Runs until the gateway's events end, or until dropped.
    pub(crate) async fn run(self, mut events: mpsc::Receiver<GatewayEvent>) {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bursts = Bursts::default();
        loop {
            let next_burst = bursts.due();
            tokio::select! {
                event = events.recv() => match event {
                    Some(GatewayEvent::Held { revision, by }) => self.held(&revision, by),
                    Some(GatewayEvent::Burst { revision }) => bursts.add(revision, Instant::now() + BURST_DELAY),
                    Some(GatewayEvent::ReplicaFailed { revision, replica }) => {
                        tracing::warn!(revision, replica, "{replica} does not take requests; it is probed again");
                        self.processes.failed(&revision, &replica).await;
                    }
                    None => break,
                },
                () = until(next_burst) => if let Some(version) = bursts.pop() {
                    self.collect(Some(&version), true);
                },
                _ = interval.tick() => self.collect(None, false),
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
                offer(&self.autoscaler, collected);
            }
        }
    }
}

/// Hands over what was collected for the version that takes the requests.
pub(super) fn offer(autoscaler: &Autoscaler, collected: Collected) {
    let revision = revision_of(&collected.revision);
    for report in collected.reports {
        autoscaler.offer(revision, Input::Report(report));
    }
    autoscaler.offer(revision, Input::Holding(collected.holding));
    if let Some(by) = collected.last_request {
        autoscaler.offer(revision, Input::LastRequest { by });
    }
}

/// Versions that have shown a burst, each once, in the order in which they are due. The delay is the same for all.
#[derive(Debug, Default)]
struct Bursts(VecDeque<(Instant, String)>);

impl Bursts {
    fn add(&mut self, version: String, due: Instant) {
        if self.0.iter().all(|(_, known)| *known != version) {
            self.0.push_back((due, version));
        }
    }
    fn due(&self) -> Option<Instant> {
        self.0.front().map(|(due, _)| *due)
    }
    fn pop(&mut self) -> Option<String> {
        self.0.pop_front().map(|(_, version)| version)
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_is_kept_once() {
        let mut bursts = Bursts::default();
        let due = Instant::now();
        bursts.add("a".to_owned(), due);
        bursts.add("b".to_owned(), due + BURST_DELAY);
        bursts.add("a".to_owned(), due + BURST_DELAY);
        assert_eq!(bursts.due(), Some(due));
        assert_eq!(bursts.pop().as_deref(), Some("a"));
        assert_eq!(bursts.pop().as_deref(), Some("b"));
        assert_eq!(bursts.pop(), None);
    }
}
