// SPDX-License-Identifier: Apache-2.0
//! What follows from a decision: what is written, what the status says, what is told as an event.
use cheerful_scaling::{Decision, Mode, Moment, Paused};
use cheerful_wire::{Workload, WorkloadKind};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    Fleet,
    workload::{WorkloadState, Written},
};
use crate::{
    resources::ScaleStatus,
    scaler::{condition, cost::Candidate, key, pod::Standing, target::Target},
};

/// What is to be done with a wish.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// It is not ours to write now.
    Withheld(String),
    /// The target has it already.
    Done,
    Write(WritePlan),
}

/// How a wish is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WritePlan {
    pub(crate) workload: Workload,
    pub(crate) target: Target,
    /// What the target has; `None`: that must be read first.
    pub(crate) known: Option<u32>,
    /// Nobody answers now: it goes before others.
    pub(crate) urgent: bool,
    /// The pods from which those that go are chosen; empty when none go.
    pub(crate) candidates: Vec<Candidate>,
}

/// Something worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) workload: Workload,
    pub(crate) uid: String,
    pub(crate) reason: &'static str,
    pub(crate) sentence: String,
}

/// A status that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StatusDue {
    pub(crate) workload: Workload,
    pub(crate) status: Written,
    /// The count for the object's own `/scale`, where it has another.
    pub(crate) mirror: Option<u32>,
}

impl Fleet {
    /// Takes a decision. `at`: the time of day, for people.
    pub(crate) fn decided(&mut self, key: &str, decision: &Decision, now: Moment, at: Time) {
        let Some(workload) = key::workload(key) else {
            return;
        };
        let tells = self.leads(&workload) && self.scaled_by_other(&workload).is_none();
        let Some(state) = self.workloads.get_mut(&workload) else {
            return;
        };
        let before = state.decision.replace(*decision);
        state.in_flight.decided(decision);
        let path = state.path.wanted();
        let path_changed = path != Some(state.path.step(now, decision));
        let from = before.map_or(decision.present, |before| before.replicas);
        let mode_changed = before.is_some_and(|before| before.mode != decision.mode);
        let changed = from != decision.replicas;
        // The sentence itself counts seconds down; what held the count is what a person wants to know.
        let held_by_other = before.is_none_or(|before| !before.bounds().eq(decision.bounds()));
        if changed || held_by_other {
            state.reason = Some((decision.sentence(), at));
        }
        if changed || mode_changed || path_changed || held_by_other {
            self.pending.status.insert(workload.clone());
        }
        let reason = match (from, decision.replicas) {
            _ if state.object.as_ref().is_some_and(|object| object.shadow) && changed => "Shadow",
            (from, to) if to > from && decision.mode == Mode::Panic => "Panic",
            (from, to) if to > from => "ScaledUp",
            (from, to) if to < from => "ScaledDown",
            _ => "",
        };
        if changed {
            let uid = (state.object.as_ref()).map(|object| object.uid.clone());
            self.freshen(&workload, now);
            if tells {
                self.happens(Happening {
                    workload,
                    uid: uid.unwrap_or_default(),
                    reason,
                    sentence: decision.sentence(),
                });
            }
        }
    }

    /// How a wish is to be written.
    pub(crate) fn plan(&self, key: &str, replicas: u32, now: Moment) -> Plan {
        let withheld = |why: &str| Plan::Withheld(why.to_owned());
        let workload = key::workload(key);
        let found = workload.and_then(|key| self.workloads.get_key_value(&key));
        let Some((workload, state)) = found else {
            return withheld("it is not known any more");
        };
        let Some(object) = &state.object else {
            return withheld("it is about to go");
        };
        if !self.leads(workload) {
            return withheld("another autoscaler writes");
        }
        if object.shadow {
            return withheld("it only shows what it would do");
        }
        if object.is_left_alone() {
            return withheld("it is paused");
        }
        if let Some(other) = self.scaled_by_other(workload) {
            return Plan::Withheld(format!("{other} scales it"));
        }
        let known = state.spec.map(|spec| spec.replicas);
        if known == Some(replicas) {
            return Plan::Done;
        }
        let goes_down = known.is_some_and(|known| replicas < known);
        let candidates = if goes_down && object.target.minds_deletion_cost() {
            state.candidates(now)
        } else {
            Vec::new()
        };
        Plan::Write(WritePlan {
            workload: workload.clone(),
            target: object.target.clone(),
            known,
            urgent: state.observation(now).ready == 0,
            candidates,
        })
    }

