// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cheerful_autoscaler::Input;
use cheerful_manifest::{SignalSpec, Source, StatsdSignal};
use cheerful_scaling::Report;
use cheerful_signals::{
    Unread,
    statsd::{Counts, Living, StatsdServer, Wanted, spread},
};

use super::Spec;

/// Takes StatsD for the revisions that ask for it. While none does, nothing listens.
#[derive(Debug)]
pub(crate) struct Statsd {
    address: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    server: Option<StatsdServer>,
    /// Why nothing listens though it should.
    trouble: Option<String>,
    /// By revision.
    asked: BTreeMap<String, Asked>,
}

#[derive(Debug)]
struct Asked {
    signal: String,
    wanted: Wanted,
    /// Collections in a row that brought nothing though replicas are there.
    empty: u32,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StatsdCounts {
    pub(crate) lines: Counts,
    /// Datagrams that the kernel dropped.
    pub(crate) dropped: u64,
}

/// Between two sentences of what is missing, in collections.
const TROUBLE: u32 = 5;

impl Statsd {
    /// To listen there once it is asked for.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            state: Mutex::default(),
        }
    }

    /// What was counted since it listens; 0 while it does not.
    pub(crate) fn counts(&self) -> StatsdCounts {
        let state = self.state();
        (state.server.as_ref()).map_or_else(StatsdCounts::default, |server| StatsdCounts {
            lines: *server.store().counts(),
            dropped: server.dropped().unwrap_or(0),
        })
    }

    /// These are the revisions from now on.
    pub(super) fn apply(&self, specs: &[Spec]) {
        let mut state = self.state();
        let asked = specs.iter().filter_map(|spec| {
            let mut signals = spec.signals.sources.iter().filter_map(SignalSpec::signal);
            let asked = signals.find_map(|signal| match signal.source {
                Source::Statsd(given) => Some(Asked {
                    signal: signal.name.to_owned(),
                    wanted: wanted(given),
                    empty: 0,
                }),
                _ => None,
            })?;
            Some((spec.name().to_owned(), asked))
        });
        let before = std::mem::replace(&mut state.asked, asked.collect());
        if state.asked.is_empty() {
            *state = State::default();
            return;
        }
        state.listen(self.address);
        let State { server, asked, .. } = &*state;
        if let Some(server) = server {
            for name in before.keys().filter(|name| !asked.contains_key(*name)) {
                server.store().want(server.now(), name, None);
            }
        }
    }

    /// What has come since it was last asked, by revision. `living`: the replicas of one that take requests.
    pub(super) fn collect(&self, living: impl Fn(&str) -> Vec<String>) -> Vec<(String, Input)> {
        let mut state = self.state();
        if !state.asked.is_empty() {
            state.listen(self.address);
        }
        let State {
            server,
            trouble,
            asked,
        } = &mut *state;
        let mut told = Vec::new();
        for (revision, asked) in asked {
            let replicas = living(revision);
            let read = match server {
                Some(server) => read(server, revision, &replicas),
                None => Err(Unread::Setup(trouble.clone().unwrap_or_default())),
            };
            match read {
                Ok(reports) => {
                    asked.empty = 0;
                    let reports = reports.into_iter().map(Input::Report);
                    told.extend(reports.map(|report| (revision.clone(), report)));
                }
                Err(why) => {
                    asked.empty += 1;
                    if asked.empty.is_multiple_of(TROUBLE) {
                        let trouble = Input::SignalTrouble {
                            signal: asked.signal.clone(),
                            reason: why.name(),
                            why: why.to_string(),
                        };
                        told.push((revision.clone(), trouble));
                    }
                }
            }
        }
        told
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Listens if it does not yet, and asks for what is asked for.
    fn listen(&mut self, address: SocketAddr) {
        if self.server.is_none() {
            match StatsdServer::start(address) {
                Ok(server) => {
                    let at = server.address().unwrap_or(address);
                    tracing::info!("taking StatsD on {at}");
                    self.server = Some(server);
                    self.trouble = None;
                }
                Err(error) => {
                    let why = format!("--statsd {address}: {error}");
                    if self.trouble.as_ref() != Some(&why) {
                        tracing::warn!("{why}; it is tried again each second");
                    }
                    self.trouble = Some(why);
                }
            }
        }
        if let Some(server) = &self.server {
            let now = server.now();
            for (revision, asked) in &self.asked {
                let wanted = Some(asked.wanted.clone());
                server.store().want(now, revision, wanted);
            }
        }
    }
}

fn read(server: &StatsdServer, revision: &str, replicas: &[String]) -> Result<Vec<Report>, Unread> {
    let figures = server.store().collect(server.now(), revision);
    // All send from one address.
    let living = replicas.iter().map(|name| Living {
        name: name.clone(),
        address: None,
    });
    let reports = spread(figures, &living.collect::<Vec<_>>());
    if reports.is_empty() && !replicas.is_empty() {
        let why = "no datagram of it came of late";
        return Err(Unread::Silent(why.to_owned()));
    }
    Ok(reports)
}

fn wanted(given: &StatsdSignal) -> Wanted {
    Wanted {
        in_flight: given.in_flight.clone(),
        requests: given.requests.clone(),
        seconds: given.seconds.clone(),
        tags: given.tags.clone(),
    }
}
