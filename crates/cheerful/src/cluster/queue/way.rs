// SPDX-License-Identifier: Apache-2.0
use std::{sync::OnceLock, time::Duration};

use cheerful_queue::Reports;
use cheerful_wire::{Downward, Link, LinkConfig, LinkMetrics, ReplicaReport, Upward};
use tokio::{sync::mpsc, time::sleep};

/// The way to the autoscalers. It opens as soon as its certificates can be read: the pod may be there before the
/// authority's certificates are, and its requests do not wait for them.
#[derive(Debug, Default)]
pub(super) struct Way {
    link: OnceLock<Link>,
}

/// Between two tries to read the certificates.
const AGAIN: Duration = Duration::from_secs(1);

impl Way {
    /// Opens it, and hands on what comes down, for ever.
    pub(super) async fn open(&self, config: LinkConfig, down: mpsc::Sender<Downward>) {
        let mut told = false;
        let mut from = loop {
            match Link::start(config.clone()) {
                Ok((link, from)) => {
                    // Nobody else sets it.
                    self.link.set(link).ok();
                    break from;
                }
                Err(error) if !told => {
                    told = true;
                    tracing::warn!(%error, "no reports yet: the way to the autoscaler is tried each second");
                }
                Err(_) => {}
            }
            sleep(AGAIN).await;
        };
        while let Some(message) = from.recv().await {
            if down.send(message).await.is_err() {
                break;
            }
        }
        std::future::pending().await
    }

    pub(super) fn metrics(&self) -> LinkMetrics {
        self.link.get().map(Link::metrics).unwrap_or_default()
    }
}

impl Reports for Way {
    fn send(&self, report: ReplicaReport) {
        if let Some(link) = self.link.get() {
            link.send(Upward::Report(report));
        }
    }

    fn opened(&self) -> u64 {
        self.metrics().connects_total
    }
}
