// SPDX-License-Identifier: Apache-2.0
//! The decision: reports and observations in, how many replicas out. Pure: no IO, clock, async or logging.
//!
//! A [`Scaler`] holds what is known of one revision. It is fed [`Report`]s, [`Holding`]s and
//! [`Observation`]s with the [`Moment`] of their arrival and gives a [`Decision`] when asked.
mod decision;
mod latency;
mod moment;
mod observation;
mod report;
mod scaler;
mod serializer;
mod settings;

pub use decision::{Bound, Decision, Mode};
pub use latency::Latency;
pub use moment::Moment;
pub use observation::{Averages, Holding, Observation};
pub use report::{Refusal, RefusedCounts, Report};
pub use scaler::{Scaler, Start};
pub use serializer::{Serializer, SerializerAction, SerializerEvent};
pub use settings::{BurstCapacity, Concurrency, Invalid, Paused, Scaling, Settings, Target};
