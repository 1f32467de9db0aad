// SPDX-License-Identifier: Apache-2.0
//! All that is known of what is scaled, and what follows from it: the pure half of the autoscaler in a cluster. What
//! the watches, the streams and the decisions say goes in; what the autoscaler is to be told, what is to be written and
//! what the queues and gateways hear comes out.
mod comparing;
mod deciding;
mod feeding;
mod learning;
mod listening;
#[cfg(test)]
pub(crate) mod listening_tests;
mod objects;
mod pacing;
mod streams;
mod telling;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cheerful_scaling::Moment;
use cheerful_wire::Workload;

use super::{
    conflict::{Claim, TargetKey},
    key,
    pace::PaceRule,
};
pub(crate) use deciding::{Happening, Plan, StatusDue, WritePlan};
pub(crate) use listening::Listen;
pub(crate) use objects::SpecSeen;
pub(crate) use streams::{GatewayStream, Verdict};
pub(crate) use workload::WorkloadState;

/// Everything that is scaled here.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// The only one that is ours, for an autoscaler that serves one Revision alone.
    only: Option<Workload>,
    /// Who we are, for people.
    by: String,
    rule: PaceRule,
    /// Whether all watches have told everything once: before, an absence means nothing.
    synced: bool,
    /// By shard: whether we lead.
    leads: Vec<bool>,
    workloads: BTreeMap<Workload, WorkloadState>,
    /// The workload of each pod, by namespace and name.
    homes: BTreeMap<(String, String), Workload>,
    gateways: BTreeMap<u64, GatewayStream>,
    /// By namespace.
    claims: BTreeMap<String, BTreeMap<String, Claim>>,
    hpas: BTreeMap<String, BTreeMap<String, TargetKey>>,
    /// New, scaled or woken of late, and since when.
    fresh: BTreeMap<Workload, Moment>,
    next_stream: u64,
    queues: usize,
    fresh_queues: usize,
    pending: Pending,
    pub(crate) counts: FleetCounts,
}

/// What is to be done.
#[derive(Debug, Default)]
struct Pending {
    /// Whether the autoscaler has to be told something.
    feed: BTreeSet<Workload>,
    /// Whether queues have to be told something.
    pace: BTreeSet<Workload>,
    /// Whether the status may have changed.
    status: BTreeSet<Workload>,
    happenings: VecDeque<Happening>,
    /// What whoever reads signals has to be told; taken each time that the autoscaler is.
    listen: Vec<Listen>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FleetCounts {
    pub(crate) reports: u64,
    pub(crate) holdings: u64,
    /// Messages to queues and gateways that found their way full.
    pub(crate) down_dropped: u64,
    /// Events that found their line full.
    pub(crate) happenings_dropped: u64,
    /// What gateways said of workloads that are not known.
    pub(crate) unknown_workloads: u64,
}

impl Fleet {
    /// Events that wait to be written at most.
    const HAPPENINGS: usize = 1024;

    pub(crate) fn new(only: Option<Workload>, by: String, shards: usize) -> Self {
        Self {
            only,
            by,
            rule: PaceRule::default(),
            synced: false,
            leads: vec![false; shards.max(1)],
            workloads: BTreeMap::new(),
            homes: BTreeMap::new(),
            gateways: BTreeMap::new(),
            claims: BTreeMap::new(),
            hpas: BTreeMap::new(),
            fresh: BTreeMap::new(),
            next_stream: 0,
            queues: 0,
            fresh_queues: 0,
            pending: Pending::default(),
            counts: FleetCounts::default(),
        }
    }

    /// All watches have told everything once.
    pub(crate) fn synced(&mut self) {
        self.synced = true;
        self.pending.feed.extend(self.workloads.keys().cloned());
    }

    pub(crate) const fn is_synced(&self) -> bool {
        self.synced
    }

    /// We lead a shard from now on, or no longer. Who begins to lead decides at once.
    pub(crate) fn lead(&mut self, shard: usize, leads: bool) {
        let Some(was) = self.leads.get_mut(shard) else {
            return;
        };
        if *was == leads {
            return;
        }
        *was = leads;
        let shards = self.leads.len();
        for (workload, state) in &mut self.workloads {
            if key::shard(workload, shards) == shard {
                state.forget_status();
                state.decide |= leads;
                self.pending.feed.insert(workload.clone());
                self.pending.status.insert(workload.clone());
            }
        }
    }

    pub(crate) fn leading(&self) -> usize {
        self.leads.iter().filter(|leads| **leads).count()
    }

    pub(crate) fn leads(&self, workload: &Workload) -> bool {
        let shard = key::shard(workload, self.leads.len());
        self.leads.get(shard).copied().unwrap_or(false)
    }

    /// Once a second: what has changed only because time has passed.
    pub(crate) fn tick(&mut self, now: Moment) {
        self.fresh
            .retain(|_, since| now.since(*since) < PaceRule::FRESH);
        self.fresh_queues = (self.fresh.keys())
            .filter_map(|workload| self.workloads.get(workload))
            .map(|state| state.queues.len())
            .sum();
        for (workload, state) in &self.workloads {
            if !state.pods.is_empty() {
                self.pending.feed.insert(workload.clone());
            }
            if !state.queues.is_empty() {
                self.pending.pace.insert(workload.clone());
            }
        }
        for gateway in self.gateways.values() {
            self.pending.pace.extend(gateway.told.keys().cloned());
        }
    }

    /// Reads what is known of one.
    pub(crate) fn get(&self, workload: &Workload) -> Option<&WorkloadState> {
        self.workloads.get(workload)
    }

    pub(crate) fn sizes(&self) -> Sizes {
        Sizes {
            workloads: self.workloads.len(),
            pods: self.homes.len(),
            queues: self.queues,
            gateways: self.gateways.len(),
        }
    }

    fn state(&mut self, workload: &Workload) -> &mut WorkloadState {
        self.workloads.entry(workload.clone()).or_default()
    }

    fn freshen(&mut self, workload: &Workload, now: Moment) {
        if self.fresh.insert(workload.clone(), now).is_none() {
            self.pending.pace.insert(workload.clone());
        }
    }

    /// Forgets a workload of which nothing is left.
    fn sweep(&mut self, workload: &Workload) {
        let is_over = |state: &WorkloadState| {
            state.object.is_none()
                && state.pods.is_empty()
                && state.queues.is_empty()
                && state.spec.is_none()
                && state.fed.is_nothing()
        };
        if self.workloads.get(workload).is_some_and(is_over) {
            self.workloads.remove(workload);
            self.fresh.remove(workload);
        }
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) workloads: usize,
    pub(crate) pods: usize,
    pub(crate) queues: usize,
    pub(crate) gateways: usize,
}
