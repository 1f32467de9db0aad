// SPDX-License-Identifier: Apache-2.0
//! Figures of one replica, as they are read from time to time, as reports.
//!
//! Where the sum of the durations of finished requests is known, the request-seconds of the reports add up to it, whatever
//! the times of the reads are: over a long time the average is exact. A sampled gauge alone has no such anchor.
mod figures;
mod identity;
mod latency;
#[cfg(test)]
mod properties;
mod reads;
mod unfinished;

pub use figures::Figures;
pub use reads::{Meter, Metered};
