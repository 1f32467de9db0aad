// SPDX-License-Identifier: Apache-2.0
//! What the watches say.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cheerful_scaling::Moment;
use cheerful_wire::{Workload, WorkloadKind};

use super::Fleet;
use crate::names;
use crate::scaler::{
    conflict::{Claim, TargetKey, other},
    object::ObjectSeen,
    pod::{PodSeen, PodState},
    signals::Signals,
    target::{ScaleSeen, Target},
};

/// What a target's `/scale` says, as of a version of the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpecSeen {
    pub(crate) replicas: u32,
    pub(crate) version: u64,
}

/// How often the target of an Autoscaler is looked at: nobody watches it.
const LOOK: Duration = Duration::from_secs(30);
/// The same while it is not there.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Fleet {
    pub(crate) fn object(&mut self, mut seen: ObjectSeen, now: Moment) {
        let workload = seen.workload.clone();
        let leads = self.leads(&workload);
        let learned = seen.learned.take();
        if workload.kind == WorkloadKind::Autoscaler {
            self.claim(&seen);
        }
        let state = self.state(&workload);
        // Who leads wrote it.
        if state.learned.is_none() || !leads {
            state.learned = learned;
        }
        match &seen.scaling {
            Ok(scaling) => {
                state.scaling = Some(scaling.clone());
                state.beside.clone_from(&seen.beside);
                state.signals = seen.signals.clone();
            }
            Err(why) => {
                tracing::warn!(%workload, "the settings before stay: {why}");
            }
        }
        state.gateway_since = match seen.gateway_is_path {
            Some(true) => state.gateway_since.or(Some(now)),
            _ => None,
        };
        if state
            .object
            .as_ref()
            .is_some_and(|old| old.target != seen.target)
        {
            (state.spec, state.looked, state.target_fault) = (None, None, None);
            state.selector = None;
        }
        let is_new = state.object.is_none();
        state.object = Some(seen);
        if is_new {
            self.freshen(&workload, now);
        }
        self.pending.feed.insert(workload.clone());
        self.pending.status.insert(workload);
    }

    pub(crate) fn object_gone(&mut self, workload: &Workload) {
        if let Some(claims) = self.claims.get_mut(&workload.namespace)
            && workload.kind == WorkloadKind::Autoscaler
        {
            claims.remove(&workload.name);
        }
        for gateway in self.gateways.values_mut() {
            gateway.forget(workload);
        }
        if let Some(state) = self.workloads.get_mut(workload) {
            state.held = 0;
            state.object = None;
            (state.scaling, state.beside) = (None, None);
            state.signals = Signals::default();
            if workload.kind == WorkloadKind::Autoscaler {
                state.spec = None;
            }
            self.pending.feed.insert(workload.clone());
        }
        self.contested(&workload.namespace);
    }

    /// Objects of a kind that are known, so that those that are gone after a gap can be told.
    pub(crate) fn objects(&self, kind: WorkloadKind) -> BTreeSet<Workload> {
        let known = self.workloads.iter();
        known
            .filter(|(workload, state)| workload.kind == kind && state.object.is_some())
            .map(|(workload, _)| workload.clone())
            .collect()
    }

    pub(crate) fn pod(&mut self, seen: PodSeen, now: Moment) {
        let place = (seen.workload.namespace.clone(), seen.name.clone());
        let workload = seen.workload.clone();
        let before = self.homes.insert(place, workload.clone());
        if let Some(before) = before.filter(|before| *before != workload) {
            self.take_pod(&before, &seen.name);
        }
        let name = seen.name.clone();
        let state = self.state(&workload);
        let old = state.pods.get(&name).map(|pod| pod.standing(now));
        match state.pods.get_mut(&name) {
            Some(pod) if pod.seen.uid == seen.uid => pod.seen = seen,
            _ => {
                state.pods.insert(name.clone(), PodState::new(seen, now));
            }
        }
        self.tell_standing(&workload, &name, old, now);
        self.pending.feed.insert(workload.clone());
        self.pending.status.insert(workload);
    }

    pub(crate) fn pod_gone(&mut self, namespace: &str, name: &str) {
        let place = (namespace.to_owned(), name.to_owned());
        if let Some(workload) = self.homes.remove(&place) {
            self.take_pod(&workload, name);
        }
    }

    pub(crate) fn pods(&self) -> BTreeSet<(String, String)> {
        self.homes.keys().cloned().collect()
    }

    /// What the target of a workload has; older news than what is known is none.
    pub(crate) fn spec(&mut self, workload: &Workload, spec: SpecSeen) {
        let state = self.state(workload);
        if state.spec.is_some_and(|known| known.version > spec.version) {
            return;
        }
        state.spec = Some(spec);
        state.target_fault = None;
        self.pending.feed.insert(workload.clone());
        self.pending.status.insert(workload.clone());
    }

    pub(crate) fn spec_gone(&mut self, workload: &Workload) {
        if let Some(state) = self.workloads.get_mut(workload) {
            state.spec = None;
            self.pending.feed.insert(workload.clone());
            self.pending.status.insert(workload.clone());
        }
    }

    /// Workloads of Revisions whose Deployment is known.
    pub(crate) fn deployments(&self) -> BTreeSet<Workload> {
        let known = self.workloads.iter();
        known
            .filter(|(workload, state)| {
                workload.kind == WorkloadKind::Revision && state.spec.is_some()
            })
            .map(|(workload, _)| workload.clone())
            .collect()
    }

    pub(crate) fn hpa(&mut self, namespace: &str, name: &str, target: Option<TargetKey>) {
        let hpas = self.hpas.entry(namespace.to_owned()).or_default();
        match target {
            Some(target) => hpas.insert(name.to_owned(), target),
            None => hpas.remove(name),
        };
        if hpas.is_empty() {
            self.hpas.remove(namespace);
        }
        self.contested(namespace);
    }

    pub(crate) fn hpas(&self) -> BTreeSet<(String, String)> {
        let all = self.hpas.iter();
        all.flat_map(|(namespace, hpas)| {
            let pair = |name: &String| (namespace.clone(), name.clone());
            hpas.keys().map(pair)
        })
        .collect()
    }

    /// The targets of Autoscalers that should be looked at now.
    pub(crate) fn looks(&mut self, now: Moment) -> Vec<(Workload, Target)> {
        let mut looks = Vec::new();
        if self.only.is_some() {
            return looks;
        }
        for (workload, state) in &mut self.workloads {
            let Some(object) = &state.object else {
                continue;
            };
            let pause = if state.spec.is_some() {
                LOOK
            } else {
                LOOK_AGAIN
            };
            let is_due = state.looked.is_none_or(|at| now.since(at) >= pause);
            if workload.kind == WorkloadKind::Autoscaler && is_due {
                state.looked = Some(now);
                looks.push((workload.clone(), object.target.clone()));
            }
        }
        looks
    }

    /// What a look at the target of an Autoscaler has shown. One that is not there is not the same as no answer.
    pub(crate) fn looked(&mut self, workload: &Workload, seen: Result<ScaleSeen, (bool, String)>) {
        let Some(state) = self.workloads.get_mut(workload) else {
            return;
        };
        match seen {
            Ok(scale) => {
                state.selector = scale.selector;
                let (replicas, version) = (scale.replicas, scale.version);
                self.spec(workload, SpecSeen { replicas, version });
            }
            Err((is_gone, why)) => {
                if is_gone {
                    state.spec = None;
                }
                state.target_fault = Some(why);
                self.pending.status.insert(workload.clone());
            }
        }
    }

    /// Who else scales the target of an Autoscaler.
    pub(crate) fn scaled_by_other(&self, workload: &Workload) -> Option<String> {
        if workload.kind != WorkloadKind::Autoscaler {
            return None;
        }
        let object = self.workloads.get(workload)?.object.as_ref()?;
        if let Some(revision) = self.revision_of(&object.target) {
            return Some(revision);
        }
        let claims = self.claims.get(&workload.namespace);
        let hpas = self.hpas.get(&workload.namespace);
        other(
            &workload.name,
            &claim_of(object),
            claims.unwrap_or(&BTreeMap::new()),
            hpas.unwrap_or(&BTreeMap::new()),
        )
    }

    /// A Revision scales itself and its Deployment.
    fn revision_of(&self, target: &Target) -> Option<String> {
        let group = target.api_version.split_once('/').map(|(group, _)| group);
        let is_its = matches!(
            (group, &*target.kind),
            (Some("apps"), "Deployment") | (Some(names::GROUP), "Revision")
        );
        let revision = Workload {
            namespace: target.namespace.clone(),
            kind: WorkloadKind::Revision,
            name: target.name.clone(),
        };
        let is_there = (self.workloads.get(&revision)).is_some_and(|state| state.object.is_some());
        (is_its && is_there).then(|| format!("Revision {}", target.name))
    }

    fn claim(&mut self, seen: &ObjectSeen) {
        let namespace = seen.workload.namespace.clone();
        let claims = self.claims.entry(namespace.clone()).or_default();
        // One that only shows what it would do stands in nobody's way.
        if seen.shadow {
            claims.remove(&seen.workload.name);
        } else {
            claims.insert(seen.workload.name.clone(), claim_of(seen));
        }
        self.contested(&namespace);
    }

    /// Who scales what in a namespace may have changed.
    fn contested(&mut self, namespace: &str) {
        let all = self.workloads.keys();
        let concerned = all.filter(|workload| {
            workload.namespace == namespace && workload.kind == WorkloadKind::Autoscaler
        });
        self.pending.status.extend(concerned.cloned());
    }

    fn take_pod(&mut self, workload: &Workload, name: &str) {
        if let Some(state) = self.workloads.get_mut(workload) {
            let gone = state.pods.remove(name);
            if let Some(address) = gone.and_then(|pod| pod.address) {
                self.tell_replica(workload, name, address, false);
            }
            self.pending.feed.insert(workload.clone());
            self.pending.status.insert(workload.clone());
            self.sweep(workload);
        }
    }
}

fn claim_of(seen: &ObjectSeen) -> Claim {
    let target = &seen.target;
    Claim {
        target: TargetKey::new(&target.api_version, &target.kind, &target.name),
        created: seen.created.clone(),
    }
}
