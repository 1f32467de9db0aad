// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use cheerful_autoscaler::{Platform, ScaleError, ScaleErrorKind};
use cheerful_gateway::Gateway;
use cheerful_scaling::{Decision, Mode};
use tokio::sync::mpsc;

use super::{Event, Sources, Versions, shell::Order};

/// What the autoscaler scales: revisions, whichever version of them there is.
#[derive(Clone, Debug)]
pub(crate) struct SitePlatform {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) versions: Arc<Versions>,
    pub(super) sources: Sources,
}

impl Platform for SitePlatform {
    async fn scale(&self, revision: &str, replicas: u32) -> Result<(), ScaleError> {
        let wanted = Event::Wanted {
            revision: revision.to_owned(),
            replicas,
        };
        self.orders
            .send(Order::Event(wanted))
            .await
            .map_err(|_| ScaleError {
                kind: ScaleErrorKind::Failed,
                revision: revision.to_owned(),
                replicas,
                why: "the site has ended".to_owned(),
            })
    }

    fn burst_threshold(&self, revision: &str, requests: f64) {
        let version = self.versions.current(revision);
        self.sources.scraper.threshold(&version, requests);
        if let Err(unknown) = self.gateway.set_burst_threshold(&version, requests) {
            // The revision has been removed meanwhile.
            tracing::debug!("{unknown}");
        }
    }

    fn target(&self, revision: &str, requests: f64) {
        let version = self.versions.current(revision);
        if let Err(unknown) = self.gateway.set_target(&version, requests) {
            tracing::debug!("{unknown}");
        }
    }

    fn decided(&self, revision: &str, decision: &Decision) {
        let version = self.versions.current(revision);
        let panics = decision.mode == Mode::Panic;
        self.sources.scraper.panics(&version, panics);
    }
}
