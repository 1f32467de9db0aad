// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler is told: the difference between what is and what it was told last, so that nothing that came in
//! between can be lost or overtaken.
use cheerful_autoscaler::Input;
use cheerful_scaling::{Holding, Moment, Observation, Scaling, Start};
use cheerful_wire::Workload;

use super::{Fleet, learning, workload::WorkloadState};

/// What the autoscaler was told of a workload.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    scaling: Option<Scaling>,
    beside: Option<Scaling>,
    observation: Option<Observation>,
    written: Option<u32>,
    woken: Option<String>,
}

impl Fed {
    pub(crate) const fn is_nothing(&self) -> bool {
        self.scaling.is_none()
    }
}

impl Fleet {
    /// What is to be told, in order.
    pub(crate) fn feed(&mut self, now: Moment) -> Vec<(String, Input)> {
        if !self.synced {
            return Vec::new();
        }
        let mut inputs = Vec::new();
        for workload in std::mem::take(&mut self.pending.feed) {
            let is_ours = self.is_ours(&workload);
            let leads = self.leads(&workload);
            let Some(state) = self.workloads.get_mut(&workload) else {
                continue;
            };
            let before = inputs.len();
            state.inputs(now, is_ours, |input| {
                inputs.push((workload.to_string(), input))
            });
            if inputs.len() > before {
                self.pending.status.insert(workload.clone());
            }
            let listen = &mut self.pending.listen;
            state.listen(&workload, (is_ours, leads), now, |change| {
                listen.push(change)
            });
            self.sweep(&workload);
        }
        inputs
    }

    /// Whether this autoscaler decides on it.
    fn is_ours(&self, workload: &Workload) -> bool {
        let dedicated = (self.workloads.get(workload))
            .and_then(|state| state.object.as_ref())
            .is_some_and(|object| object.dedicated);
        match &self.only {
            Some(only) => only == workload,
            None => !dedicated,
        }
    }
}

impl WorkloadState {
    fn inputs(&mut self, now: Moment, is_ours: bool, mut tell: impl FnMut(Input)) {
        let seen = self.observation(now);
        let scaling = self.scaling.clone().filter(|_| is_ours);
        // Before its target and its pods are known nothing can be said of how much there is, and of fewer pods than there
        // are a mean asks for too few.
        let is_known = self.knows_pods() && (self.spec.is_some() || !self.fed.is_nothing());
        if scaling.is_some() && !is_known {
            return;
        }
        match (scaling, &self.fed.scaling) {
            (None, None) => return,
            (None, Some(_)) => {
                tell(Input::Remove);
                self.fed = Fed::default();
                (self.decision, self.shadow) = (None, None);
                return;
            }
            (Some(scaling), None) => {
                // What is on its way is held as what is there: nobody knows what it is needed for.
                let ready = seen.present();
                let start = Start {
                    ready,
                    new: ready == 0 && self.object.as_ref().is_some_and(|object| object.is_new),
                    ..Start::default()
                };
                self.fed.scaling = Some(scaling.clone());
                // What was woken before is no news.
                self.fed.woken = self.object.as_ref().and_then(|object| object.woken.clone());
                tell(Input::Add { scaling, start });
                if let Some(recall) = self.learned.as_ref().and_then(learning::recall) {
                    tell(recall);
                }
            }
            (Some(scaling), Some(before)) if scaling != *before => {
                self.fed.scaling = Some(scaling.clone());
                tell(Input::Change { scaling });
            }
            (Some(_), Some(_)) => {}
        }
        if self.fed.observation != Some(seen) {
            self.fed.observation = Some(seen);
            tell(Input::Observation(seen));
        }
        if self.fed.beside != self.beside {
            self.fed.beside.clone_from(&self.beside);
            // What the one before came to is no news of this one.
            self.shadow = None;
            tell(Input::Shadow(self.beside.clone().map(Box::new)));
        }
        let written = self.spec.map(|spec| spec.replicas);
        if let Some(replicas) = written.filter(|_| written != self.fed.written) {
            self.fed.written = written;
            tell(Input::Written { replicas });
        }
        let woken = self.object.as_ref().and_then(|object| object.woken.clone());
        if let Some(by) = woken.filter(|by| self.fed.woken.as_ref() != Some(by)) {
            self.fed.woken = Some(by.clone());
            tell(Input::Woken { by });
            // As if a request had come, and had gone again.
            for (more, arrived) in [(1, 1), (0, 0)] {
                let held = self.held.saturating_add(more);
                tell(Input::Holding(Holding { held, arrived }));
            }
        }
        if std::mem::take(&mut self.decide) {
            tell(Input::Decide);
        }
    }
}
