// SPDX-License-Identifier: Apache-2.0
//! The service: inputs in, a decision at each tick (and at once on a breach), one scale request at a time;
//! recording, replay and the plain data behind `explain` and `top`.
mod explain;
mod platform;
mod service;

pub use explain::{DecisionLine, RevisionView};
pub use platform::{Platform, ScaleError};
pub use service::{Autoscaler, AutoscalerConfig, Input, Stopped};
