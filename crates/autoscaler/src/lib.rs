// SPDX-License-Identifier: Apache-2.0
//! The service: inputs in, a decision at each tick (and at once on a breach), one scale request at a time;
//! recording, replay and the plain data behind `explain` and `top`.
//!
//! [`Autoscaler`] is the handle. Behind it one task owns every revision: a pure machine (`machine`) that is told
//! what happened and when, and a shell (`task`) that owns the channel, the timer, the clock and the scale calls.
mod explain;
mod machine;
mod metrics;
mod platform;
mod policies;
mod recording;
mod replay;
mod service;
mod shadow;
mod task;

pub use explain::{CurvePoint, DecisionLine, LearnedView, RevisionView, SignalView};
pub use machine::{Anew, Tape};
pub use metrics::{Metrics, ScaleLatency};
pub use platform::{Platform, ScaleError, ScaleErrorKind};
pub use recording::VERSION as RECORDING_VERSION;
pub use replay::{Difference, ReplayError, ReplaySummary, replay};
pub use service::{Autoscaler, AutoscalerConfig, Input, Stopped};
pub use shadow::ShadowView;
