// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cheerful_proxy::{Failure, Place, TimeLimits, Upstream};
use cheerful_queue::QueuePlace;
use tokio::time::Instant;

use crate::{FirstAnswer, front::Taken, replica::Replica, revision::Revision};

/// A place in a replica's queue. Dropping it gives the place to the first request in the line.
#[derive(Debug)]
pub struct GatewayPlace {
    revision: Arc<Revision>,
    replica: Arc<Replica>,
    /// There until the drop.
    place: Option<QueuePlace>,
    counts: bool,
    time_limits: TimeLimits,
    waited: Option<Duration>,
    failed: AtomicBool,
    /// When it was given, while the replica had not answered anybody: its first answer is looked at apart.
    asked: Option<Instant>,
}

impl GatewayPlace {
    pub(crate) fn new(revision: Arc<Revision>, taken: Taken, time_limits: TimeLimits) -> Self {
        let is_unanswered = taken.replica.first_answer.get().is_none();
        Self {
            asked: is_unanswered.then(Instant::now),
            revision,
            replica: taken.replica,
            place: Some(taken.place),
            counts: taken.counts,
            time_limits,
            waited: None,
            failed: AtomicBool::new(false),
        }
    }

    /// The request waited so long for a replica to be ready.
    pub(crate) fn cold_start(&mut self, waited: Duration) {
        self.waited = Some(waited);
        self.revision.count(|totals| totals.cold_start(waited));
    }
}

impl Place for GatewayPlace {
    fn upstream(&self) -> &Arc<Upstream> {
        self.replica.queue.upstream()
    }

    fn waited(&self) -> Option<Duration> {
        self.waited
    }

    fn time_limits(&self) -> TimeLimits {
        self.time_limits
    }

    fn answered(&self) {
        if let Some(asked) = self.asked {
            self.replica.first_answer.get_or_init(|| FirstAnswer {
                asked,
                answered: Instant::now(),
            });
        }
    }

    fn failed(&self, failure: &Failure) {
        self.failed.store(true, Ordering::Relaxed);
        self.revision.failed(&self.replica, *failure);
    }
}

impl Drop for GatewayPlace {
    fn drop(&mut self) {
        if !self.failed.load(Ordering::Relaxed) {
            self.replica.succeeded();
        }
        if let Some(place) = self.place.take() {
            self.revision.leave(&self.replica, place, self.counts);
        }
    }
}
