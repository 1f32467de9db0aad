// SPDX-License-Identifier: Apache-2.0
use std::future::Future;

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
}

/// Why a scale could not be written.
#[derive(Debug, thiserror::Error)]
#[error("scaling {revision:?} to {replicas}: {why}")]
#[allow(missing_docs)]
pub struct ScaleError {
    pub revision: String,
    pub replicas: u32,
    pub why: String,
}
