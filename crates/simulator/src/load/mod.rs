// SPDX-License-Identifier: Apache-2.0
//! Loads: what a trace says, or a law of arrivals, as [`crate::Arrival`]s in rising time.
//!
//! A [`Load`] can be opened again and again, for each policy is to see the same one. Memory does not grow with the
//! length of a trace. `docs/traces.md` has each layout with an example.
mod access_log;
mod arrivals;
mod azure_2019;
mod azure_2021;
mod azure_durations;
mod azure_llm;
mod clock;
mod columns;
mod error;
mod finished;
mod format;
mod holds;
mod json_lines;
mod lines;
mod mixture;
mod order;
mod pattern;
mod pattern_text;
mod periods;
mod quantity;
mod reading;
mod record;
mod recording;
mod service;
mod spread;
mod summary;
mod table;
mod trace;

pub use arrivals::Arrivals;
pub use columns::Columns;
pub use error::{Broken, LoadError, SpecError};
pub use format::Format;
pub use lines::Progress;
pub use pattern::{Pattern, Shape};
pub use quantity::Unit;
pub use record::Edge;
pub use spread::Spreading;
pub use summary::Summary;
pub use trace::Trace;

/// Where requests come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// From a file that others recorded, or a live autoscaler of ours.
    Trace(Trace),
    /// From a law.
    Pattern(Pattern),
}

impl Load {
    /// The requests from the beginning. The same seed gives the same ones to the bit.
    ///
    /// # Errors
    /// What is wrong with the file, as far as its first lines show it; the rest is told at its end by
    /// [`Arrivals::finish`].
    pub fn open(&self, seed: u64) -> Result<Arrivals, LoadError> {
        match self {
            Self::Trace(trace) => trace.open(seed),
            Self::Pattern(pattern) => Ok(pattern.arrivals(seed)),
        }
    }
}
