// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use cheerful_autoscaler::{Autoscaler, Input, RevisionView, ScaleLatency};
use cheerful_scaling::{Memory, Moment};
use tokio::sync::Notify;

use super::fleet::Fleet;

/// What the tasks, the streams and the platform share. The lock is held for one step of the machine at a time.
#[derive(Debug)]
pub(crate) struct Shared {
    fleet: Mutex<Fleet>,
    counts: Mutex<Counts>,
    autoscaler: OnceLock<Autoscaler>,
    /// There may be something to tell.
    pub(crate) news: Notify,
}

/// What the shells have counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// By reason.
    pub(crate) refusals: BTreeMap<&'static str, u64>,
    /// By outcome: `accepted`, `refused`, `failed`.
    pub(crate) reviews: BTreeMap<&'static str, u64>,
    /// By outcome: `written`, `conflict`, `failed`, `withheld`.
    pub(crate) writes: BTreeMap<&'static str, u64>,
    pub(crate) write_seconds: ScaleLatency,
    pub(crate) marks: u64,
    pub(crate) marks_failed: u64,
    /// By outcome: `written`, `failed`.
    pub(crate) statuses: BTreeMap<&'static str, u64>,
    /// By outcome: `written`, `failed`, `dropped`.
    pub(crate) events: BTreeMap<&'static str, u64>,
    /// Autoscalers whose pods are one too many to be watched.
    pub(crate) follows_refused: u64,
    /// By what is watched: how often the watch failed, and how often it began anew.
    pub(crate) watch_failures: BTreeMap<&'static str, u64>,
    pub(crate) watch_restarts: BTreeMap<&'static str, u64>,
}

impl Shared {
    pub(crate) fn new(fleet: Fleet) -> Self {
        Self {
            fleet: Mutex::new(fleet),
            counts: Mutex::default(),
            autoscaler: OnceLock::new(),
            news: Notify::new(),
        }
    }

    /// Once, before anything else runs.
    pub(crate) fn serve(&self, autoscaler: Autoscaler) {
        if self.autoscaler.set(autoscaler).is_err() {
            tracing::error!("the autoscaler was set twice");
        }
    }

    pub(crate) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment that it is, by the autoscaler's clock.
    pub(crate) fn now(&self) -> Moment {
        self.autoscaler.get().map_or(Moment::ZERO, Autoscaler::now)
    }

    /// Hands over what is soon followed by newer; never waits.
    pub(crate) fn offer(&self, key: &str, input: Input) {
        if let Some(autoscaler) = self.autoscaler.get() {
            autoscaler.offer(key, input);
        }
    }

    /// Hands over what is said once.
    pub(crate) async fn tell(&self, key: &str, input: Input) {
        if let Some(autoscaler) = self.autoscaler.get()
            && let Err(stopped) = autoscaler.tell(key, input).await
        {
            tracing::debug!("{key}: {stopped}");
        }
    }

    /// What was learned of each workload.
    pub(crate) async fn memories(&self) -> Vec<(String, Memory)> {
        match self.autoscaler.get() {
            Some(autoscaler) => autoscaler.memories().await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Each workload at a glance.
    pub(crate) async fn overview(&self) -> Vec<RevisionView> {
        match self.autoscaler.get() {
            Some(autoscaler) => autoscaler.overview().await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Adds one to a counter.
    pub(crate) fn count(
        &self,
        of: impl FnOnce(&mut Counts) -> &mut BTreeMap<&'static str, u64>,
        label: &'static str,
    ) {
        *of(&mut self.counts()).entry(label).or_default() += 1;
    }
}
