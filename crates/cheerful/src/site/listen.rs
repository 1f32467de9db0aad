// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use cheerful_autoscaler::{Autoscaler, Input};
use cheerful_manifest::{Signal, Source};
use cheerful_processes::Processes;
use cheerful_scaling::Reading;
use cheerful_signals::{
    Unread,
    asking::{self, Ask, Place},
    query::Query,
    resource::{Local, Resource},
    schedule,
};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{Parts, Signals, Versions};

/// Servers that are being asked at a time, over all revisions.
#[derive(Clone, Debug)]
pub(super) struct Asked(Arc<Semaphore>);

impl Default for Asked {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(32)))
    }
}

/// How often CPU and memory are measured: it costs little here.
const MEASURED: Duration = Duration::from_secs(5);

/// Listens to the signals of a revision and tells the autoscaler, until the tasks are dropped.
pub(super) fn listen(
    parts: &Parts,
    asked: &Asked,
    revision: &str,
    signals: &Signals,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (autoscaler, name) = (parts.autoscaler.clone(), revision.to_owned());
    let schedules = signals.schedules.clone();
    tasks.spawn(async move {
        schedule::follow(&schedules, |floor| async {
            if let Err(stopped) = autoscaler.tell(&name, Input::Floor(floor)).await {
                tracing::debug!("{stopped}");
            }
        })
        .await;
    });
    for signal in signals.sources.iter().filter_map(|spec| spec.signal()) {
        let source = Listener {
            parts,
            asked,
            revision,
            signal,
        };
        source.spawn(&mut tasks);
    }
    tasks
}

/// One signal that is to be listened to.
struct Listener<'a> {
    parts: &'a Parts,
    asked: &'a Asked,
    revision: &'a str,
    signal: Signal<'a>,
}

impl Listener<'_> {
    fn spawn(&self, tasks: &mut JoinSet<()>) {
        match self.signal.source {
            Source::Prometheus(given) => match Query::of(given) {
                Ok(query) => self.follow(tasks, query, given.every()),
                Err(why) => tell(
                    &self.parts.autoscaler,
                    self.revision,
                    self.signal.name,
                    Err(why),
                ),
            },
            Source::Cpu(cpu) => self.measure(tasks, Resource::Cpu, cpu.target),
            Source::Memory(memory) => self.measure(tasks, Resource::Memory, memory.target.bytes()),
            // Of a cluster, or listened to elsewhere.
            _ => {}
        }
    }

    fn measure(&self, tasks: &mut JoinSet<()>, resource: Resource, target: f64) {
        let measured = Measured {
            revision: self.revision.to_owned(),
            versions: Arc::clone(&self.parts.versions),
            processes: self.parts.processes.clone(),
            local: Local::new(resource, target),
        };
        self.follow(tasks, measured, MEASURED);
    }

    fn follow<A: Ask + 'static>(&self, tasks: &mut JoinSet<()>, ask: A, every: Duration) {
        let (revision, signal) = (self.revision.to_owned(), self.signal.name.to_owned());
        let (autoscaler, at_once) = (self.parts.autoscaler.clone(), Arc::clone(&self.asked.0));
        tasks.spawn(async move {
            let place = Place {
                revision: &revision,
                signal: &signal,
            };
            asking::follow(ask, place, every, at_once, |read| {
                tell(&autoscaler, &revision, &signal, read);
            })
            .await;
        });
    }
}

/// What was read, or why nothing was; the next comes soon.
fn tell(autoscaler: &Autoscaler, revision: &str, signal: &str, read: Result<Reading, Unread>) {
    let input = match read {
        Ok(reading) => Input::Reading(reading),
        Err(why) => {
            tracing::debug!(revision, signal, "{why}");
            Input::SignalTrouble {
                signal: signal.to_owned(),
                reason: why.name(),
                why: why.to_string(),
            }
        }
    };
    autoscaler.offer(revision, input);
}

/// A resource of the replicas that take the requests of a revision.
struct Measured {
    revision: String,
    versions: Arc<Versions>,
    processes: Processes,
    local: Local,
}

impl Ask for Measured {
    async fn ask(&mut self) -> Result<f64, Unread> {
        let version = self.versions.current(&self.revision);
        let replicas = self.processes.replicas(&version).await;
        let ready = replicas.iter().filter(|replica| replica.state == "ready");
        self.local
            .measure(ready.filter_map(|replica| replica.pid).collect())
            .await
    }
}
