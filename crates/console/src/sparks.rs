// SPDX-License-Identifier: Apache-2.0
use serde::Serialize;

use crate::past::Columns;

/// Revisions in one answer at most.
pub(crate) const MOST: usize = 64;
/// How far back a small chart goes.
pub(crate) const SECONDS: u64 = 300;

/// What the small chart of a row begins with; it goes on with what changes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spark {
    at: Vec<u64>,
    in_flight: Vec<f32>,
    ready: Vec<u32>,
}

impl Spark {
    pub(crate) fn of(columns: &Columns) -> Self {
        Self {
            at: columns.at.clone(),
            in_flight: columns.in_flight.clone(),
            ready: columns.ready.clone(),
        }
    }
}
