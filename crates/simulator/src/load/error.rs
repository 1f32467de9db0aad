// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why a load cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened.
    #[error("{}: {error}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be read to its end.
    #[error("{}: after line {line}: cannot be read: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The last line that was read.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {}{what}", path.display(), line_and_colon(.line))]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Where, from 1, if one line is to blame.
        line: Option<u64>,
        /// What is wrong and what would be right.
        what: String,
    },
    /// More lines are broken than are right.
    #[error(
        "{}: {broken} of {lines} lines are broken, more than half; the first: {first}",
        path.display()
    )]
    MostlyBroken {
        /// Which.
        path: PathBuf,
        /// Lines that are broken.
        broken: u64,
        /// Of so many.
        lines: u64,
        /// The first of them.
        first: Broken,
    },
    /// What was said about the load is not right.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

impl LoadError {
    pub(super) fn unusable(path: &Path, line: Option<u64>, what: impl Into<String>) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

/// A line that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where, from 1.
    pub line: u64,
    /// What is wrong with it and what would be right.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A wrong word in what a person wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value:?}: {expected}")]
pub struct SpecError {
    /// Which part of it.
    pub field: String,
    /// What it says.
    pub value: String,
    /// What would be right.
    pub expected: String,
}

impl SpecError {
    pub(super) fn new(
        field: impl Into<String>,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            value: value.into(),
            expected: expected.into(),
        }
    }
}

fn line_and_colon(line: &Option<u64>) -> String {
    line.map(|line| format!("line {line}: "))
        .unwrap_or_default()
}
