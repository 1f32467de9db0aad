// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use cheerful_gateway::{RevisionConfig, Route};
use cheerful_scaling::Moment;

use super::{
    claims::{Claim, grant},
    door::door,
    known::{Door, Known},
    replica::{NEWS_HOLDS, Replica, Step},
    slice::{Content, Place, SliceView},
};

/// Who is where: revisions, their routes, their replicas. Slices and news in, what the gateway has to be told out.
///
/// Slices are the truth about what there is, late by the way from a pod over the node and the API server; news of the
/// autoscaler is early. A list that was lost or that stands still changes nothing.
#[derive(Debug, Default)]
pub struct Directory {
    revisions: BTreeMap<Arc<str>, Known>,
    /// Whose a slice is.
    slices: BTreeMap<Arc<str>, Arc<str>>,
    /// The slices of the list that is under way.
    listing: Option<BTreeSet<Arc<str>>>,
    listed: bool,
    watch_lost: bool,
    /// Revisions and pods to look at again.
    looks: BTreeSet<(Moment, Arc<str>, Arc<str>)>,
    looks_of: BTreeMap<(Arc<str>, Arc<str>), Moment>,
    routes_due: Option<Moment>,
    routed: Moment,
    refused: BTreeMap<(Arc<str>, Route), Arc<str>>,
    counts: Counts,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A full list begins.
    ListBegun,
    /// One slice, of a list or because it changed.
    Slice(SliceView),
    /// All slices have been listed.
    ListDone,
    /// A slice is gone, by its `namespace/name`.
    SliceGone(Arc<str>),
    /// The watch is broken, or (`false`) goes on.
    WatchLost(bool),
    /// The autoscaler heard that a pod answers, or does no longer.
    News {
        /// `namespace/name`.
        revision: Arc<str>,
        /// What it says.
        place: Place,
    },
    /// From how many requests on a burst shows.
    Burst {
        /// `namespace/name`.
        revision: Arc<str>,
        /// `None`: never.
        requests: Option<f64>,
    },
    /// The gateway took a replica out by itself.
    Failed {
        /// `namespace/name`.
        revision: Arc<str>,
        /// Its name.
        pod: Arc<str>,
    },
    /// What [`Action::Probe`] found.
    Probed {
        /// `namespace/name`.
        revision: Arc<str>,
        /// Its name, and where it was tried, and whether it accepted a connection.
        place: Place,
    },
    /// The moment of [`Directory::next_look`] has come.
    Tick,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Action {
    Add(Box<RevisionConfig>),
    Change(Box<RevisionConfig>),
    Remove(Arc<str>),
    /// These have routes, and no others.
    Route(Vec<String>),
    SetBurst {
        revision: Arc<str>,
        requests: f64,
    },
    Open {
        revision: Arc<str>,
        pod: Arc<str>,
        address: SocketAddr,
    },
    /// No request any more; forgotten when nothing is in flight.
    Drain {
        revision: Arc<str>,
        pod: Arc<str>,
    },
    /// To be tried with a connection, and answered with [`Event::Probed`].
    Probe {
        revision: Arc<str>,
        pod: Arc<str>,
        address: SocketAddr,
    },
    /// It has an autoscaler of its own, or no more.
    Dedicate {
        revision: Arc<str>,
        dedicated: bool,
    },
    /// For a person.
    Say {
        revision: Arc<str>,
        text: String,
    },
}

/// What was seen so far, and what is known now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    /// Known now: slices, revisions with a route, replicas that take requests.
    pub slices: u64,
    pub revisions: u64,
    pub replicas_open: u64,
    /// Routes that a revision asks for and another has, now.
    pub routes_refused: u64,
    pub slices_taken_total: u64,
    pub lists_total: u64,
    pub watch_failures_total: u64,
    pub bad_routes_total: u64,
    pub news_ready_total: u64,
    pub news_gone_total: u64,
    pub replicas_failed_total: u64,
    /// Tries of failed replicas.
    pub probes_total: u64,
    /// Revisions, slices or pods over a bound.
    pub over_bound_total: u64,
}

/// Bounds of what is kept.
const REVISIONS: usize = 65_536;
const REPLICAS_OF_ONE: usize = 16_384;
const SLICES_OF_ONE: usize = 1_024;
/// Between two changes of all routes: a change of one is a new table of all.
const ROUTES_APART: Duration = Duration::from_millis(100);

