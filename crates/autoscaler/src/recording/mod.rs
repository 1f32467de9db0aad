// SPDX-License-Identifier: Apache-2.0
//! A recording: all that the decisions saw, as NDJSON. `docs/recording.md` describes it field by field.
mod fields;
mod line;
mod read;
mod recorder;
mod writer;

pub(crate) use line::{ComparedRecord, DecisionRecord, Line};
pub(crate) use read::{Asked, Inputs, LINE_BYTES, ReadLine, read};
pub(crate) use recorder::Recorder;

/// The version of the format. A reader refuses any other but those from 1 on.
pub const VERSION: u64 = 4;

/// The oldest version that is read: 1 has no `learned`, 2 no `reading`, `floor` and `busy`, and 3 no
/// `shadow` and `compared`.
pub(crate) const OLDEST: u64 = 1;

/// What is wrong in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The field, where one is to blame.
    pub(crate) field: String,
    /// Its value, as JSON.
    pub(crate) value: String,
    /// What would be right.
    pub(crate) expected: String,
}

impl Fault {
    pub(crate) fn new(
        field: impl Into<String>,
        value: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            value: value.to_string(),
            expected: expected.into(),
        }
    }
}
