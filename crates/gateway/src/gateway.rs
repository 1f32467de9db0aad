// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use cheerful_proxy::{Answer, Attempt, Choose};
use cheerful_scaling::{Holding, Report};
use http::{header::HOST, request::Parts};
use tokio::sync::mpsc;

use crate::{
    FirstAnswer, GatewayEvent, GatewayPlace, RevisionConfig, RevisionMetrics, Route, answer,
    events::Events,
    revision::{Entered, Revision},
    routes::Routes,
};

/// The front door of one machine: all revisions, their routes, their replicas' queues. It may be used by
/// many threads; a request takes a read of the routes and its revision's short lock, nothing wider.
#[derive(Debug)]
pub struct Gateway {
    routes: ArcSwap<Routes<Arc<Revision>>>,
    revisions: Mutex<BTreeMap<Arc<str>, Arc<Revision>>>,
    events: Arc<Events>,
    unrouted: AtomicU64,
}

/// What was counted for one revision since the last collection.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The revision's name.
    pub revision: String,
    /// One of each replica, those that drain included.
    pub reports: Vec<Report>,
    /// What is held.
    pub holding: Holding,
    /// A request that counted: `GET /path, user agent, client address`; the first since the last regular collection.
    pub last_request: Option<String>,
}

/// No such revision.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no revision named {0:?} is known to the gateway")]
pub struct UnknownRevision(pub String);

/// Why routes were not made live; the ones before stay.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RouteError {
    /// One of the revisions is not known.
    #[error(transparent)]
    Unknown(#[from] UnknownRevision),
    /// Two routes are the same.
    #[error("revisions {first:?} and {second:?} have the same route {route}")]
    Same {
        /// The route, its path prefix without a slash at the end.
        route: Route,
        /// Who has it.
        first: String,
        /// Who has it too; the same name when one revision names it twice.
        second: String,
    },
}

impl Gateway {
    /// An empty gateway. Events go to the bounded channel; when it is full they are counted and, while
    /// they still hold, told again by the next collection.
    #[must_use]
    pub fn new(events: mpsc::Sender<GatewayEvent>) -> Arc<Self> {
        Arc::new(Self {
            routes: ArcSwap::default(),
            revisions: Mutex::default(),
            events: Arc::new(Events::new(events)),
            unrouted: AtomicU64::new(0),
        })
    }

    /// Makes a revision known, with no replica. Its routes go live with `route`. One of the same name is
    /// removed first.
    pub fn add(&self, config: RevisionConfig) {
        let revision = Revision::new(config, Arc::clone(&self.events));
        let before = self.lock().insert(Arc::clone(&revision.name), revision);
        if let Some(before) = before {
            before.remove();
        }
    }

    /// Replaces all routes at once: for each revision the routes in its configuration.
    ///
    /// # Errors
    /// When a revision is not known, or two routes are the same: nothing changes then.
    pub fn route(&self, revisions: &[String]) -> Result<(), RouteError> {
        let mut entries = Vec::new();
        for name in revisions {
            let revision = self.revision(name)?;
            let routes = revision.config().routes.clone();
            let all = routes.is_empty().then(Route::default);
            entries.extend(
                routes
                    .into_iter()
                    .chain(all)
                    .map(|route| (route, Arc::clone(&revision))),
            );
        }
        let routes = Routes::new(entries.into_iter()).map_err(|same| RouteError::Same {
            route: same.route,
            first: same.first.name.to_string(),
            second: same.second.name.to_string(),
        })?;
        self.routes.store(Arc::new(routes));
        Ok(())
    }

    /// Forgets a revision; what is held for it gets 503, what is in flight goes on. Requests that are
    /// still routed to it get 404, or go where `move_held` has moved what it held.
    pub fn remove(&self, revision: &str) {
        let removed = self.lock().remove(revision);
        if let Some(removed) = removed {
            removed.remove();
        }
    }

    /// Moves what is held for `from` over to `to` (a new version takes over), in its order, behind what
    /// is held there; what `from` would hold later goes to `to` as well. What is over the bounds of `to`
    /// gets 503.
    ///
    /// # Errors
    /// When one of them is not known.
    pub fn move_held(&self, from: &str, to: &str) -> Result<(), UnknownRevision> {
        let (from, to) = (self.revision(from)?, self.revision(to)?);
        from.move_held(&to);
        Ok(())
    }

    /// Changes target, limits and rules of a living revision. Changed routes go live with the next `route`.
    ///
    /// # Errors
    /// When it is not known.
    pub fn change(&self, config: RevisionConfig) -> Result<(), UnknownRevision> {
        self.revision(&config.name)?.change(config);
        Ok(())
    }

    /// The autoscaler says from how many requests in flight on a burst shows. At first: never.
    ///
    /// # Errors
    /// When the revision is not known.
    pub fn set_burst_threshold(
        &self,
        revision: &str,
        requests: f64,
    ) -> Result<(), UnknownRevision> {
        self.revision(revision)?.set_burst_threshold(requests);
        Ok(())
    }

    /// The autoscaler says up to how many requests in flight a replica is filled. Until it does that is the target of
    /// the configuration.
    ///
    /// # Errors
    /// When the revision is not known.
    pub fn set_target(&self, revision: &str, requests: f64) -> Result<(), UnknownRevision> {
        self.revision(revision)?.set_target(requests);
        Ok(())
    }

    /// A replica is ready. As many of the held requests as it has room for go to it at once: up to the
    /// hard limit, or all of them where there is none; ready replicas share them by the same rule as
    /// any request (filled up to the target one after the other, spread evenly above it).
    ///
    /// # Errors
    /// When the revision is not known.
    pub fn open(
        &self,
        revision: &str,
        replica: &str,
        address: SocketAddr,
    ) -> Result<(), UnknownRevision> {
        self.revision(revision)?.open(replica, address);
        Ok(())
    }

