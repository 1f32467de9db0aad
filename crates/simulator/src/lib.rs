// SPDX-License-Identifier: Apache-2.0
//! Requests in, and over virtual time what each policy would have cost and who would have waited.
//!
//! [`simulate`] takes a load (an iterator of [`Arrival`]s in rising time), a [`Model`] of replica, gateway and
//! platform, and a [`Policy`]: the real `cheerful_scaling::Scaler` as [`Ours`], or one of the [`baselines`]. It
//! gives an [`Outcome`]. Event by event, no clock: one seed gives the same result to the bit.
mod arrival;
pub mod baselines;
mod contender;
mod curve;
mod engine;
mod law;
pub mod load;
mod model;
mod ours;
mod outcome;
mod policy;
pub mod report;
mod rng;
mod spread;
mod timeline;

pub use arrival::Arrival;
pub use contender::{Contender, NoContender};
pub use curve::Curve;
pub use engine::simulate;
pub use law::Law;
pub use model::{Hindrance, Hold, Model, Neighbours, Pauses};
pub use ours::Ours;
pub use outcome::Outcome;
pub use policy::{Choice, Leaving, OnHold, Policy, Reporting, Waiting};
pub use rng::Rng;
pub use spread::Spread;
pub use timeline::{Point, Timeline};
