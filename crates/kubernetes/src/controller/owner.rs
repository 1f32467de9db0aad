// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use kube::{
    Client,
    runtime::events::{Recorder, Reporter},
};
use tokio::{sync::watch, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{
    Key, Policy,
    agenda::Agenda,
    carry_out::{Hands, Outcome},
    dedicated::{DedicatedAutoscalers, Reviewers, dedicated},
    metrics::{ControllerMetrics, add},
    plan::{Memory, plan},
    view::hash,
    watches,
    world::{Dirty, World},
};
use crate::{lease::Leadership, names};

/// Where the controller works.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// Where it and the gateways run.
    pub namespace: String,
    /// The one namespace that it serves; `None`: all.
    pub watch_namespace: Option<String>,
    /// Its pod.
    pub pod: String,
    /// How it makes objects.
    pub policy: Policy,
}

/// The task that owns all that is known of the cluster.
pub struct Controller {
    config: ControllerConfig,
    client: Client,
    metrics: Arc<ControllerMetrics>,
    world: World,
    memories: BTreeMap<Key, Memory>,
    waiting: Dirty,
    agenda: Agenda,
    busy: BTreeSet<Key>,
    /// The certificates that each namespace was given, by their hash.
    given: BTreeMap<String, u64>,
    tasks: JoinSet<Done>,
    reviewers: Reviewers,
    dedicated: watch::Sender<DedicatedAutoscalers>,
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Done {
    Revision(Outcome, Duration, u64),
    Namespace(String, Option<u64>),
    Reviewers(bool),
}

/// Looks at once that are under way: a bound for the API server's sake.
const AT_ONCE: usize = 16;
/// After a failure; doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// The longest wait after a failure.
const LAST_RETRY: Duration = Duration::from_mins(1);

impl Controller {
    /// Nothing yet; [`Controller::run`] begins.
    #[must_use]
    pub fn new(client: Client, config: ControllerConfig, metrics: Arc<ControllerMetrics>) -> Self {
        Self {
            config,
            client,
            metrics,
            world: World::default(),
            memories: BTreeMap::new(),
            waiting: Dirty::default(),
            agenda: Agenda::new(now()),
            busy: BTreeSet::new(),
            given: BTreeMap::new(),
            tasks: JoinSet::new(),
            reviewers: Reviewers::default(),
            dedicated: watch::Sender::default(),
        }
    }

    /// Where there are autoscalers that serve one Revision alone, while it leads.
    #[must_use]
    pub fn dedicated(&self) -> watch::Receiver<DedicatedAutoscalers> {
        self.dedicated.subscribe()
    }

    /// Watches from the start, and acts while it leads and there are certificates to give, until `stop`.
    pub async fn run(
        mut self,
        mut leadership: watch::Receiver<Leadership>,
        mut bundle: watch::Receiver<Option<Arc<str>>>,
        stop: CancellationToken,
    ) {
        let scope = self.config.watch_namespace.as_deref();
        let mut changes = watches::all(&self.client, scope, &self.config.namespace, &self.metrics);
        let reporter = Reporter {
            controller: names::CONTROLLER.to_owned(),
            instance: Some(self.config.pod.clone()),
        };
        let recorder = Recorder::new(self.client.clone(), reporter);
        let mut acts = false;
        loop {
            let next = self.next(acts);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(change) = changes.next() => {
                    let Dirty { revisions, namespaces } = self.world.take(change);
                    self.waiting.revisions.extend(revisions);
                    self.waiting.namespaces.extend(namespaces);
                }
                Some(done) = self.tasks.join_next() => match done {
                    Ok(done) => self.done(done),
                    Err(error) => tracing::error!(%error, "a look ended in a panic"),
                },
                Ok(()) = leadership.changed() => {
                    // What another leader did is not known.
                    self.memories.clear();
                    self.given.clear();
                    self.reviewers.forget();
                    self.look_at_all();
                }
                Ok(()) = bundle.changed() => self.look_at_namespaces(),
                () = time::sleep_until(next.into()) => {}
            }
            let leads = leadership.borrow().leads(now());
            self.metrics
                .known
                .store(u64::from(self.world.is_known()), Relaxed);
            self.metrics.leading.store(u64::from(leads), Relaxed);
            let bundle = bundle.borrow().clone();
            let bundle = bundle.filter(|_| leads && self.world.is_known());
            acts = bundle.is_some();
            if let Some(bundle) = bundle {
                let hands = Hands {
                    client: self.client.clone(),
                    recorder: recorder.clone(),
                    metrics: Arc::clone(&self.metrics),
                    bundle,
                };
                self.start(&hands);
            }
        }
        // What is under way is short, and half of it is worse than all.
        while self.tasks.join_next().await.is_some() {}
    }

    /// When there is something to do by itself.
    fn next(&self, acts: bool) -> Instant {
        let agenda = self.agenda.wakes(acts, now());
        let reviewers = self.reviewers.again().filter(|_| acts);
        reviewers.map_or(agenda, |again| again.min(agenda))
    }

    fn look_at_all(&mut self) {
        self.agenda.looked(now());
        self.waiting
            .revisions
            .extend(self.world.revisions.rows().keys().cloned());
        self.look_at_namespaces();
    }

