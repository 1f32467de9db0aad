// SPDX-License-Identifier: Apache-2.0
//! Minimum replicas by the clock: what a schedule means at a moment, and when that changes. Nothing is kept between two
//! questions, so a clock that is set forward or back is right at once.
mod begins;
mod clock;
mod window;

pub use clock::{floor, follow};
pub use window::{On, Schedule, next_change, on};
