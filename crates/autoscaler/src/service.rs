// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, sync::Arc, time::Duration};

use cheerful_scaling::{Holding, Observation, Report, Scaling, Start};
use tokio::sync::broadcast;

use crate::{DecisionLine, Platform, RevisionView};

/// How the service runs.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct AutoscalerConfig {
    /// Between two decisions when nothing urges. Default 2 s.
    pub tick: Duration,
    /// Where to record, if anywhere.
    pub record: Option<PathBuf>,
}

/// What comes in for a revision.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Input {
    Add { scaling: Scaling, start: Start },
    Change { scaling: Scaling },
    Remove,
    Report(Report),
    Holding(Holding),
    Observation(Observation),
    /// A held request woke it: for `explain`.
    Woken { by: String },
    /// The last counted request: for `explain`.
    LastRequest { by: String },
}

/// The service has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the autoscaler has ended")]
pub struct Stopped;

/// A handle on the one task that owns every revision's [`cheerful_scaling::Scaler`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Autoscaler {}

#[allow(clippy::missing_errors_doc)]
impl Autoscaler {
    /// Starts the service on the present tokio runtime. The second value is the task: it ends when every handle is
    /// dropped, after the recording is flushed; await it at shutdown.
    pub fn start<P: Platform>(
        _config: AutoscalerConfig,
        _platform: Arc<P>,
    ) -> std::io::Result<(Self, tokio::task::JoinHandle<()>)> {
        todo!()
    }
    /// Hands an input over; never waits. When the bounded channel is full, a report or holding is dropped and counted.
    /// `Add`, `Change`, `Remove` go by the waiting [`Autoscaler::tell`].
    pub fn offer(&self, _revision: &str, _input: Input) {}
    /// Hands an input over, waiting for room.
    pub async fn tell(&self, _revision: &str, _input: Input) -> Result<(), Stopped> {
        Ok(())
    }
    /// All revisions (without their decisions), sorted by name.
    pub async fn overview(&self) -> Result<Vec<RevisionView>, Stopped> {
        Ok(vec![])
    }
    /// One revision with its decisions.
    pub async fn explain(&self, _revision: &str) -> Result<Option<RevisionView>, Stopped> {
        Ok(None)
    }
    /// Decisions as they are made (those that change something or are the first of their kind), with the revision's name.
    /// A slow reader loses the oldest.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<(String, DecisionLine)> {
        todo!()
    }
    /// The burst threshold of a revision as of its last decision, so that the gateway can be told.
    /// Told through the callback `on_threshold` given at start instead if that proves simpler.
    pub async fn burst_threshold(&self, _revision: &str) -> Result<Option<f64>, Stopped> {
        Ok(None)
    }
}
