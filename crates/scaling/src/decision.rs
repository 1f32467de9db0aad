// SPDX-License-Identifier: Apache-2.0
use serde::Serialize;

use crate::Moment;

/// Which average rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// The average over the stable window.
    Stable,
    /// The average over the panic window; the count never falls.
    Panic,
}

/// What kept the count from what was wanted (one bit each in [`Decision::bounds`]; H1 fills the list in).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum Bound {
    Min,
    Max,
    MaxUp,
    MaxDown,
    PanicNeverFalls,
    ScaleDownDelay,
    IdleDelay,
    GracePeriod,
    Activation,
    Paused,
    MissingData,
    NoData,
}

/// How many replicas there should be, and why. Small and `Copy`; the sentence is made when asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Decision {
    pub at: Moment,
    /// How many replicas. When `decided` is false: the present scale, held.
    pub replicas: u32,
    pub decided: bool,
    pub mode: Mode,
    /// What one more burst may bring before the replicas are full: ready x capacity - burst capacity - panic average.
    pub spare_capacity: i64,
    /// Replicas at the decision: ready and starting.
    pub present: u32,
    pub ready: u32,
    pub stable: f64,
    pub panic: f64,
    pub held: u64,
    /// Requests in flight right now, where a burst showed.
    pub burst: Option<f64>,
    pub target: f64,
    /// What the demand alone would have.
    pub wanted: u32,
    // bounds: set of Bound, iterable: `pub fn bounds(&self) -> impl Iterator<Item = Bound>`
}

impl Decision {
    /// One sentence, as a careful colleague would say it:
    /// `3 -> 8: 41 requests in flight on average over 6 s (panic), target 5.6 each; limited from 9 by max 8`.
    #[must_use]
    pub fn sentence(&self) -> String {
        todo!()
    }
    /// What bounded the count, in the order of the pipeline.
    pub fn bounds(&self) -> impl Iterator<Item = Bound> + use<> {
        std::iter::empty()
    }
}
