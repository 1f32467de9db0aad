// SPDX-License-Identifier: Apache-2.0
use std::{io, time::Duration};

use cheerful_processes::Processes;
use tokio::{task::JoinSet, time::MissedTickBehavior};

use super::{
    RunOptions, Source,
    keeping::Keeping,
    revisions,
    serve::Serving,
    systemd,
    watch::{Stamp, Watch},
};
use crate::{
    api::Readiness,
    exit::Failure,
    signals::{Asked, Signals},
    site::{Ended, Site, Spec},
};

/// Everything that runs, and what it was started with.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) options: RunOptions,
    pub(crate) site: Site,
    pub(crate) serving: Serving,
    pub(crate) signals: Signals,
    pub(crate) readiness: Readiness,
    pub(crate) keeping: Keeping,
}

/// Why the loop ended.
enum Why {
    Asked,
    Failed(String),
}

impl Control {
    /// `side_tasks` are ended once the last request has been answered. Reloads when asked to or when the manifest changes, until somebody asks for the end; then drains.
    ///
    /// # Errors
    /// 1: serving became impossible; 130: a second signal ended everything at once.
    pub(crate) async fn run(mut self, mut side_tasks: JoinSet<()>) -> Result<(), Failure> {
        self.readiness.set(true);
        systemd::ready();
        let why = self.follow().await;
        self.readiness.set(false);
        systemd::stopping();
        self.end(why, &mut side_tasks).await
    }

    async fn follow(&mut self) -> Why {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watchdog = tokio::time::interval(systemd::watchdog().unwrap_or(NEVER));
        let mut watch = Watch::new(self.stamp().await);
        loop {
            tokio::select! {
                asked = self.signals.next() => match asked {
                    Asked::Interrupt | Asked::Terminate => return Why::Asked,
                    Asked::HangUp => {
                        let restart = matches!(self.options.source, Source::Command(_));
                        if let Err(ended) = self.reload(restart).await {
                            return Why::Failed(ended.to_string());
                        }
                    }
                },
                _ = second.tick() => {
                    if watch.step(self.stamp().await)
                        && let Err(ended) = self.reload(false).await
                    {
                        return Why::Failed(ended.to_string());
                    }
                }
                _ = watchdog.tick() => systemd::alive(),
                ended = self.serving.next_end() => return Why::Failed(match ended {
                    Some(Err(error)) => format!("requests cannot be accepted any more: {error}"),
                    Some(Ok(())) | None => "serving ended by itself".to_owned(),
                }),
            }
        }
    }

    async fn stamp(&self) -> Option<Stamp> {
        match &self.options.source {
            Source::Manifest(path) => Stamp::of(path).await,
            Source::Command(_) => None,
        }
    }

    /// A bad change leaves everything as it is.
    async fn reload(&mut self, restart: bool) -> Result<(), Ended> {
        systemd::reloading();
        match read(&self.options).await {
            Ok(specs) => {
                let revisions = specs.len();
                let names = names(&specs);
                self.site.apply(specs, restart).await?;
                self.keeping.recall(&self.site, &names).await;
                tracing::info!(revisions, "reloaded");
            }
            Err(wrong) => tracing::error!("not reloaded, everything goes on as it was: {wrong}"),
        }
        systemd::ready();
        Ok(())
    }

    async fn end(self, why: Why, side_tasks: &mut JoinSet<()>) -> Result<(), Failure> {
        let Self {
            options,
            site,
            mut serving,
            mut signals,
            keeping,
            ..
        } = self;
        let result = match why {
            Why::Asked => {
                tracing::info!("finishing what is in flight; once more to end at once");
                Ok(())
            }
            Why::Failed(why) => Err(Failure::later(why)),
        };
        let processes = site.parts.processes.clone();
        serving.drain();
        tokio::select! {
            () = drained(&mut serving, options.drain) => {}
            () = end_asked(&mut signals) => return Err(at_once(&processes).await),
        }
        let all = async {
            keeping.end().await;
            // They hold handles of the autoscaler, which ends with the last one.
            side_tasks.shutdown().await;
            site.shut_down().await;
        };
        tokio::select! {
            () = all => result,
            () = end_asked(&mut signals) => Err(at_once(&processes).await),
        }
    }
}

/// The names of the revisions.
pub(crate) fn names(specs: &[Spec]) -> Vec<String> {
    specs.iter().map(|spec| spec.name().to_owned()).collect()
}

/// Instead of a watchdog that nobody asked for.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

async fn read(options: &RunOptions) -> Result<Vec<Spec>, String> {
    let (source, beside) = (options.source.clone(), options.shadow);
    // Reading 10,000 documents takes a while, and the collection must go on.
    tokio::task::spawn_blocking(move || revisions::read(&source, beside))
        .await
        .unwrap_or_else(|error| Err(format!("reading failed: {error}")))
}

/// Until the last request has been answered, or the limit.
async fn drained(serving: &mut Serving, limit: Duration) {
    let all = async {
        while let Some(ended) = serving.next_end().await {
            log_end(ended);
        }
    };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!(
            "some requests were still in flight after {} s and are cut",
            limit.as_secs()
        );
    }
}

fn log_end(ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!("a serving thread ended: {error}");
    }
}

async fn end_asked(signals: &mut Signals) {
    while signals.next().await == Asked::HangUp {}
}

/// Kills every process, and ends as a shell says it of a program that SIGINT ended. The person knows why.
async fn at_once(processes: &Processes) -> Failure {
    processes.kill_now().await;
    Failure {
        exit_code: 130,
        message: String::new(),
    }
}
