// SPDX-License-Identifier: Apache-2.0
//! What is to be read where it is not queues that tell the load: for workloads that we lead, and only while they are
//! there.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use cheerful_scaling::{Moment, Report};
use cheerful_signals::Unread;
use cheerful_wire::{Workload, WorkloadKind};

use super::{Fleet, workload::WorkloadState};
use crate::names;
use crate::scaler::{
    key,
    object::ObjectSeen,
    pod::{Heard, PodSeen, PodState, Standing},
    signals::Signals,
};

/// What whoever reads is to do next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Listen {
    /// The pods with these labels are the target's.
    Follow {
        workload: Workload,
        selector: String,
    },
    /// They are not any more.
    Unfollow(Workload),
    /// To this is to be listened, and to nothing else.
    Begin {
        workload: Workload,
        signals: Signals,
    },
    /// These are the pods that take requests, and where their apps answer.
    Replicas {
        workload: Workload,
        replicas: BTreeMap<String, SocketAddr>,
    },
    /// To nothing is to be listened.
    End(Workload),
}

/// What was said of a workload last.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    follows: Option<String>,
    /// Whether the pods that are followed were told once.
    told: bool,
    signals: Option<Signals>,
    replicas: BTreeMap<String, SocketAddr>,
}

impl Fleet {
    /// What has changed since this was asked last, in order.
    pub(crate) fn listen(&mut self) -> Vec<Listen> {
        std::mem::take(&mut self.pending.listen)
    }

    /// Whether a signal counts the requests of a workload in place of queues.
    pub(crate) fn counted_by_signal(&self, workload: &Workload) -> bool {
        let state = self.workloads.get(workload);
        state.is_some_and(|state| state.signals.counts_requests())
    }

    /// A pod of an Autoscaler's target.
    pub(crate) fn target_pod(&mut self, seen: PodSeen, now: Moment) {
        let workload = seen.workload.clone();
        let Some(state) = self.workloads.get_mut(&workload) else {
            return;
        };
        if state.listening.follows.is_none() {
            return;
        }
        match state.pods.get_mut(&seen.name) {
            Some(pod) if pod.seen.uid == seen.uid => pod.seen = seen,
            _ => {
                let name = seen.name.clone();
                state.pods.insert(name, PodState::new(seen, now));
            }
        }
        self.pending.feed.insert(workload.clone());
        self.pending.status.insert(workload);
    }

    pub(crate) fn target_pod_gone(&mut self, workload: &Workload, name: &str) {
        if let Some(state) = self.workloads.get_mut(workload)
            && state.pods.get(name).is_some_and(|pod| !pod.seen.has_queue)
        {
            state.pods.remove(name);
            self.pending.feed.insert(workload.clone());
            self.pending.status.insert(workload.clone());
        }
    }

