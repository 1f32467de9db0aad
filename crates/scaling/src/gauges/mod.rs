// SPDX-License-Identifier: Apache-2.0
//! Signals that are no requests in flight: what is known of each, and how many replicas they ask for.
mod floor;
mod gauge;
mod label;
mod watch;

pub use floor::Floor;
pub use gauge::{Aim, Gauge, Gauges, Measured};
pub(crate) use label::Label;
pub use watch::GaugeView;
pub(crate) use watch::{Asked, Leading, Watch};
