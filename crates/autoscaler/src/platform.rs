// SPDX-License-Identifier: Apache-2.0
use std::future::Future;

/// Where the replicas are. Observations come back as [`crate::Input::Observation`].
pub trait Platform: Send + Sync + 'static {
    /// Makes `replicas` the wanted count of a revision. Returns when the wish has been taken, not when the replicas
    /// are there. Dropping the future gives the wish up.
    fn scale(&self, revision: &str, replicas: u32) -> impl Future<Output = Result<(), ScaleError>> + Send;
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