    /// No new requests to this replica; those in flight go on.
    pub fn take_out(&self, revision: &str, replica: &str) {
        if let Ok(revision) = self.revision(revision) {
            revision.take_out(replica);
        }
    }

    /// Takes a replica out and ends when nothing is in flight in it; then it is forgotten and its idle
    /// connections are closed. Ends at once if it is not known, and when it is forgotten or opened again.
    pub async fn drained(&self, revision: &str, replica: &str) {
        if let Ok(revision) = self.revision(revision) {
            revision.drained(replica).await;
        }
    }

    /// Forgets a replica: it has died.
    pub fn forget(&self, revision: &str, replica: &str) {
        if let Ok(revision) = self.revision(revision) {
            revision.forget(replica);
        }
    }

    /// Requests in flight in a replica, counted or not; `None` if it is not known.
    #[must_use]
    pub fn in_flight(&self, revision: &str, replica: &str) -> Option<u64> {
        let replicas = self.revision(revision).ok()?.replicas();
        let known = replicas
            .iter()
            .find(|known| known.queue.replica() == replica)?;
        Some(known.queue.in_flight())
    }

    /// The first request that a replica answered since it was opened with its address; `None` if there was none yet, or
    /// the replica is not known.
    #[must_use]
    pub fn first_answer(&self, revision: &str, replica: &str) -> Option<FirstAnswer> {
        let replicas = self.revision(revision).ok()?.replicas();
        let known = replicas
            .iter()
            .find(|known| known.queue.replica() == replica)?;
        known.first_answer.get().copied()
    }

    /// The replicas of a revision in the order in which they were opened, each with its requests in
    /// flight, counted or not. Empty when it is not known.
    #[must_use]
    pub fn replicas(&self, revision: &str) -> Vec<(String, u64)> {
        let replicas = self
            .revision(revision)
            .map_or_else(|_| Vec::new(), |known| known.replicas());
        replicas
            .iter()
            .map(|replica| {
                (
                    replica.queue.replica().to_owned(),
                    replica.queue.in_flight(),
                )
            })
            .collect()
    }

    /// Once a second, and for one revision at once on a burst (`burst` true: reports carry the requests
    /// in flight now): what was counted. Revisions with no replica, nothing held and nothing new are left out.
    #[must_use]
    pub fn collect(&self, only: Option<&str>, burst: bool) -> Vec<Collected> {
        match only {
            Some(name) => self
                .revision(name)
                .ok()
                .and_then(|one| one.collect(burst))
                .into_iter()
                .collect(),
            None => self
                .lock()
                .values()
                .filter_map(|revision| revision.collect(burst))
                .collect(),
        }
    }

    /// As [`Gateway::collect`], where the replicas' queues report for themselves and elsewhere: only what is held here,
    /// and only where something is held, was at the last look, or came to be held since.
    #[must_use]
    pub fn collect_held(&self, only: Option<&str>, burst: bool) -> Vec<Collected> {
        match only {
            Some(name) => self
                .revision(name)
                .ok()
                .and_then(|one| one.collect_held(burst))
                .into_iter()
                .collect(),
            None => self
                .lock()
                .values()
                .filter_map(|revision| revision.collect_held(burst))
                .collect(),
        }
    }

    /// Answers all that is held with 503, and all that would have to be held from now on; the rest is passed on as
    /// before.
    pub fn end_holding(&self) {
        let revisions: Vec<_> = self.lock().values().map(Arc::clone).collect();
        for revision in revisions {
            revision.end_holding();
        }
    }

    /// What was counted for each revision that has a replica or ever had a request, by name.
    #[must_use]
    pub fn metrics(&self) -> Vec<RevisionMetrics> {
        self.lock()
            .values()
            .filter_map(|revision| revision.metrics())
            .collect()
    }

    /// Requests that no route matched.
    #[must_use]
    pub fn unrouted_requests(&self) -> u64 {
        self.unrouted.load(Ordering::Relaxed)
    }

    /// Events that found the channel full or closed.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        self.events.dropped()
    }

    fn find(&self, request: &Parts) -> Option<Arc<Revision>> {
        let named = || {
            request
                .headers
                .get(HOST)
                .and_then(|host| host.to_str().ok())
        };
        let host = request.uri.host().or_else(named).unwrap_or("");
        self.routes
            .load()
            .find(host, request.uri.path())
            .map(Arc::clone)
    }

    fn revision(&self, name: &str) -> Result<Arc<Revision>, UnknownRevision> {
        self.lock()
            .get(name)
            .map(Arc::clone)
            .ok_or_else(|| UnknownRevision(name.to_owned()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Revision>>> {
        self.revisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Choose for Gateway {
    type Place = GatewayPlace;

    async fn choose(&self, request: &Parts, attempt: Attempt<'_>) -> Result<GatewayPlace, Answer> {
        let Some(mut revision) = self.find(request) else {
            self.unrouted.fetch_add(1, Ordering::Relaxed);
            return Err(answer::no_route());
        };
        loop {
            match revision.enter(request, &attempt) {
                Entered::Place(place) => return Ok(place),
                Entered::Answer(answer) => return Err(answer),
                Entered::Elsewhere(successor) => revision = successor,
                // Boxed, so that a request that does not wait carries no room for waiting.
                Entered::Waiting(waiting, cold) => return Box::pin(waiting.released(cold)).await,
            }
        }
    }
}
