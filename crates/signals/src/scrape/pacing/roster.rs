// SPDX-License-Identifier: Apache-2.0
//! What there is to be read, and what is said of it.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use cheerful_scaling::Moment;

use super::{Pacing, Revision};
use crate::scrape::{Pace, Target, eye::Eye, subject::Subject};

impl Pacing {
    /// What is read of each replica of a revision from now on. What stays the same goes on.
    pub fn targets(&mut self, name: &str, targets: Vec<Target>, now: Moment) {
        let known = self.revisions.get(name);
        let before = known.map_or(&[][..], |revision| &revision.subjects);
        let same = targets.len() == before.len()
            && (before.iter().zip(&targets)).all(|(old, new)| old.target.is_same(new));
        if same {
            return;
        }
        let name: Arc<str> = name.into();
        let revision = self.revisions.entry(Arc::clone(&name)).or_default();
        for (place, subject) in revision.subjects.iter().enumerate() {
            self.schedule
                .remove(&(subject.due, Arc::clone(&name), place));
        }
        let subject = |target| {
            let mut subject = Subject::new(Arc::new(target), now);
            for replica in revision.replicas.keys() {
                subject
                    .eyes
                    .insert(Arc::clone(replica), Eye::new(replica, now));
            }
            subject
        };
        revision.subjects = targets.into_iter().map(subject).collect();
        revision.fresh_until = now.plus(Pace::FRESH);
        for place in 0..revision.subjects.len() {
            self.schedule.insert((now, Arc::clone(&name), place));
        }
        self.sweep(&name);
    }

    /// Whether a revision's requests are counted by what is read here.
    #[must_use]
    pub fn counts_requests(&self, name: &str) -> bool {
        let revision = self.revisions.get(name);
        revision.is_some_and(|it| it.subjects.iter().any(|it| it.target.counts_requests()))
    }

    /// A replica takes requests from now on; `address`: where its app listens.
    pub fn replica(&mut self, name: &str, replica: &str, address: SocketAddr, now: Moment) {
        let known = self
            .revisions
            .get(name)
            .and_then(|it| it.replicas.get(replica));
        if known == Some(&address) {
            return;
        }
        if known.is_some() {
            self.replica_gone(name, replica);
        }
        if self.replicas >= Self::MOST_REPLICAS {
            self.counts.refused_replicas += 1;
            return;
        }
        self.replicas += 1;
        let (name, replica): (Arc<str>, Arc<str>) = (name.into(), replica.into());
        let revision = self.revisions.entry(Arc::clone(&name)).or_default();
        revision.replicas.insert(Arc::clone(&replica), address);
        revision.fresh_until = now.plus(Pace::FRESH);
        for (place, subject) in revision.subjects.iter_mut().enumerate() {
            subject
                .eyes
                .insert(Arc::clone(&replica), Eye::new(&replica, now));
            reschedule(&mut self.schedule, &name, place, subject, now);
        }
    }

    /// A replica is gone.
    pub fn replica_gone(&mut self, name: &str, replica: &str) {
        let Some(revision) = self.revisions.get_mut(name) else {
            return;
        };
        if revision.replicas.remove(replica).is_some() {
            self.replicas -= 1;
        }
        for subject in &mut revision.subjects {
            subject.remove(replica);
        }
        self.sweep(name);
    }

    /// Who the replicas of a revision are from now on.
    pub fn replicas(&mut self, name: &str, all: &BTreeMap<String, SocketAddr>, now: Moment) {
        let known = self.revisions.get(name);
        let gone = known.into_iter().flat_map(|it| it.replicas.keys());
        let gone: Vec<_> = gone
            .filter(|it| !all.contains_key(&***it))
            .cloned()
            .collect();
        for replica in gone {
            self.replica_gone(name, &replica);
        }
        for (replica, address) in all {
            self.replica(name, replica, *address, now);
        }
    }

    /// A revision is gone.
    pub fn remove(&mut self, name: &str) {
        if let Some((name, revision)) = self.revisions.remove_entry(name) {
            self.replicas -= revision.replicas.len();
            for (place, subject) in revision.subjects.iter().enumerate() {
                self.schedule
                    .remove(&(subject.due, Arc::clone(&name), place));
            }
        }
    }

    /// Something has changed for a revision: it was scaled or woken. It is read quickly for a while.
    pub fn freshen(&mut self, name: &str, now: Moment) {
        if let Some((name, revision)) = self.known(name) {
            let was_fresh = revision.fresh_until > now;
            revision.fresh_until = now.plus(Pace::FRESH);
            if !was_fresh {
                self.hurry(&name, now);
            }
        }
    }

    /// A revision panics, or no longer does: it is read quickly meanwhile.
    pub fn panics(&mut self, name: &str, panics: bool, now: Moment) {
        if let Some((name, revision)) = self.known(name)
            && revision.panics != panics
        {
            revision.panics = panics;
            if panics {
                self.hurry(&name, now);
            }
        }
    }

    /// From how many requests in flight in all on a burst of a revision shows.
    pub fn threshold(&mut self, name: &str, requests: f64) {
        if let Some((_, revision)) = self.known(name) {
            revision.threshold = Some(requests);
        }
    }

    /// What activators report for each replica of a revision, beside what its sidecars tell.
    pub fn share(&mut self, name: &str, share: Option<f64>) {
        if let Some((_, revision)) = self.known(name) {
            revision.share = share;
        }
    }

    fn known(&mut self, name: &str) -> Option<(Arc<str>, &mut Revision)> {
        let (name, _) = self.revisions.get_key_value(name)?;
        let name = Arc::clone(name);
        let revision = self.revisions.get_mut(&name)?;
        Some((name, revision))
    }

    /// Brings the next rounds of a revision forward.
    fn hurry(&mut self, name: &Arc<str>, now: Moment) {
        let Some(revision) = self.revisions.get_mut(name) else {
            return;
        };
        let soon = now.plus(Pace::QUICK);
        for (place, subject) in revision.subjects.iter_mut().enumerate() {
            if subject.due > soon && !subject.eyes.is_empty() {
                reschedule(&mut self.schedule, name, place, subject, soon);
            }
        }
    }

    /// Forgets a revision of which nothing is left.
    fn sweep(&mut self, name: &str) {
        let is_over = |it: &Revision| it.subjects.is_empty() && it.replicas.is_empty();
        if self.revisions.get(name).is_some_and(is_over) {
            self.revisions.remove(name);
        }
    }
}

fn reschedule(
    schedule: &mut BTreeSet<(Moment, Arc<str>, usize)>,
    name: &Arc<str>,
    place: usize,
    subject: &mut Subject,
    due: Moment,
) {
    schedule.remove(&(subject.due, Arc::clone(name), place));
    subject.due = due;
    schedule.insert((due, Arc::clone(name), place));
}
