// SPDX-License-Identifier: Apache-2.0
//! What a second policy came to travels in the object's status: once a minute, for those that have one.
use cheerful_autoscaler::RevisionView;

use super::Fleet;
use crate::{resources::ShadowStatus, scaler::key};

impl Fleet {
    /// Whether any workload has a second policy.
    pub(crate) fn compares(&self) -> bool {
        (self.workloads.values()).any(|state| state.beside.is_some())
    }

    /// Takes what both policies came to.
    pub(crate) fn compared(&mut self, views: Vec<RevisionView>) {
        for view in views {
            let (Some(workload), Some(shadow)) = (key::workload(&view.revision), view.shadow)
            else {
                continue;
            };
            if !self.leads(&workload) {
                continue;
            }
            if let Some(state) = self.workloads.get_mut(&workload)
                && state.beside.is_some()
            {
                state.shadow = Some(ShadowStatus::from(&shadow));
                self.pending.status.insert(workload);
            }
        }
    }
}
