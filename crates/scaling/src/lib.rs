// SPDX-License-Identifier: Apache-2.0
//! The decision: reports and observations in, how many replicas out. Pure: no IO, clock, async or logging.
//!
//! A [`Scaler`] holds what is known of one revision. It is fed [`Report`]s, [`Holding`]s and
//! [`Observation`]s with the [`Moment`] of their arrival and gives a [`Decision`] when asked.
mod bucket;
mod capacity;
mod decide;
mod decision;
mod gauges;
mod history;
pub mod invariants;
mod latency;
mod learn;
mod ledger;
mod moment;
mod number;
mod observation;
mod pipeline;
mod presence;
mod reading;
mod reading_gauges;
mod refusal;
mod remembering;
mod report;
mod scaler;
mod scaling;
mod sentence;
mod serializer;
mod settings;
mod shadow;
mod sliding;
mod start;

pub use capacity::LearnedLoad;
pub use decision::{Bound, Decision, Mode};
pub use gauges::{Aim, Floor, Gauge, GaugeView, Gauges, Measured};
pub use latency::Latency;
pub use learn::{Forgotten, Learned, LearnedTarget, Memory, Why};
pub use moment::Moment;
pub use observation::{Averages, Holding, Observation};
pub use reading::Reading;
pub use refusal::{Refusal, RefusedCounts};
pub use report::Report;
pub use scaler::Scaler;
pub use scaling::{Invalid, Scaling};
pub use serializer::{Serializer, SerializerAction, SerializerEvent};
pub use settings::{
    BurstCapacity, Concurrency, Delay, Objective, Paused, Percentile, Policy, Settings, Target,
};
pub use shadow::{Bill, Compared, Shadow};
pub use start::Start;
