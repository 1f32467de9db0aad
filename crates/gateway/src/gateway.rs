// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc, time::Duration};

use cheerful_proxy::{Answer, Attempt, Choose, Place, TimeLimits, Upstream};
use cheerful_scaling::{Holding, Report};
use tokio::sync::mpsc;

/// The front door of one machine: all revisions, their routes, their replicas' queues. Cheap to share.
#[derive(Debug)]
pub struct Gateway {}

/// What the gateway has to know of a revision.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct RevisionConfig {
    pub name: String,
    pub routes: Vec<Route>,
    /// Hard limit of requests in flight per replica.
    pub limit: Option<u32>,
    /// Requests in flight per replica to aim for: a replica below it is filled before another is begun.
    pub target: f64,
    pub hold: HoldLimits,
    pub time_limits: TimeLimits,
    pub waking: WakingRules,
}

/// Which requests are a revision's. No field set: all requests (at most one such revision).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Route {
    /// Host name without port, lower case; `*.example.com` takes any one label.
    pub host: Option<String>,
    /// A path prefix that ends at a segment's border: `/shop` takes `/shop` and `/shop/x`, not `/shopping`.
    pub path_prefix: Option<String>,
}

/// Bounds of what is held for one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HoldLimits {
    /// Requests held at once: over it 503 at once. Default 10,000.
    pub requests: usize,
    /// Bytes of heads held at once (bodies are not read while held). Default 64 MiB.
    pub bytes: usize,
    /// Longest wait: then 503 with Retry-After. Default 5 min.
    pub wait: Duration,
}

/// What counts and what wakes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WakingRules {
    /// Paths (exact, or a prefix when it ends in `*`) and user agents (prefix): answered 200 at zero without waking.
    pub answer_at_zero_paths: Vec<String>,
    pub answer_at_zero_user_agents: Vec<String>,
    /// Passed on without counting; at zero answered 503 and not held.
    pub uncounted_paths: Vec<String>,
    pub uncounted_user_agents: Vec<String>,
}

/// What the gateway tells at once, without waiting for the next collection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum GatewayEvent {
    /// A request is held though none was before: `by` is `GET /path, user agent, client address`, cut to 200 characters.
    Held { revision: String, by: String },
    /// The requests in flight have passed the burst threshold.
    Burst { revision: String },
    /// A replica refused or dropped a connection; it was taken out until `open` is said again.
    ReplicaFailed { revision: String, replica: String },
}

/// What was counted for one revision since the last collection.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Collected {
    pub revision: String,
    pub reports: Vec<Report>,
    pub holding: Holding,
    /// The last counted request: `GET /path, user agent, client address`; updated at most once a second.
    pub last_request: Option<String>,
}

/// No such revision.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no revision named {0:?} is known to the gateway")]
pub struct UnknownRevision(pub String);

#[allow(clippy::missing_errors_doc)]
impl Gateway {
    /// An empty gateway; events go to the bounded channel, and are counted when it is full (a level-triggered
    /// event is raised again by the next collection).
    #[must_use]
    pub fn new(_events: mpsc::Sender<GatewayEvent>) -> Arc<Self> {
        todo!()
    }
    /// Makes a revision known, with no replica. Its routes go live with `route`.
    pub fn add(&self, _config: RevisionConfig) {}
    /// Replaces all routes at once: for each revision the routes in its config. Refuses two revisions with the same route.
    pub fn route(&self, _revisions: &[String]) -> Result<(), UnknownRevision> {
        Ok(())
    }
    /// Forgets a revision; what is held for it gets 503.
    pub fn remove(&self, _revision: &str) {}
    /// Moves what is held for `from` over to `to` (a new version takes over).
    pub fn move_held(&self, _from: &str, _to: &str) -> Result<(), UnknownRevision> {
        Ok(())
    }
    /// Changes target, limits and rules of a living revision.
    pub fn change(&self, _config: RevisionConfig) -> Result<(), UnknownRevision> {
        Ok(())
    }
    /// The autoscaler says from how many requests in flight on a burst shows.
    pub fn set_burst_threshold(&self, _revision: &str, _requests: f64) -> Result<(), UnknownRevision> {
        Ok(())
    }
    /// A replica is ready: held requests are released to it at once.
    pub fn open(&self, _revision: &str, _replica: &str, _address: SocketAddr) -> Result<(), UnknownRevision> {
        Ok(())
    }
    /// No new requests to this replica; those in flight go on.
    pub fn take_out(&self, _revision: &str, _replica: &str) {}
    /// Ends when nothing is in flight in a replica that was taken out, or at once if it is not known; then it is forgotten.
    pub async fn drained(&self, _revision: &str, _replica: &str) {}
    /// Forgets a replica: it has died.
    pub fn forget(&self, _revision: &str, _replica: &str) {}
    /// Requests in flight in a replica; `None` if it is not known.
    #[must_use]
    pub fn in_flight(&self, _revision: &str, _replica: &str) -> Option<u64> {
        None
    }
    /// Once a second, and for one revision at once on a burst (`burst` true: reports carry the requests in flight now):
    /// what was counted. Revisions with no replica, nothing held and nothing new are left out.
    pub fn collect(&self, _only: Option<&str>, _burst: bool) -> Vec<Collected> {
        Vec::new()
    }
}

impl Choose for Gateway {
    type Place = GatewayPlace;
    async fn choose(&self, _request: &http::request::Parts, _attempt: Attempt<'_>) -> Result<GatewayPlace, Answer> {
        todo!()
    }
}

/// A place in a replica's queue.
#[derive(Debug)]
pub struct GatewayPlace {}

impl Place for GatewayPlace {
    fn upstream(&self) -> &Arc<Upstream> {
        todo!()
    }
    fn time_limits(&self) -> TimeLimits {
        todo!()
    }
}