    /// Statuses that have changed and may be written.
    pub(crate) fn statuses(&mut self, now: Moment, most: usize) -> Vec<StatusDue> {
        let mut due = Vec::new();
        let pending = std::mem::take(&mut self.pending.status);
        for workload in pending {
            let leads = self.leads(&workload);
            let other = self.scaled_by_other(&workload);
            let is_others = self.only.as_ref().is_some_and(|only| *only != workload);
            let Some(state) = self.workloads.get_mut(&workload) else {
                continue;
            };
            // Who begins to lead looks at all of them again.
            if !leads || is_others {
                continue;
            }
            if due.len() >= most || !state.may_write_status(now) {
                self.pending.status.insert(workload);
                continue;
            }
            let Some(status) = state.status(now, &workload, other, &self.by) else {
                continue;
            };
            let wanted = u32::try_from(status.scale.wanted).unwrap_or(0);
            let mirrored = state.object.as_ref().and_then(|object| object.mirrored);
            let mirror = (state.decision.is_some() && mirrored != Some(wanted)).then_some(wanted);
            if state.written.as_ref() == Some(&status) && mirror.is_none() {
                continue;
            }
            state.written = Some(status.clone());
            state.written_at = Some(now);
            due.push(StatusDue {
                workload,
                status,
                mirror,
            });
        }
        due
    }

    /// A status could not be written: it is tried again.
    pub(crate) fn status_failed(&mut self, workload: &Workload) {
        if let Some(state) = self.workloads.get_mut(workload) {
            state.written = None;
            self.pending.status.insert(workload.clone());
        }
    }

    pub(crate) fn happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.pending.happenings).into()
    }

    fn happens(&mut self, happening: Happening) {
        if self.pending.happenings.len() < Self::HAPPENINGS {
            self.pending.happenings.push_back(happening);
        } else {
            self.counts.happenings_dropped += 1;
        }
    }
}

impl WorkloadState {
    fn candidates(&self, now: Moment) -> Vec<Candidate> {
        let there = self.pods.values().filter_map(|pod| {
            let standing = pod.standing(now);
            matches!(standing, Standing::Ready | Standing::Starting).then(|| Candidate {
                pod: pod.seen.name.clone(),
                ready: standing == Standing::Ready,
                in_flight: pod.heard.map_or(0.0, |heard| heard.in_flight),
                busy: pod.busy,
                seen_micros: pod.since.as_micros(),
                cost: pod.seen.cost,
            })
        });
        there.collect()
    }

    fn status(
        &self,
        now: Moment,
        workload: &Workload,
        other: Option<String>,
        by: &str,
    ) -> Option<Written> {
        let object = self.object.as_ref()?;
        let condition = (workload.kind == WorkloadKind::Autoscaler)
            .then(|| condition::ready(self, object, other, now));
        if self.decision.is_none() && condition.is_none() {
            return None;
        }
        let seen = self.observation(now);
        let wanted = self
            .decision
            .map_or_else(|| seen.present(), |decision| decision.replicas);
        let settings = self.scaling.as_ref().map(|scaling| scaling.settings());
        let mode = match self.decision.map(|decision| decision.mode) {
            _ if object.shadow => "shadow",
            _ if settings.is_some_and(|settings| settings.paused != Paused::No) => "paused",
            _ if wanted == 0 && seen.present() == 0 => "zero",
            Some(Mode::Panic) => "panic",
            _ => "stable",
        };
        let (reason, since) = self.reason.clone().unzip();
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Some(Written {
            replicas: seen.present(),
            scale: ScaleStatus {
                ready: count(seen.ready),
                starting: count(seen.starting),
                wanted: count(wanted),
                mode: mode.to_owned(),
                reason: reason.unwrap_or_default(),
                since,
                path: object.gateway_is_path.and_then(|_| self.path.wanted()),
                by: Some(by.to_owned()),
                signals: self.signal_lines.lines().to_vec(),
            },
            selector: condition.as_ref().and_then(|_| self.selector.clone()),
            generation: condition.as_ref().and(object.generation),
            condition,
            learned: self.learned.clone(),
            shadow: self.shadow.clone(),
        })
    }
}
