// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cheerful_autoscaler::Input;
use cheerful_manifest::{PrometheusSignal, Signal, SignalSpec, Source};
use cheerful_scaling::{Gauge, Reading};
use cheerful_signals::{
    Told, Unread,
    asking::{self, Ask, Place},
    query::Query,
    schedule,
    scrape::{Said, Scraper, Target},
};
use cheerful_wire::Workload;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, runtime::watcher::Config};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    credentials,
    fleet::Listen,
    metrics_api::{Custom, External, Resource, Usage},
    shared::Shared,
    signals::{Signals, trusted},
    watch::{TargetPods, follow},
};

/// Whoever reads signals: for each workload that is listened to a few tasks, which end with it or with us.
pub(crate) struct Readers {
    shared: Arc<Shared>,
    client: Client,
    scraper: Scraper,
    asked: Arc<Semaphore>,
    /// The watches of pods without a queue.
    follows: BTreeMap<Workload, JoinSet<()>>,
    listens: BTreeMap<Workload, JoinSet<()>>,
}

/// Servers that are being asked at a time, over all workloads.
const ASKED: usize = 32;
/// Watches of pods at a time: each is a request of its own to the API server. An Autoscaler over it is not scaled.
const MOST_FOLLOWED: usize = 1024;

impl Readers {
    pub(crate) fn new(shared: Arc<Shared>, client: Client, scraper: Scraper) -> Self {
        Self {
            shared,
            client,
            scraper,
            asked: Arc::new(Semaphore::new(ASKED)),
            follows: BTreeMap::new(),
            listens: BTreeMap::new(),
        }
    }

    pub(crate) async fn apply(&mut self, change: Listen) {
        match change {
            Listen::Follow { workload, selector } => self.follow(workload, &selector),
            Listen::Unfollow(workload) => {
                self.follows.remove(&workload);
            }
            Listen::Begin { workload, signals } => {
                let targets = signals.targets(&workload.namespace);
                self.scraper.targets(&workload.to_string(), targets);
                let tasks = self.listen(&workload, &signals);
                self.listens.insert(workload, tasks);
            }
            Listen::Replicas { workload, replicas } => {
                self.scraper.replicas(&workload.to_string(), &replicas);
            }
            Listen::End(workload) => {
                let key = workload.to_string();
                self.scraper.remove(&key);
                // Who kept the clock has gone, and what it asked for with it.
                if self.listens.remove(&workload).is_some() {
                    self.shared.tell(&key, Input::Floor(None)).await;
                }
            }
        }
    }

