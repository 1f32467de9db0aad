// SPDX-License-Identifier: Apache-2.0
use cheerful_gateway::RevisionConfig;
use cheerful_processes::ProcessRevision;
use cheerful_scaling::{Moment, Observation, Paused, Scaling};

use super::{Signals, Spec, action::Action, name::version_name};

/// A revision of this machine: the version that takes its requests, and the one that is about to.
#[derive(Debug)]
pub(super) struct Revision {
    pub(super) door: RevisionConfig,
    pub(super) scaling: Scaling,
    pub(super) shadow: Option<Scaling>,
    /// A count that a person holds, in place of what the manifest says.
    pub(super) held: Option<Paused>,
    pub(super) signals: Signals,
    pub(super) current: Version,
    pub(super) next: Option<Next>,
    /// What the autoscaler wants; `None` until it has said so.
    pub(super) wanted: Option<u32>,
    /// The highest number given to a version.
    pub(super) latest: u32,
}

/// One version of a revision.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) name: String,
    pub(super) revision: String,
    pub(super) number: u32,
    pub(super) process: ProcessRevision,
    pub(super) seen: Observation,
}

/// A version that is to take over.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) version: Version,
    /// Ready replicas from which on it takes over.
    pub(super) goal: u32,
    pub(super) since: Moment,
    pub(super) last_crash: Option<String>,
}

impl Revision {
    /// Takes what its manifest says now; gives back a next version that is no longer wanted.
    pub(super) fn change(
        &mut self,
        spec: Spec,
        restart: bool,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Option<Version> {
        if spec.scaling != self.scaling {
            self.scaling = spec.scaling;
            actions.push(self.rescale());
        }
        if spec.shadow != self.shadow {
            self.shadow = spec.shadow;
            actions.push(self.beside());
        }
        if spec.signals != self.signals {
            self.signals = spec.signals;
            actions.push(self.listen());
        }
        if !same_door(&spec.door, &self.door) {
            self.door = spec.door;
            actions.push(Action::ChangeDoor(Box::new(self.current.door(&self.door))));
            if let Some(next) = &self.next {
                actions.push(Action::ChangeDoor(Box::new(next.version.door(&self.door))));
            }
        }
        let is_next = self
            .next
            .as_ref()
            .is_some_and(|next| next.version.has(&spec.process));
        if is_next && !restart {
            return None;
        }
        let dropped = self.next.take().map(|next| next.version);
        if restart || !self.current.has(&spec.process) {
            self.begin_next(spec.process, now, actions);
        } else if dropped.is_some() {
            actions.push(self.stand());
        }
        dropped
    }

    pub(super) fn begin_next(
        &mut self,
        process: ProcessRevision,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let revision = self.current.revision.clone();
        self.latest = self.latest.saturating_add(1);
        let version = Version::new(process, &revision, self.latest);
        let trial = u32::from(
            self.scaling.settings().initial > 0 || self.wanted.is_some_and(|wanted| wanted > 0),
        );
        let goal = self.current.seen.ready.max(trial);
        actions.push(version.make(&self.door));
        actions.push(Action::Say {
            revision,
            sentence: format!(
                "{} starts beside {}: {goal} to be ready",
                version.name, self.current.name
            ),
            failed: false,
        });
        self.next = Some(Next {
            version,
            goal,
            since: now,
            last_crash: None,
        });
        actions.push(self.stand());
        self.scale(actions);
    }

    pub(super) fn listen(&self) -> Action {
        Action::Listen {
            revision: self.current.revision.clone(),
            signals: Box::new(self.signals.clone()),
        }
    }

    pub(super) fn beside(&self) -> Action {
        Action::Shadow {
            revision: self.current.revision.clone(),
            scaling: self.shadow.clone().map(Box::new),
        }
    }

    pub(super) fn stand(&self) -> Action {
        Action::Stand {
            revision: self.current.revision.clone(),
            current: self.current.name.clone(),
            next: self.next.as_ref().map(|next| next.version.name.clone()),
        }
    }

    /// Both versions follow the autoscaler while one takes over from the other.
    pub(super) fn scale(&self, actions: &mut Vec<Action>) {
        if let Some(replicas) = self.wanted {
            actions.push(Action::Scale {
                version: self.current.name.clone(),
                replicas,
            });
        }
        if let Some(next) = &self.next {
            let replicas = next.goal.max(self.wanted.unwrap_or(0));
            actions.push(Action::Scale {
                version: next.version.name.clone(),
                replicas,
            });
        }
    }
}

impl Next {
    /// Whether it may take over from a version of which so much is there: what the old one has lost meanwhile need
    /// not be there in the new one.
    pub(super) fn is_enough(&self, old: Observation) -> bool {
        self.version.seen.ready >= self.goal.min(old.ready.max(1))
    }
}

impl Version {
    pub(super) fn new(process: ProcessRevision, revision: &str, number: u32) -> Self {
        let name = version_name(revision, number);
        let process = ProcessRevision {
            name: name.clone(),
            ..process
        };
        Self {
            name,
            revision: revision.to_owned(),
            number,
            process,
            seen: seen_here(Observation::default()),
        }
    }
    pub(super) fn make(&self, door: &RevisionConfig) -> Action {
        Action::Make {
            door: Box::new(self.door(door)),
            process: Box::new(self.process.clone()),
        }
    }
    pub(super) fn door(&self, door: &RevisionConfig) -> RevisionConfig {
        RevisionConfig {
            name: self.name.clone(),
            ..door.clone()
        }
    }
    /// Whether it is made of this.
    pub(super) fn has(&self, process: &ProcessRevision) -> bool {
        self.process
            == ProcessRevision {
                name: self.name.clone(),
                ..process.clone()
            }
    }
}

/// On one machine nothing comes in but through the gateway, from the first moment on.
pub(super) fn seen_here(observation: Observation) -> Observation {
    Observation {
        gateway_since: Some(Moment::ZERO),
        ..observation
    }
}

/// Whether two are the same but for the name.
fn same_door(a: &RevisionConfig, b: &RevisionConfig) -> bool {
    let RevisionConfig {
        name: _,
        routes,
        limit,
        target,
        hold,
        time_limits,
        waking,
    } = a;
    *routes == b.routes
        && *limit == b.limit
        && target.to_bits() == b.target.to_bits()
        && *hold == b.hold
        && *time_limits == b.time_limits
        && *waking == b.waking
}
