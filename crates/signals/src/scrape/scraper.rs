// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use cheerful_scaling::Moment;
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Answer, Pace, Pacing, Read, Said, ScrapeCounts, Slots, Target, fetch::fetch, parked::Parked,
};
use crate::Unread;

/// Reads replicas over HTTP as [`Pacing`] says. Cheap to clone; [`Scraper::run`] does the work.
#[derive(Clone)]
pub struct Scraper(Arc<Shared>);

struct Shared {
    pacing: Mutex<Pacing>,
    /// Something has changed that may be due earlier than what is waited for.
    news: Notify,
    origin: Instant,
}

/// What a read came to.
struct Done {
    read: Read,
    result: Result<Answer, Unread>,
    bytes: usize,
    at: Moment,
}

impl Scraper {
    /// Reads at once at most.
    pub const AT_ONCE: usize = 64;
    /// Of replicas whose last read failed: so many more.
    pub const FAILING_AT_ONCE: usize = 16;
    /// When nothing is to be read.
    const IDLE: Duration = Duration::from_secs(10);

    /// With a seed for the samples.
    #[must_use]
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self(Arc::new(Shared {
            pacing: Mutex::new(Pacing::new(pace, seed)),
            news: Notify::new(),
            origin: Instant::now(),
        }))
    }

    /// See [`Pacing::targets`].
    pub fn targets(&self, revision: &str, targets: Vec<Target>) {
        let now = self.now();
        self.pacing().targets(revision, targets, now);
        self.0.news.notify_one();
    }

    /// See [`Pacing::replica`].
    pub fn replica(&self, revision: &str, replica: &str, address: SocketAddr) {
        let now = self.now();
        self.pacing().replica(revision, replica, address, now);
        self.0.news.notify_one();
    }

    /// See [`Pacing::replica_gone`].
    pub fn replica_gone(&self, revision: &str, replica: &str) {
        self.pacing().replica_gone(revision, replica);
    }

    /// See [`Pacing::replicas`].
    pub fn replicas(&self, revision: &str, all: &BTreeMap<String, SocketAddr>) {
        let now = self.now();
        self.pacing().replicas(revision, all, now);
        self.0.news.notify_one();
    }

    /// See [`Pacing::remove`].
    pub fn remove(&self, revision: &str) {
        self.pacing().remove(revision);
    }

    /// See [`Pacing::freshen`].
    pub fn freshen(&self, revision: &str) {
        let now = self.now();
        self.pacing().freshen(revision, now);
        self.0.news.notify_one();
    }

    /// See [`Pacing::panics`].
    pub fn panics(&self, revision: &str, panics: bool) {
        let now = self.now();
        self.pacing().panics(revision, panics, now);
        self.0.news.notify_one();
    }

    /// See [`Pacing::threshold`].
    pub fn threshold(&self, revision: &str, requests: f64) {
        self.pacing().threshold(revision, requests);
    }

    /// See [`Pacing::share`].
    pub fn share(&self, revision: &str, share: Option<f64>) {
        self.pacing().share(revision, share);
    }

    /// See [`Pacing::counts_requests`].
    #[must_use]
    pub fn counts_requests(&self, revision: &str) -> bool {
        self.pacing().counts_requests(revision)
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> ScrapeCounts {
        self.pacing().counts().clone()
    }

    /// Reads until it is dropped. `say` must not wait.
    pub async fn run(self, mut say: impl FnMut(Said)) {
        let parked = Arc::new(Parked::new());
        let mut reads: JoinSet<Done> = JoinSet::new();
        let (mut plain, mut failing) = (0, 0);
        let mut sweep = Instant::now();
        let mut said = Vec::new();
        loop {
            let slots = Slots {
                plain: Self::AT_ONCE.saturating_sub(plain),
                failing: Self::FAILING_AT_ONCE.saturating_sub(failing),
            };
            let now = self.now();
            let (due, next) = {
                let mut pacing = self.pacing();
                (pacing.due(now, slots, &mut said), pacing.next())
            };
            for read in due {
                *(if read.is_failing() {
                    &mut failing
                } else {
                    &mut plain
                }) += 1;
                reads.spawn(self.clone().read(read, Arc::clone(&parked)));
            }
            said.drain(..).for_each(&mut say);
            let next = next
                .map_or(Self::IDLE, |next| next.since(now))
                .min(Self::IDLE);
            tokio::select! {
                Some(done) = reads.join_next() => {
                    match done {
                        Ok(done) => {
                            let kind = if done.read.is_failing() { &mut failing } else { &mut plain };
                            *kind -= 1;
                            self.pacing().done(&done.read, done.result, done.bytes, done.at, &mut said);
                        }
                        Err(error) => tracing::error!("a read failed: {error}"),
                    }
                }
                () = sleep_until(Instant::now() + next) => {}
                () = self.0.news.notified() => {}
            }
            if sweep.elapsed() >= Self::IDLE {
                sweep = Instant::now();
                parked.sweep();
            }
        }
    }

    async fn read(self, read: Read, parked: Arc<Parked>) -> Done {
        let (result, bytes) = fetch(read.at(), &read.target, &parked).await;
        Done {
            read,
            result,
            bytes,
            at: self.now(),
        }
    }

    fn now(&self) -> Moment {
        Moment::ZERO.plus(self.0.origin.elapsed())
    }

    fn pacing(&self) -> MutexGuard<'_, Pacing> {
        self.0.pacing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraper").finish_non_exhaustive()
    }
}