    /// The pods of an Autoscaler's target that have no queue.
    pub(crate) fn target_pods(&self, workload: &Workload) -> BTreeSet<String> {
        let pods = self.workloads.get(workload).map(|state| &state.pods);
        pods.into_iter()
            .flatten()
            .filter(|(_, pod)| !pod.seen.has_queue)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// All pods of an Autoscaler's target have been told.
    pub(crate) fn target_pods_told(&mut self, workload: &Workload) {
        if let Some(state) = self.workloads.get_mut(workload) {
            state.listening.told = true;
            self.pending.feed.insert(workload.clone());
        }
    }

    /// What was read of a replica, so that the idlest pod goes first. False: nobody listens to it any more.
    pub(crate) fn read(&mut self, key: &str, report: Option<&Report>, now: Moment) -> bool {
        let Some((workload, state)) = self.listened_to(key) else {
            return false;
        };
        let is_first = !std::mem::replace(&mut state.heard, true);
        // A replica that counts anew is called by its pod's name and a number.
        let pod = report.and_then(|report| {
            let name = report.replica.split('#').next()?;
            Some((state.pods.get_mut(name)?, report))
        });
        if let Some((pod, report)) = pod
            && report.seconds > 0.0
        {
            pod.heard = Some(Heard {
                at: now,
                ready: true,
                draining: false,
                in_flight: (report.request_seconds + report.waiting_seconds) / report.seconds,
            });
        }
        if is_first {
            self.pending.status.insert(workload);
        }
        true
    }

    /// The selector of a workload's pods, and of those that are ready the CPU that each requests.
    ///
    /// # Errors
    /// When it is not known by what its pods are found.
    pub(crate) fn measured(
        &self,
        workload: &Workload,
        now: Moment,
    ) -> Result<(String, BTreeMap<String, Option<f64>>), Unread> {
        let state = self.workloads.get(workload);
        let selector = match workload.kind {
            WorkloadKind::Revision => Some(format!("{}={}", names::REVISION_LABEL, workload.name)),
            WorkloadKind::Autoscaler => state.and_then(|state| state.listening.follows.clone()),
        };
        let selector = selector.ok_or_else(|| Unread::Absent("selector of its pods".to_owned()))?;
        let pods = state.into_iter().flat_map(|state| &state.pods);
        let ready = pods.filter(|(_, pod)| pod.standing(now) == Standing::Ready);
        let requested = |(name, pod): (&String, &PodState)| (name.clone(), pod.seen.requested_cpu);
        Ok((selector, ready.map(requested).collect()))
    }

    /// A pod says whether it works in the background.
    pub(crate) fn busy(&mut self, key: &str, pod: &str, busy: bool) {
        if let Some((workload, state)) = self.listened_to(key)
            && let Some(pod) = state.pods.get_mut(pod)
        {
            pod.busy = busy;
            self.pending.feed.insert(workload);
        }
    }

    fn listened_to(&mut self, key: &str) -> Option<(Workload, &mut WorkloadState)> {
        let workload = key::workload(key)?;
        let state = self.workloads.get_mut(&workload)?;
        state
            .listening
            .signals
            .is_some()
            .then_some((workload, state))
    }
}

impl WorkloadState {
    /// Whether its pods are known as far as they will be: those without a queue are told apart.
    pub(crate) fn knows_pods(&self) -> bool {
        let Listening { told, follows, .. } = &self.listening;
        self.selects().is_none() || (*told && *follows == self.selector)
    }

    /// Whether pods without a queue are its replicas.
    fn selects(&self) -> Option<&ObjectSeen> {
        let is_others = |object: &&ObjectSeen| object.workload.kind == WorkloadKind::Autoscaler;
        (self.object.as_ref().filter(is_others)).filter(|_| !self.signals.sources.is_empty())
    }

    /// Says what is to be read now, if that is something else than before.
    pub(super) fn listen(
        &mut self,
        workload: &Workload,
        (is_ours, leads): (bool, bool),
        now: Moment,
        mut say: impl FnMut(Listen),
    ) {
        let selector = self
            .selector
            .as_ref()
            .filter(|selector| !selector.is_empty());
        let follows = selector
            .filter(|_| is_ours && self.selects().is_some())
            .cloned();
        if follows != self.listening.follows {
            self.listening.told = false;
            self.listening.follows.clone_from(&follows);
            match follows {
                Some(selector) => say(Listen::Follow {
                    workload: workload.clone(),
                    selector,
                }),
                None => {
                    self.pods.retain(|_, pod| pod.seen.has_queue);
                    say(Listen::Unfollow(workload.clone()));
                }
            }
        }
        let is_there = self.object.is_some() && self.knows_pods() && !self.fed.is_nothing();
        let signals =
            (is_ours && leads && is_there && !self.signals.is_nothing()).then_some(&self.signals);
        if signals != self.listening.signals.as_ref() {
            self.listening.signals = signals.cloned();
            match &self.listening.signals {
                Some(signals) => say(Listen::Begin {
                    workload: workload.clone(),
                    signals: signals.clone(),
                }),
                None => {
                    self.listening.replicas.clear();
                    for pod in self.pods.values_mut() {
                        pod.busy = false;
                    }
                    say(Listen::End(workload.clone()));
                }
            }
        }
        let reads_pods = |signals: &Signals| !signals.targets(&workload.namespace).is_empty();
        if self.listening.signals.as_ref().is_some_and(reads_pods) {
            let app = |(name, pod): (&String, &PodState)| Some((name.clone(), pod.app(now)?));
            let replicas: BTreeMap<_, _> = self.pods.iter().filter_map(app).collect();
            if replicas != self.listening.replicas {
                self.listening.replicas.clone_from(&replicas);
                say(Listen::Replicas {
                    workload: workload.clone(),
                    replicas,
                });
            }
        }
    }
}
