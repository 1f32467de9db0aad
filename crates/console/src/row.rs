// SPDX-License-Identifier: Apache-2.0
use cheerful_autoscaler::RevisionView;
use serde::{Serialize, Serializer};

use crate::{cost::Bill, pasts::Name, point::Point};

/// One revision in the overview.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    #[serde(serialize_with = "as_text")]
    pub(crate) revision: Name,
    ready: u32,
    starting: u32,
    draining: u32,
    wanted: u32,
    mode: String,
    held: u32,
    in_flight: f32,
    stable: f32,
    panic: f32,
    target: f32,
    why: String,
    /// `None`: there are so many revisions that of this one no past is kept.
    cost: Option<Bill>,
}

impl Row {
    pub(crate) fn new(view: &RevisionView, cost: Option<Bill>) -> Self {
        let Point {
            ready,
            starting,
            draining,
            wanted,
            held,
            in_flight,
            stable,
            panic,
            target,
            panicking: _,
        } = Point::of(view);
        Self {
            revision: Name::from(&*view.revision),
            ready,
            starting,
            draining,
            wanted,
            mode: view.mode.clone(),
            held,
            in_flight,
            stable,
            panic,
            target,
            why: view.why.clone(),
            cost,
        }
    }
}

fn as_text<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}
