// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the controller counts.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct ControllerMetrics {
    pub reconciles_total: AtomicU64,
    pub reconcile_errors_total: AtomicU64,
    pub reconcile_micros_total: AtomicU64,
    pub writes_total: AtomicU64,
    /// Revisions that wait to be looked at.
    pub queue_length: AtomicU64,
    pub revisions: AtomicU64,
    pub watch_failures_total: AtomicU64,
    pub leading: AtomicU64,
    /// 1 while the API for HPAs is registered and ours.
    pub registered: AtomicU64,
    /// 1 once every kind was listed.
    pub known: AtomicU64,
}

impl ControllerMetrics {
    /// As OpenMetrics text, without the end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a sum of times far below 2^53 microseconds"
        )]
        let seconds = self.reconcile_micros_total.load(Relaxed) as f64 / 1e6;
        for (name, kind, help, value) in [
            (
                "reconciles",
                "counter",
                "Looks at a Revision.",
                count(&self.reconciles_total),
            ),
            (
                "reconcile_errors",
                "counter",
                "Looks that failed.",
                count(&self.reconcile_errors_total),
            ),
            (
                "reconcile_seconds",
                "counter",
                "Time that they took.",
                seconds.to_string(),
            ),
            (
                "writes",
                "counter",
                "Objects written.",
                count(&self.writes_total),
            ),
            (
                "queue_length",
                "gauge",
                "Revisions that wait to be looked at.",
                count(&self.queue_length),
            ),
            (
                "revisions",
                "gauge",
                "Revisions known.",
                count(&self.revisions),
            ),
            (
                "watch_failures",
                "counter",
                "Watches that failed and began anew.",
                count(&self.watch_failures_total),
            ),
            (
                "leading",
                "gauge",
                "1 while this one leads.",
                count(&self.leading),
            ),
            (
                "external_metrics_registered",
                "gauge",
                "1 while this one leads and the API for HPAs is ours.",
                count(&self.registered),
            ),
        ] {
            let end = if kind == "counter" { "_total" } else { "" };
            text.push_str(&format!(
                "# HELP cheerful_controller_{name} {help}\n# TYPE cheerful_controller_{name} {kind}\n\
                 cheerful_controller_{name}{end} {value}\n"
            ));
        }
        text
    }
}

fn count(of: &AtomicU64) -> String {
    of.load(Relaxed).to_string()
}

pub(super) fn add(to: &AtomicU64, count: u64) {
    to.fetch_add(count, Relaxed);
}
