// SPDX-License-Identifier: Apache-2.0
//! The kinds Revision and Autoscaler: fields, defaults, validation, schema, loading.
mod choices;
mod duration;
mod scalar;
mod scaling;

pub use choices::{BurstCapacityText, ConcurrencyText, PausedText, TargetText};
pub use duration::{DurationText, NotADuration};
pub use scaling::ScalingSpec;
