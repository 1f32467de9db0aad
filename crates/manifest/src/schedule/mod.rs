// SPDX-License-Identifier: Apache-2.0
//! When: cron expressions and time zones, read and checked. What follows from them by the clock is told elsewhere.
mod cron;
mod field;
mod zone;

pub use cron::{Cron, NotACron};
pub use zone::{NotAZone, Zone};
