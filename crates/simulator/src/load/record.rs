// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::clock::Stamp;
use crate::Rng;

/// Makes of each line of a trace what it says of the load. One for each layout.
pub(super) trait Reader: Send {
    /// # Errors
    /// What is wrong with the line, or with the whole trace.
    fn read(&mut self, line: &[u8]) -> Result<Record, Fault>;

    /// The next of many requests, after [`Record::Several`]: when it came and how long it took, in microseconds.
    fn several(&mut self, _rng: &mut Rng) -> Option<(i64, u64)> {
        None
    }

    /// What is left to say when all lines have been read; asked for until there is nothing.
    fn rest(&mut self) -> Option<Record> {
        None
    }

    /// How long a request takes of which only the count is known, where the trace says something of it.
    fn draw(&self, _rng: &mut Rng) -> Option<Duration> {
        None
    }

    /// When time begins, in microseconds; where it is not the first request.
    fn origin(&self) -> Option<i64> {
        None
    }

    /// Until when it tells of requests or of their absence, in microseconds; where that is not the last request.
    fn end(&self) -> Option<i64> {
        None
    }

    /// What a person should know of how the load was made.
    fn assumed(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What one line says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Record {
    /// Nothing of a request: a header.
    Nothing,
    /// Something of another service than the one that is asked for.
    Other,
    /// One request.
    Request {
        /// When.
        at: Stamp,
        /// Whether that is its beginning or its end.
        edge: Edge,
        /// How long it took, if the line says so.
        work: Option<Duration>,
    },
    /// So many requests somewhere in a period.
    Period(Period),
    /// Requests that [`Reader::several`] has.
    Several,
}

/// Which end of a request a time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// When it came.
    Start,
    /// When it was answered: what most logs write.
    End,
}

/// Requests of which only the count is known. In microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) from: i64,
    pub(super) length: i64,
    pub(super) count: u64,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The line is skipped.
    Broken(String),
    /// The trace cannot be used.
    Unusable(String),
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

impl From<&str> for Fault {
    fn from(what: &str) -> Self {
        Self::Broken(what.to_owned())
    }
}
