// SPDX-License-Identifier: Apache-2.0
//! The policy beside the one that acts.
use std::sync::Arc;

use cheerful_scaling::{Moment, Scaling};

use super::{COMPARED, RevisionState};
use crate::{machine::Desk, recording::Line, shadow};

impl RevisionState {
    pub(super) fn beside(&mut self, scaling: Option<Scaling>, now: Moment, desk: &mut Desk) {
        let tick = desk.tick;
        if self.policies.set_beside(scaling, tick, now) {
            let settings = self.policies.beside();
            let settings = settings.map(|beside| beside.scaling().settings().clone());
            desk.record(|| Line::shadow(now, Arc::clone(&self.name), settings, tick));
            self.name_shadow(now);
        }
    }

    pub(super) fn name_shadow(&mut self, now: Moment) {
        let acting = self.policies.acting().scaling().settings();
        self.shadow = self.policies.beside().map(|beside| {
            let name = shadow::named(acting, beside.scaling().settings());
            (name, now)
        });
    }

    /// What both policies come to is recorded from time to time, so that a replay can be held against it.
    pub(super) fn record_compared(&mut self, now: Moment, desk: &mut Desk) {
        if let (Some((_, recorded)), Some(beside)) = (&mut self.shadow, self.policies.beside())
            && now.since(*recorded) >= COMPARED
        {
            *recorded = now;
            desk.record(|| Line::compared(now, Arc::clone(&self.name), beside.compared()));
        }
    }
}
