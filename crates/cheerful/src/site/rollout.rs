// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::{Moment, Observation, Paused};

use super::{
    Signals, Spec,
    action::{Action, Event},
    revision::{Revision, Version, seen_here},
};

/// How each revision of this machine goes from what it is to what its manifest says: the pure machine.
///
/// Routes, limits and scaling hold at once. What replicas are made of (command, environment, folder, user, readiness,
/// drain and grace) makes a new version beside the old: as many replicas of it are started as the old one has ready
/// (at least one, unless `initial` is 0); when they are ready, routes and held requests move over and the old version
/// is drained. If they are not ready within [`Rollout::LIMIT`] the new version is given up and the old one goes on.
#[derive(Debug, Default)]
pub(crate) struct Rollout {
    revisions: BTreeMap<String, Revision>,
    /// Versions that are being drained and ended, by name.
    retiring: BTreeMap<String, Version>,
}

impl Rollout {
    /// How long a new version may take to become ready.
    pub(crate) const LIMIT: Duration = Duration::from_secs(60);

    /// Takes what happened and says what to do.
    pub(crate) fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Apply { specs, restart } => self.apply(specs, restart, now, &mut actions),
            Event::Wanted { revision, replicas } => {
                if let Some(known) = self.revisions.get_mut(&revision) {
                    known.wanted = Some(replicas);
                    known.scale(&mut actions);
                }
            }
            Event::Observed {
                version,
                observation,
            } => self.observed(&version, observation, &mut actions),
            Event::Crashed { version, why } => {
                if let Some(next) = self.of(&version).and_then(|r| r.next.as_mut())
                    && next.version.name == version
                {
                    next.last_crash = Some(why);
                }
            }
            Event::Retired { version } => {
                if let Some(gone) = self.retiring.remove(&version) {
                    self.move_held(&gone, &mut actions);
                    actions.push(Action::Forget { version });
                }
            }
            Event::Tick => self.tick(now, &mut actions),
        }
        actions
    }

    /// Holds a revision's count in place of what its manifest says; see [`Revision::hold`].
    ///
    /// # Errors
    /// When there is no such revision, or its settings do not allow it.
    pub(crate) fn hold(
        &mut self,
        revision: &str,
        paused: Option<Paused>,
    ) -> Result<Vec<Action>, String> {
        let known = self.revisions.get_mut(revision);
        let known = known.ok_or_else(|| format!("no revision is named {revision:?}"))?;
        Ok(vec![known.hold(paused)?])
    }

    fn apply(&mut self, specs: Vec<Spec>, restart: bool, now: Moment, actions: &mut Vec<Action>) {
        let mut old = std::mem::take(&mut self.revisions);
        let mut begin = Vec::new();
        for spec in specs {
            let name = spec.name().to_owned();
            let revision = match old.remove(&name) {
                Some(mut known) => {
                    if let Some(dropped) = known.change(spec, restart, now, actions) {
                        self.retire(dropped, actions);
                    }
                    known
                }
                None => {
                    begin.push(Action::Begin {
                        revision: name.clone(),
                        scaling: Box::new(spec.scaling.clone()),
                    });
                    let made = self.make(spec, actions);
                    if made.shadow.is_some() {
                        begin.push(made.beside());
                    }
                    if made.signals != Signals::default() {
                        begin.push(made.listen());
                    }
                    made
                }
            };
            self.revisions.insert(name, revision);
        }
        actions.push(self.route());
        actions.append(&mut begin);
        for (name, gone) in old {
            actions.push(Action::End { revision: name });
            if let Some(next) = gone.next {
                self.retire(next.version, actions);
            }
            self.retire(gone.current, actions);
        }
        // Those that need no replica to be ready first.
        let replaced = self
            .revisions
            .iter()
            .filter(|(_, known)| known.next.is_some());
        let replaced = replaced.map(|(name, _)| name.clone()).collect();
        self.hand_over(replaced, actions);
    }

    /// A revision that was not there. Its versions are numbered on from those of the same name that are still ending.
    fn make(&self, spec: Spec, actions: &mut Vec<Action>) -> Revision {
        let name = spec.name().to_owned();
        let latest = self
            .retiring
            .values()
            .filter(|ending| ending.revision == name)
            .map(|ending| ending.number)
            .max()
            .unwrap_or(0);
        let current = Version::new(spec.process, &name, latest.saturating_add(1));
        actions.push(current.make(&spec.door));
        let latest = current.number;
        let revision = Revision {
            door: spec.door,
            scaling: spec.scaling,
            shadow: spec.shadow,
            held: None,
            signals: spec.signals,
            current,
            next: None,
            wanted: None,
            latest,
        };
        actions.push(revision.stand());
        revision
    }

    fn observed(&mut self, version: &str, observation: Observation, actions: &mut Vec<Action>) {
        let Some(known) = self.of(version) else {
            return;
        };
        if known.current.name == version {
            let observation = seen_here(observation);
            known.current.seen = observation;
            actions.push(Action::Observe {
                revision: known.current.revision.clone(),
                observation,
            });
        } else if let Some(next) = &mut known.next
            && next.version.name == version
        {
            next.version.seen = seen_here(observation);
        } else {
            return;
        }
        let revision = known.current.revision.clone();
        self.hand_over(vec![revision], actions);
    }

    /// Moves those of the revisions to their next version that are ready for it, all with one change of routes.
    fn hand_over(&mut self, revisions: Vec<String>, actions: &mut Vec<Action>) {
        let mut moved = Vec::new();
        for revision in revisions {
            let Some(known) = self.revisions.get_mut(&revision) else {
                continue;
            };
            let seen = known.current.seen;
            let Some(next) = known.next.take_if(|next| next.is_enough(seen)) else {
                continue;
            };
            let old = std::mem::replace(&mut known.current, next.version);
            known.scale(actions);
            moved.push(old);
            actions.push(known.stand());
        }
        if moved.is_empty() {
            return;
        }
        actions.push(self.route());
        for old in moved {
            self.move_held(&old, actions);
            if let Some(known) = self.revisions.get(&old.revision) {
                let observation = known.current.seen;
                actions.push(Action::Observe {
                    revision: old.revision.clone(),
                    observation,
                });
                actions.push(Action::Say {
                    revision: old.revision.clone(),
                    sentence: format!(
                        "{} has taken over from {} with {} ready",
                        known.current.name, old.name, observation.ready
                    ),
                    failed: false,
                });
            }
            self.retire(old, actions);
        }
    }

    fn tick(&mut self, now: Moment, actions: &mut Vec<Action>) {
        for ending in self.retiring.values() {
            self.move_held(ending, actions);
        }
        let mut given_up = Vec::new();
        for known in self.revisions.values_mut() {
            let Some(next) = known
                .next
                .take_if(|next| now.since(next.since) >= Self::LIMIT)
            else {
                continue;
            };
            let revision = known.current.revision.clone();
            actions.push(known.stand());
            actions.push(Action::Say {
                revision,
                sentence: format!(
                    "{} is given up and {} goes on: {} of {} replicas were ready after {} s{}",
                    next.version.name,
                    known.current.name,
                    next.version.seen.ready,
                    next.goal,
                    Self::LIMIT.as_secs(),
                    next.last_crash
                        .map_or_else(String::new, |why| format!("; the last one ended: {why}")),
                ),
                failed: true,
            });
            given_up.push(next.version);
        }
        for version in given_up {
            self.retire(version, actions);
        }
    }

    fn retire(&mut self, version: Version, actions: &mut Vec<Action>) {
        actions.push(Action::Retire {
            version: version.name.clone(),
        });
        self.retiring.insert(version.name.clone(), version);
    }

    /// A request that was on its way when the routes moved may still come to be held at the old version.
    fn move_held(&self, ending: &Version, actions: &mut Vec<Action>) {
        if let Some(known) = self.revisions.get(&ending.revision) {
            actions.push(Action::MoveHeld {
                from: ending.name.clone(),
                to: known.current.name.clone(),
            });
        }
    }

    fn route(&self) -> Action {
        Action::Route {
            versions: self
                .revisions
                .values()
                .map(|known| known.current.name.clone())
                .collect(),
        }
    }

    fn of(&mut self, version: &str) -> Option<&mut Revision> {
        self.revisions.get_mut(super::name::revision_of(version))
    }
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
