// SPDX-License-Identifier: Apache-2.0
//! Step 6: what a person has set holds whatever came before.
use super::Course;
use crate::Bound;

pub(crate) struct Hold {
    /// The least of a new revision, while it counts.
    pub(crate) initial: Option<u32>,
    /// The least of a schedule that is on.
    pub(crate) schedule: Option<u32>,
    /// The count that a pause holds.
    pub(crate) paused: Option<u32>,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

impl Hold {
    pub(crate) fn apply(&self, course: &mut Course) {
        if let Some(initial) = self.initial {
            course.at_least(initial, Bound::Initial);
        }
        if let Some(least) = self.schedule {
            course.at_least(least, Bound::Schedule);
        }
        if let Some(paused) = self.paused {
            course.set(paused, Bound::Paused);
        }
        course.at_least(self.min, Bound::Min);
        if let Some(max) = self.max {
            course.at_most(max, Bound::Max);
        }
    }
}
