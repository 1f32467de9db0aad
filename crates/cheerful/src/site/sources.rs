// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cheerful_autoscaler::{Autoscaler, Input};
use cheerful_scaling::Observation;
use cheerful_signals::{
    Told,
    scrape::{Said, Scraper, Target},
};

use super::{Spec, Statsd, Versions, revision_of};

/// What is read of the replicas themselves, for the revisions whose load is not told by the gateway alone.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) scraper: Scraper,
    pub(crate) statsd: Arc<Statsd>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// By revision: what is read of each replica; none where nothing is.
    targets: BTreeMap<String, Vec<Target>>,
    /// Revisions whose requests are counted by a signal.
    elsewhere: BTreeSet<String>,
    /// By version: the replicas that work in the background.
    busy: BTreeMap<String, BTreeSet<String>>,
    /// By version: the replicas that take requests.
    open: BTreeMap<String, BTreeSet<String>>,
    /// By revision: what was there last.
    seen: BTreeMap<String, Observation>,
}

impl Sources {
    pub(crate) fn new(scraper: Scraper, statsd: Statsd) -> Self {
        Self {
            scraper,
            statsd: Arc::new(statsd),
            state: Arc::default(),
        }
    }

    /// These are the revisions from now on.
    pub(crate) fn apply(&self, specs: &[Spec], versions: &Versions) {
        self.statsd.apply(specs);
        let targets = specs.iter().filter_map(|spec| {
            let targets = spec.targets();
            (!targets.is_empty()).then(|| (spec.name().to_owned(), targets))
        });
        let targets: BTreeMap<_, _> = targets.collect();
        let counted = specs.iter().filter(|spec| spec.is_counted_by_signal());
        let elsewhere = counted.map(|spec| spec.name().to_owned()).collect();
        let before = {
            let mut state = self.state();
            state.elsewhere = elsewhere;
            std::mem::replace(&mut state.targets, targets.clone())
        };
        let names: BTreeSet<_> = before.keys().chain(targets.keys()).collect();
        for name in names {
            for version in versions.all(name) {
                let now = targets.get(name).cloned().unwrap_or_default();
                self.scraper.targets(&version, now);
            }
        }
    }

    /// Whether a revision's requests are counted by a signal, so that what the gateway counts is no part of a decision.
    pub(crate) fn counted_by_signal(&self, revision: &str) -> bool {
        self.state().elsewhere.contains(revision)
    }

    pub(super) fn open(&self, version: &str, replica: &str, address: SocketAddr) {
        let targets = {
            let mut state = self.state();
            let open = state.open.entry(version.to_owned()).or_default();
            open.insert(replica.to_owned());
            state.targets.get(revision_of(version)).cloned()
        };
        if let Some(targets) = targets {
            self.scraper.targets(version, targets);
        }
        self.scraper.replica(version, replica, address);
    }

    pub(super) fn forget(&self, version: &str, replica: &str) {
        self.scraper.replica_gone(version, replica);
        let State { busy, open, .. } = &mut *self.state();
        for of_version in [busy, open] {
            if let Some(replicas) = of_version.get_mut(version) {
                replicas.remove(replica);
                if replicas.is_empty() {
                    of_version.remove(version);
                }
            }
        }
    }

    pub(super) fn forget_version(&self, version: &str) {
        self.scraper.remove(version);
        let mut state = self.state();
        state.busy.remove(version);
        state.open.remove(version);
    }

    pub(super) fn forget_revision(&self, revision: &str) {
        self.state().seen.remove(revision);
    }

    pub(super) fn is_busy(&self, version: &str, replica: &str) -> bool {
        let state = self.state();
        state
            .busy
            .get(version)
            .is_some_and(|busy| busy.contains(replica))
    }

    /// What is there, with the replicas that work in the background.
    pub(super) fn observed(&self, revision: &str, version: &str, seen: Observation) -> Observation {
        let mut state = self.state();
        state.seen.insert(revision.to_owned(), seen);
        state.with_busy(version, seen)
    }

    /// Hands on what has come by StatsD.
    pub(super) fn collect(&self, autoscaler: &Autoscaler, versions: &Versions) {
        let living = |revision: &str| {
            let state = self.state();
            let open = state.open.get(&versions.current(revision));
            open.into_iter().flatten().cloned().collect()
        };
        for (revision, input) in self.statsd.collect(living) {
            autoscaler.offer(&revision, input);
        }
    }

    /// Hands on what was read.
    pub(super) fn say(&self, said: Said, autoscaler: &Autoscaler, versions: &Versions) {
        match said {
            Said::Told { revision, told } => {
                let (version, name) = (&*revision, revision_of(&revision));
                let input = match told {
                    Told::Report(report) => Input::Report(report),
                    Told::Reading(reading) => Input::Reading(reading),
                    Told::Busy { replica, busy } => match self.busy(version, replica, busy) {
                        Some(seen) => Input::Observation(seen),
                        None => return,
                    },
                };
                // What another version does is no demand.
                if versions.is_current(version) {
                    autoscaler.offer(name, input);
                }
            }
            Said::Trouble {
                revision,
                signal,
                reason,
                why,
            } => autoscaler.offer(
                revision_of(&revision),
                Input::SignalTrouble {
                    signal,
                    reason,
                    why,
                },
            ),
        }
    }

    fn busy(&self, version: &str, replica: String, busy: bool) -> Option<Observation> {
        let mut state = self.state();
        let replicas = state.busy.entry(version.to_owned()).or_default();
        if busy {
            replicas.insert(replica);
        } else {
            replicas.remove(&replica);
        }
        let seen = *state.seen.get(revision_of(version))?;
        Some(state.with_busy(version, seen))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn with_busy(&self, version: &str, seen: Observation) -> Observation {
        let busy = self.busy.get(version).map_or(0, BTreeSet::len);
        let busy = u32::try_from(busy).unwrap_or(u32::MAX).min(seen.ready);
        Observation { busy, ..seen }
    }
}
