// SPDX-License-Identifier: Apache-2.0
use std::future::Future;

use cheerful_scaling::Decision;

/// Where the replicas are. Observations come back as [`crate::Input::Observation`].
pub trait Platform: Send + Sync + 'static {
    /// Makes `replicas` the wanted count of a revision. Returns when the wish has been taken, not when the replicas
    /// are there. Dropping the future gives the wish up: that happens when it has not returned within 5 s.
    fn scale(
        &self,
        revision: &str,
        replicas: u32,
    ) -> impl Future<Output = Result<(), ScaleError>> + Send;

    /// Says from how many requests in flight (over all replicas) on a burst of this revision shows, so that whoever
    /// counts them can report at once. Called when it changes, from the task that decides: it must not block.
    fn burst_threshold(&self, _revision: &str, _requests: f64) {}

    /// Says how many requests in flight per replica are aimed for. Called when it changes, from the task that decides: it
    /// must not block.
    fn target(&self, _revision: &str, _requests: f64) {}

    /// Says each decision, from the task that decides: it must not block.
    fn decided(&self, _revision: &str, _decision: &Decision) {}
}

/// Why a scale was not written.
#[derive(Debug, thiserror::Error)]
#[error("scaling {revision:?} to {replicas}: {why}")]
#[allow(missing_docs)]
pub struct ScaleError {
    pub revision: String,
    pub replicas: u32,
    pub kind: ScaleErrorKind,
    pub why: String,
}

/// Whether it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleErrorKind {
    /// It failed: told once, counted, and tried again with each decision.
    #[default]
    Failed,
    /// It was not tried, for it is not ours to write: another writes (and this one only keeps up), or nobody is to. The
    /// wish is kept and offered again with each decision; nothing is told.
    Withheld,
}