impl Directory {
    /// Takes an event in.
    #[must_use]
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::ListBegun => self.listing = Some(BTreeSet::new()),
            Event::Slice(slice) => self.take(slice, now, &mut actions),
            Event::ListDone => self.list_done(now, &mut actions),
            Event::SliceGone(slice) => self.forget_slice(&slice, now, &mut actions),
            Event::WatchLost(lost) => self.watch_lost(lost, now, &mut actions),
            Event::News { revision, place } => self.news(&revision, &place, now, &mut actions),
            Event::Burst { revision, requests } => {
                self.burst(&revision, requests, now, &mut actions);
            }
            Event::Failed { revision, pod } => {
                self.counts.replicas_failed_total += 1;
                self.with_replica(&revision, &pod, now, &mut actions, |replica| {
                    replica.fail(now);
                });
            }
            Event::Probed { revision, place } => {
                self.with_replica(&revision, &place.pod, now, &mut actions, |replica| {
                    replica.probed(place.address, place.ready, now);
                });
            }
            Event::Tick => {}
        }
        self.look_again(now, &mut actions);
        self.route(now, &mut actions);
        actions
    }

    /// When to step again, if nothing happens before.
    #[must_use]
    pub fn next_look(&self) -> Option<Moment> {
        let look = self.looks.first().map(|(at, ..)| *at);
        let routes = self.routes_due.filter(|_| self.listed);
        look.into_iter().chain(routes).min()
    }

    /// Whether all slices have been seen once.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.listed
    }

    /// What was seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let known = self.revisions.values().filter(|known| known.door.is_some());
        let open = known.clone().map(|known| {
            let open = known.replicas.values().filter(|replica| replica.is_open());
            open.count() as u64
        });
        Counts {
            slices: self.slices.len() as u64,
            revisions: known.count() as u64,
            replicas_open: open.sum(),
            routes_refused: self.refused.len() as u64,
            ..self.counts
        }
    }

    fn take(&mut self, view: SliceView, now: Moment, actions: &mut Vec<Action>) {
        self.counts.slices_taken_total += 1;
        if let Some(listing) = &mut self.listing {
            listing.insert(Arc::clone(&view.slice));
        }
        if self.is_another(&view) {
            self.forget_slice(&view.slice, now, actions);
        }
        let is_new = !self.slices.contains_key(&view.slice);
        let Some(known) = self.known(&view.revision) else {
            return;
        };
        if is_new && known.slices() >= SLICES_OF_ONE {
            self.over_bound(&view.revision);
            return;
        }
        self.slices
            .insert(Arc::clone(&view.slice), Arc::clone(&view.revision));
        match view.content {
            Content::Route { created, route } => {
                let route = route.map_err(|wrong| {
                    self.counts.bad_routes_total += 1;
                    let revision = Arc::clone(&view.revision);
                    let text = format!(
                        "EndpointSlice {}: {wrong}; the route before stays",
                        view.slice
                    );
                    actions.push(Action::Say { revision, text });
                });
                if let Some(known) = self.revisions.get_mut(&view.revision) {
                    known.carry(&view.slice, created, route.ok());
                }
                self.set_door(&view.revision, now, actions);
            }
            Content::Places(places) => {
                self.show(&view.slice, &view.revision, &places, now, actions);
            }
        }
    }

    /// Whether a slice of this name said something of another kind before.
    fn is_another(&self, view: &SliceView) -> bool {
        let Some(revision) = self.slices.get(&view.slice) else {
            return false;
        };
        let has_places = self
            .revisions
            .get(revision)
            .is_some_and(|known| known.places.contains_key(&view.slice));
        *revision != view.revision || has_places != matches!(view.content, Content::Places(_))
    }

    fn show(
        &mut self,
        slice: &Arc<str>,
        revision: &Arc<str>,
        places: &[Place],
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Some(known) = self.revisions.get_mut(revision) else {
            return;
        };
        let mut pods: Vec<_> = places.iter().map(|place| Arc::clone(&place.pod)).collect();
        pods.sort_unstable();
        pods.dedup();
        let mut over = 0;
        for place in places {
            let full = known.replicas.len() >= REPLICAS_OF_ONE;
            if full && !known.replicas.contains_key(&place.pod) {
                over += 1;
                continue;
            }
            let replica = known.replicas.entry(Arc::clone(&place.pod)).or_default();
            replica.show(slice, place.address, place.ready);
        }
        let before = known
            .places
            .insert(Arc::clone(slice), pods.clone())
            .unwrap_or_default();
        let gone = before
            .into_iter()
            .filter(|pod| pods.binary_search(pod).is_err());
        let gone: Vec<_> = gone.collect();
        for pod in &gone {
            if let Some(replica) = known.replicas.get_mut(pod) {
                replica.hide(slice);
            }
        }
        self.counts.over_bound_total += over;
        for pod in pods.iter().chain(&gone) {
            self.settle(revision, pod, now, actions);
        }
    }

    fn forget_slice(&mut self, slice: &Arc<str>, now: Moment, actions: &mut Vec<Action>) {
        let Some(revision) = self.slices.remove(slice) else {
            return;
        };
        let Some(known) = self.revisions.get_mut(&revision) else {
            return;
        };
        let pods = known.drop_slice(slice);
        for pod in &pods {
            if let Some(replica) = known.replicas.get_mut(pod) {
                replica.hide(slice);
            }
        }
        self.set_door(&revision, now, actions);
        for pod in pods {
            self.settle(&revision, &pod, now, actions);
        }
        self.drop_if_empty(&revision, now);
    }

    fn list_done(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let seen = self.listing.take().unwrap_or_default();
        let gone: Vec<_> = self
            .slices
            .keys()
            .filter(|slice| !seen.contains(*slice))
            .map(Arc::clone)
            .collect();
        for slice in gone {
            self.forget_slice(&slice, now, actions);
        }
        self.listed = true;
        self.counts.lists_total += 1;
        self.watch_lost(false, now, actions);
    }

    fn watch_lost(&mut self, lost: bool, now: Moment, actions: &mut Vec<Action>) {
        self.counts.watch_failures_total += u64::from(lost);
        if mem::replace(&mut self.watch_lost, lost) && !lost {
            // News that held for want of a watch is looked at anew.
            for (revision, pod) in self.all_replicas() {
                self.settle(&revision, &pod, now, actions);
            }
        }
    }

    fn all_replicas(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let of = |(revision, known): (&Arc<str>, &Known)| {
            let pods: Vec<_> = known.replicas.keys().map(Arc::clone).collect();
            let revision = Arc::clone(revision);
            pods.into_iter()
                .map(move |pod| (Arc::clone(&revision), pod))
        };
        self.revisions.iter().flat_map(of).collect()
    }

    fn news(&mut self, revision: &Arc<str>, place: &Place, now: Moment, actions: &mut Vec<Action>) {
        if place.ready {
            self.counts.news_ready_total += 1;
        } else {
            self.counts.news_gone_total += 1;
        }
        let Some(known) = self.known(revision) else {
            return;
        };
        known.heard = now;
        let full = known.replicas.len() >= REPLICAS_OF_ONE;
        if full && !known.replicas.contains_key(&place.pod) {
            self.over_bound(revision);
            return;
        }
        let replica = known.replicas.entry(Arc::clone(&place.pod)).or_default();
        replica.hear(place.ready, place.address, now);
        self.settle(revision, &place.pod, now, actions);
    }

    fn burst(
        &mut self,
        revision: &Arc<str>,
        requests: Option<f64>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Some(known) = self.known(revision) else {
            return;
        };
        known.heard = now;
        let requests = requests.unwrap_or(f64::INFINITY);
        known.burst_threshold = Some(requests);
        if known.door.is_some() {
            let revision = Arc::clone(revision);
            actions.push(Action::SetBurst { revision, requests });
        } else {
            // Forgotten with the next look, unless a slice comes.
            self.look_at(revision, &Arc::from(""), now.plus(NEWS_HOLDS));
        }
    }

    fn with_replica(
        &mut self,
        revision: &Arc<str>,
        pod: &Arc<str>,
        now: Moment,
        actions: &mut Vec<Action>,
        change: impl FnOnce(&mut Replica),
    ) {
        let known = self.revisions.get_mut(revision);
        if let Some(replica) = known.and_then(|known| known.replicas.get_mut(pod)) {
            change(replica);
            self.settle(revision, pod, now, actions);
        }
    }
}

#[path = "settle.rs"]
mod settle;

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