    fn follow(&mut self, workload: Workload, selector: &str) {
        self.follows.remove(&workload);
        if self.follows.len() >= MOST_FOLLOWED {
            self.shared.counts().follows_refused += 1;
            tracing::warn!(
                "{workload} is not scaled: the pods of {MOST_FOLLOWED} Autoscalers are watched already"
            );
            return;
        }
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &workload.namespace);
        let config = Config::default().labels(selector);
        let mut tasks = JoinSet::new();
        let watched = TargetPods(workload.clone());
        tasks.spawn(follow(
            watched,
            pods,
            config,
            Arc::clone(&self.shared),
            None,
        ));
        self.follows.insert(workload, tasks);
    }

    fn listen(&self, workload: &Workload, signals: &Signals) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let (shared, key) = (Arc::clone(&self.shared), workload.to_string());
        let schedules = signals.schedules.clone();
        tasks.spawn(async move {
            schedule::follow(&schedules, |floor| shared.tell(&key, Input::Floor(floor))).await;
        });
        for signal in signals.sources.iter().filter_map(SignalSpec::signal) {
            if let Err(why) = self.ask(&mut tasks, workload, signal) {
                tell(&self.shared, &workload.to_string(), signal.name, Err(why));
            }
        }
        tasks
    }

    fn ask(
        &self,
        tasks: &mut JoinSet<()>,
        workload: &Workload,
        signal: Signal<'_>,
    ) -> Result<(), Unread> {
        match signal.source {
            Source::Prometheus(given) => {
                files(given, &workload.namespace)?;
                self.follow_up(tasks, workload, signal, Query::of(given)?, given.every());
                Ok(())
            }
            Source::Cpu(cpu) => {
                let usage = self.usage(workload, Resource::Cpu, cpu.target);
                self.follow_up(tasks, workload, signal, usage, Gauge::INTERVAL);
                Ok(())
            }
            Source::Memory(memory) => {
                let usage = self.usage(workload, Resource::Memory, memory.target.bytes());
                self.follow_up(tasks, workload, signal, usage, Gauge::INTERVAL);
                Ok(())
            }
            Source::External(given) => {
                let ask = External::new(self.client.clone(), &workload.namespace, given);
                self.follow_up(tasks, workload, signal, ask, given.every());
                Ok(())
            }
            Source::Custom(given) => {
                let ask = Custom {
                    shared: Arc::clone(&self.shared),
                    client: self.client.clone(),
                    workload: workload.clone(),
                    given: given.clone(),
                    found: None,
                };
                self.follow_up(tasks, workload, signal, ask, given.every());
                Ok(())
            }
            Source::Statsd(_) => Err(Unread::Setup(
                "StatsD is not taken in a cluster; should be another signal".to_owned(),
            )),
            // The scraper reads it of each pod.
            _ => Target::of(signal).map_or(Ok(()), |target| {
                trusted(&target, &workload.namespace).map_err(Unread::Setup)
            }),
        }
    }

    fn usage(&self, workload: &Workload, resource: Resource, target: f64) -> Usage {
        Usage {
            shared: Arc::clone(&self.shared),
            client: self.client.clone(),
            workload: workload.clone(),
            resource,
            target,
            times: BTreeMap::new(),
        }
    }

    fn follow_up<A: Ask + 'static>(
        &self,
        tasks: &mut JoinSet<()>,
        workload: &Workload,
        signal: Signal<'_>,
        ask: A,
        every: Duration,
    ) {
        let (revision, signal) = (workload.to_string(), signal.name.to_owned());
        let (shared, asked) = (Arc::clone(&self.shared), Arc::clone(&self.asked));
        tasks.spawn(async move {
            let place = Place {
                revision: &revision,
                signal: &signal,
            };
            let tell = |read| tell(&shared, &revision, &signal, read);
            asking::follow(ask, place, every, asked, tell).await;
        });
    }
}

/// Hands on what was read of pods.
pub(crate) fn say(shared: &Shared, said: Said) {
    match said {
        Said::Told { revision, told } => match told {
            Told::Report(report) => {
                let now = shared.now();
                let is_wanted = shared.fleet().read(&revision, Some(&report), now);
                if is_wanted {
                    shared.offer(&revision, Input::Report(report));
                }
            }
            Told::Reading(reading) => tell(shared, &revision, "", Ok(reading)),
            Told::Busy { replica, busy } => {
                shared.fleet().busy(&revision, &replica, busy);
                shared.news.notify_one();
            }
        },
        Said::Trouble {
            revision,
            signal,
            reason,
            why,
        } => shared.offer(
            &revision,
            Input::SignalTrouble {
                signal,
                reason,
                why,
            },
        ),
    }
}

/// What was read, or why nothing was; the next comes soon.
fn tell(shared: &Shared, key: &str, signal: &str, read: Result<Reading, Unread>) {
    let input = match read {
        Ok(reading) => {
            let now = shared.now();
            if !shared.fleet().read(key, None, now) {
                return;
            }
            Input::Reading(reading)
        }
        Err(why) => {
            tracing::debug!(key, signal, "{why}");
            Input::SignalTrouble {
                signal: signal.to_owned(),
                reason: why.name(),
                why: why.to_string(),
            }
        }
    };
    shared.offer(key, input);
}

/// Whether it may have the files that it names.
fn files(given: &PrometheusSignal, namespace: &str) -> Result<(), Unread> {
    for (field, file) in [
        ("tokenFile", &given.token_file),
        ("caFile", &given.ca_file),
        ("certFile", &given.cert_file),
        ("keyFile", &given.key_file),
    ] {
        if let Some(file) = file {
            credentials::check(field, file, namespace).map_err(Unread::Setup)?;
        }
    }
    Ok(())
}
