// SPDX-License-Identifier: Apache-2.0
//! The process that is measured: the server of the streams, and behind it the autoscaler with all revisions.
use std::{
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::Context;
use cheerful_autoscaler::{Autoscaler, AutoscalerConfig, Input, Platform, ScaleError};
use cheerful_scaling::{Decision, Observation, Scaling, Settings, Start, Target};
use cheerful_wire::{
    Admit, Downward, Hello, Refusal, ServerConfig, ServerMetrics, ServerTls, Session, Upward, Who,
    serve,
};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{NAME, Plan, REPLICAS, TARGET, TICK};

/// Silence after which the next decision is the first of another tick.
const BETWEEN_TICKS: Duration = Duration::from_millis(500);
/// How often the probe of the thread wants to run.
const PROBE: Duration = Duration::from_millis(10);

/// Runs until its input ends. Says `ready ADDRESS CA-FILE`, and answers each line: `add` adds the revisions, `measure`
/// begins to count, `end` tells what was counted.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let replicas = Arc::new(Replicas::default());
    let config = AutoscalerConfig {
        tick: TICK,
        record: None,
    };
    let (autoscaler, _task) = Autoscaler::start(config, Arc::clone(&replicas))?;
    drop(replicas.autoscaler.set(autoscaler.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let folder = tempfile::tempdir()?;
    let (tls, ca_file) = if plan.tls {
        let (tls, ca_file) = certificate(folder.path())?;
        (Some(tls), ca_file)
    } else {
        (None, PathBuf::new())
    };
    let metrics = Arc::new(ServerMetrics::default());
    let mut tasks = JoinSet::new();
    let door = Arc::new(Door(autoscaler.clone()));
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

    say(&format!("ready {address} {}", ca_file.display()))?;
    let mut lines = input();
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
                say("measuring")?;
            }
            _ => {
                let counted = autoscaler.metrics().await?;
                let streams = metrics.snapshot();
                let ticks = replicas.lock().clone();
                say(&format!(
                    "streams {}, messages {}, inputs dropped {}, reports refused {:?}, scales {}",
                    streams.streams,
                    streams.messages_total,
                    counted.inputs_dropped,
                    counted.reports_refused,
                    counted.scales_written,
                ))?;
                say(&format!("{}", ticks.latest.as_micros()))?;
                say(&format!("{}", ticks.longest.as_micros()))?;
                say(&format!("{}", ticks.decisions))?;
                say(&format!("{}", ticks.stall.as_micros()))?;
            }
        }
    }
    Ok(())
}

/// The lines of the standard input.
fn input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn certificate(folder: &std::path::Path) -> anyhow::Result<(ServerTls, PathBuf)> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
    let file = folder.join("ca.crt");
    std::fs::write(&file, made.cert.pem())?;
    let tls = ServerTls::new(&made.cert.pem(), &made.signing_key.serialize_pem())?;
    Ok((tls, file))
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

/// Lets every queue in and hands its reports over.
struct Door(Autoscaler);

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
        Ok(Queue {
            autoscaler: self.0.clone(),
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

/// When decisions were made.
#[derive(Clone, Default)]
struct Ticks {
    began: Option<Instant>,
    last: Option<Instant>,
    decisions: u64,
    /// How much later than a tick after the one before, at most.
    latest: Duration,
    /// From the first decision of a tick to its last, at most.
    longest: Duration,
    /// How much later than it wanted to the thread's probe ran, at most.
    stall: Duration,
}

impl Replicas {
    fn lock(&self) -> std::sync::MutexGuard<'_, Ticks> {
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
        let now = Instant::now();
        let mut ticks = self.lock();
        let ticks = &mut *ticks;
        ticks.decisions += 1;
        if ticks.last.is_none_or(|last| now - last > BETWEEN_TICKS) {
            if let Some(began) = ticks.began {
                ticks.latest = ticks.latest.max((now - began).saturating_sub(TICK));
            }
            ticks.began = Some(now);
        }
        if let Some(began) = ticks.began {
            ticks.longest = ticks.longest.max(now - began);
        }
        ticks.last = Some(now);
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
