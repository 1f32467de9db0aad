// SPDX-License-Identifier: Apache-2.0
//! The process that is measured: the server of the streams, and behind it the autoscaler with all revisions.
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::Context;
use cheerful_autoscaler::{Autoscaler, AutoscalerConfig, Input, Platform, ScaleError};
use cheerful_scaling::{Decision, Observation, Scaling, Settings, Start, Target};
use cheerful_wire::{
    Admit, Downward, Hello, Refusal, ServerConfig, ServerMetrics, ServerTls, Session, Upward, Who,
    serve,
};
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    CA_FILE, NAME, Plan, REPLICAS, TARGET, TICK,
    lines::{asked, say},
    ticks::Ticks,
};

/// How often the probe of the thread wants to run.
const PROBE: Duration = Duration::from_millis(10);
/// As in a cluster: reviews of tokens at once, how long one waits for its turn at most; and a guess at how long one takes.
const REVIEWS: usize = 32;
const TURN: Duration = Duration::from_secs(5);
const REVIEW: Duration = Duration::from_millis(5);

/// Runs until its input ends. Says where it listens, and answers each line: `add` adds the revisions, `measure` begins
/// to count, `tell` tells what was counted.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let replicas = Arc::new(Replicas::default());
    let config = AutoscalerConfig {
        tick: TICK,
        record: None,
    };
    let (autoscaler, _task) = Autoscaler::start(config, Arc::clone(&replicas))?;
    drop(replicas.autoscaler.set(autoscaler.clone()));
    let listener = TcpListener::bind(plan.address).await?;
    let address = listener.local_addr()?;
    let tls = plan.tls.then(|| certificate(&plan.folder)).transpose()?;
    let metrics = Arc::new(ServerMetrics::default());
    let mut tasks = JoinSet::new();
    let door = Arc::new(Door {
        autoscaler: autoscaler.clone(),
        reviews: Semaphore::new(REVIEWS),
    });
    let served = serve(
        listener,
        tls,
        door,
        ServerConfig::default(),
        Arc::clone(&metrics),
        CancellationToken::new(),
    );
    tasks.spawn(async move { drop(served.await) });
    tasks.spawn(probe(Arc::clone(&replicas)));

    say(&address.to_string())?;
    let mut lines = asked();
    let mut messages_before = 0;
    while let Some(line) = lines.recv().await {
        match line.as_str() {
            "add" => {
                for number in 0..plan.revisions {
                    add(&autoscaler, number).await?;
                }
                autoscaler.metrics().await?;
                say("added")?;
            }
            "measure" => {
                *replicas.lock() = Ticks::default();
                messages_before = metrics.snapshot().messages_total;
                say("measuring")?;
            }
            _ => {
                let counted = autoscaler.metrics().await?;
                let streams = metrics.snapshot();
                let ticks = replicas.lock().clone();
                let told = json!({
                    "latest_micros": ticks.latest.as_micros() as u64,
                    "longest_micros": ticks.longest.as_micros() as u64,
                    "stall_micros": ticks.stall.as_micros() as u64,
                    "ticks": ticks.ticks,
                    "decisions": ticks.decisions,
                    "streams": streams.streams,
                    "messages": streams.messages_total - messages_before,
                    "inputs_dropped": counted.inputs_dropped,
                });
                say(&told.to_string())?;
            }
        }
    }
    Ok(())
}

fn certificate(folder: &Path) -> anyhow::Result<ServerTls> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
    std::fs::write(folder.join(CA_FILE), made.cert.pem())?;
    Ok(ServerTls::new(
        &made.cert.pem(),
        &made.signing_key.serialize_pem(),
    )?)
}

async fn add(autoscaler: &Autoscaler, number: usize) -> anyhow::Result<()> {
    let settings = Settings {
        target: Target::PerReplica(TARGET),
        min: 1,
        max: Some(10),
        ..Settings::default()
    };
    let scaling = Scaling::new(settings)
        .ok()
        .context("the settings are refused")?;
    let ready = REPLICAS as u32;
    let start = Start {
        ready,
        ..Start::default()
    };
    let name = key("bench", &format!("revision-{number}"));
    let there = Observation {
        ready,
        ..Observation::default()
    };
    autoscaler
        .tell(&name, Input::Add { scaling, start })
        .await?;
    Ok(autoscaler.tell(&name, Input::Observation(there)).await?)
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Lets every queue in, each after its turn at a review as long as a real one, and hands its reports over.
struct Door {
    autoscaler: Autoscaler,
    reviews: Semaphore,
}

struct Queue {
    autoscaler: Autoscaler,
    key: String,
    /// The way down stays open for as long as the stream does.
    _down: mpsc::Sender<Downward>,
}

impl Admit for Door {
    type Session = Queue;

    async fn admit(&self, hello: Hello, down: mpsc::Sender<Downward>) -> Result<Queue, Refusal> {
        let Who::Queue { workload, .. } = hello.who else {
            return Err(Refusal {
                reason: "workload",
                text: "queues alone are served".to_owned(),
            });
        };
        let Ok(Ok(turn)) = timeout(TURN, self.reviews.acquire()).await else {
            return Err(Refusal {
                reason: "unavailable",
                text: "too many are waiting".to_owned(),
            });
        };
        sleep(REVIEW).await;
        drop(turn);
        Ok(Queue {
            autoscaler: self.autoscaler.clone(),
            key: key(&workload.namespace, &workload.name),
            _down: down,
        })
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl Session for Queue {
    async fn take(&mut self, message: Upward) -> Result<(), Refusal> {
        if let Upward::Report(message) = message {
            self.autoscaler
                .offer(&self.key, Input::Report(message.report));
        }
        Ok(())
    }
}

/// A platform on which every wish is true at once; it also sees the decisions go by.
#[derive(Default)]
struct Replicas {
    autoscaler: OnceLock<Autoscaler>,
    ticks: Mutex<Ticks>,
}

impl Replicas {
    fn lock(&self) -> MutexGuard<'_, Ticks> {
        self.ticks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for Replicas {
    async fn scale(&self, revision: &str, replicas: u32) -> Result<(), ScaleError> {
        if let Some(autoscaler) = self.autoscaler.get() {
            let there = Observation {
                ready: replicas,
                ..Observation::default()
            };
            autoscaler.offer(revision, Input::Observation(there));
        }
        Ok(())
    }

    fn decided(&self, _revision: &str, _decision: &Decision) {
        self.lock().decided(Instant::now());
    }
}

/// Finds out for how long others keep the thread.
async fn probe(replicas: Arc<Replicas>) {
    let mut probe = interval(PROBE);
    loop {
        let wanted = probe.tick().await;
        let late = wanted.elapsed();
        let mut ticks = replicas.lock();
        ticks.stall = ticks.stall.max(late);
    }
}
