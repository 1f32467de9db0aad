// SPDX-License-Identifier: Apache-2.0
//! The steps of the pipeline, one file each, in their order: demand, mode, rate, delay, idle, bounds.
pub(crate) mod bounds;
pub(crate) mod delay;
pub(crate) mod demand;
pub(crate) mod idle;
pub(crate) mod mode;
pub(crate) mod rate;
pub(crate) mod spare;

use crate::decision::{Bound, Bounds};

/// The count on its way through the pipeline, with what bent it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Course {
    pub(crate) replicas: u32,
    pub(crate) bounds: Bounds,
}

impl Course {
    pub(crate) fn new(replicas: u32) -> Self {
        Self {
            replicas,
            bounds: Bounds::default(),
        }
    }
    pub(crate) fn at_least(&mut self, least: u32, bound: Bound) {
        self.set(self.replicas.max(least), bound);
    }
    pub(crate) fn at_most(&mut self, most: u32, bound: Bound) {
        self.set(self.replicas.min(most), bound);
    }
    pub(crate) fn set(&mut self, replicas: u32, bound: Bound) {
        if replicas != self.replicas {
            self.replicas = replicas;
            self.bounds.insert(bound);
        }
    }
}