    /// Each with a queue, and the gateways' own.
    fn look_at_namespaces(&mut self) {
        let own = self.config.namespace.clone();
        let all = self.world.namespaces().into_iter().chain([own]);
        self.waiting.namespaces.extend(all);
    }

    /// Starts what waits, as far as the bound lets it.
    fn start(&mut self, hands: &Hands) {
        let at = now();
        let due = self.agenda.take(at);
        if due.all {
            self.given.clear();
            self.reviewers.forget();
            for memory in self.memories.values_mut() {
                memory.written.retain(|(kind, _), _| kind.is_watched());
            }
            self.look_at_all();
        }
        self.tell_dedicated(hands, at);
        for key in due.keys {
            if key.name.is_empty() {
                self.waiting.namespaces.insert(key.namespace);
            } else {
                self.waiting.revisions.insert(key);
            }
        }
        let bundle = hash(&hands.bundle);
        let mut skipped = BTreeSet::new();
        while self.tasks.len() < AT_ONCE
            && let Some(key) = self.waiting.revisions.pop_first()
        {
            // One look at a time; the next one follows it.
            if self.busy.contains(&key) {
                skipped.insert(key);
                continue;
            }
            self.look(key, hands, bundle, at);
        }
        self.waiting.revisions.append(&mut skipped);
        while self.tasks.len() < AT_ONCE
            && let Some(namespace) = self.waiting.namespaces.pop_first()
        {
            if self.given.get(&namespace) == Some(&bundle) {
                continue;
            }
            let hands = hands.clone();
            self.tasks.spawn(async move {
                let given = hands.give_bundle(&namespace).await;
                if let Err(error) = &given {
                    tracing::warn!(namespace, %error, "the certificates cannot be given to a namespace");
                }
                Done::Namespace(namespace, given.ok().map(|()| bundle))
            });
        }
        let waiting = self.waiting.revisions.len() + self.waiting.namespaces.len();
        self.metrics.queue_length.store(count(waiting), Relaxed);
        self.metrics
            .revisions
            .store(count(self.world.revisions.rows().len()), Relaxed);
    }

    /// Which autoscalers serve one Revision alone: for their certificates, and for the right to have tokens reviewed.
    fn tell_dedicated(&mut self, hands: &Hands, at: Instant) {
        if !self.config.policy.dedicated {
            return;
        }
        let all = dedicated(&self.world);
        if let Some(accounts) = self.reviewers.due(&all, at) {
            let (hands, binding) = (
                hands.clone(),
                self.config.policy.cluster_role(names::TOKEN_REVIEW_ROLE),
            );
            self.tasks.spawn(async move {
                let bound = hands.let_review(&binding, &accounts).await;
                if let Err(error) = &bound {
                    tracing::warn!(binding, %error, "who may have tokens reviewed cannot be written");
                }
                Done::Reviewers(bound.is_ok())
            });
        }
        self.dedicated.send_if_modified(|told| {
            let changed = *told != all;
            *told = all;
            changed
        });
    }

    fn look(&mut self, key: Key, hands: &Hands, bundle: u64, at: Instant) {
        add(&self.metrics.reconciles_total, 1);
        let memory = self.memories.entry(key.clone()).or_default();
        let Some(plan) = plan(&self.world, &key, memory, &self.config.policy, at) else {
            self.memories.remove(&key);
            self.agenda.forget(&key);
            // A namespace of that name to come would be another one.
            self.given.remove(&key.namespace);
            return;
        };
        let with_bundle = self.given.get(&key.namespace) != Some(&bundle);
        let hands = hands.clone();
        self.busy.insert(key);
        self.tasks.spawn(async move {
            let outcome = hands.carry_out(plan, with_bundle).await;
            Done::Revision(outcome, now().saturating_duration_since(at), bundle)
        });
    }

    fn done(&mut self, done: Done) {
        let (outcome, took, bundle) = match done {
            Done::Reviewers(bound) => return self.reviewers.done(bound, now()),
            Done::Namespace(namespace, Some(bundle)) => {
                self.given.insert(namespace, bundle);
                return;
            }
            Done::Namespace(namespace, None) => {
                let name = String::new();
                let when = now() + LAST_RETRY;
                self.agenda.at(Key { namespace, name }, when);
                return;
            }
            Done::Revision(outcome, took, bundle) => (outcome, took, bundle),
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(&self.metrics.reconcile_micros_total, micros);
        self.busy.remove(&outcome.key);
        let Some(memory) = self.memories.get_mut(&outcome.key) else {
            return;
        };
        memory.written.extend(outcome.written);
        if outcome.has_bundle {
            self.given.insert(outcome.key.namespace.clone(), bundle);
        }
        if let Some(way) = outcome.way {
            memory.way = Some(way);
            if let Some(until) = way.until {
                self.agenda.at(outcome.key.clone(), until);
            }
        }
        if outcome.again {
            add(&self.metrics.reconcile_errors_total, 1);
            let wait = FIRST_RETRY
                .saturating_mul(1 << memory.failures.min(10))
                .min(LAST_RETRY);
            memory.failures = memory.failures.saturating_add(1);
            self.agenda.no_later(outcome.key, now() + wait);
        } else {
            memory.failures = 0;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell reads the clock that the plan is given"
)]
fn now() -> Instant {
    Instant::now()
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
