// SPDX-License-Identifier: Apache-2.0
use cheerful_gateway::RevisionConfig;
use cheerful_manifest::{Signal, SignalSpec};
use cheerful_processes::ProcessRevision;
use cheerful_scaling::Scaling;
use cheerful_signals::{schedule::Schedule, scrape::Target};

/// A revision as a person wants it on this machine. The three parts carry the same name.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// How its replicas are run. A change of anything in it makes a new version.
    pub process: ProcessRevision,
    /// Its routes and limits at the gateway. A change holds at once.
    pub door: RevisionConfig,
    /// How it is scaled. A change holds at once.
    pub scaling: Scaling,
    /// A second policy beside it, which writes nothing. A change holds at once.
    pub shadow: Option<Scaling>,
    /// By what its load becomes known besides the gateway. A change holds at once.
    pub signals: Signals,
}

/// By what the load of a revision becomes known besides the gateway, and the least that it has by the clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Signals {
    /// At most eight.
    pub sources: Vec<SignalSpec>,
    /// At most sixteen.
    pub schedules: Vec<Schedule>,
}

impl Spec {
    /// The revision's name.
    pub(crate) fn name(&self) -> &str {
        &self.process.name
    }

    /// What is read of each replica.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let signals = self.signals.sources.iter().filter_map(SignalSpec::signal);
        let target = |signal: Signal<'_>| {
            let mut target = Target::of(signal)?;
            // Each replica has a port of its own here, and no other that is known.
            target.endpoint.port = signal.source.port();
            Some(target)
        };
        signals.filter_map(target).collect()
    }

    /// Whether a signal counts its requests, in place of the gateway.
    pub(crate) fn is_counted_by_signal(&self) -> bool {
        let mut signals = self.signals.sources.iter().filter_map(SignalSpec::signal);
        signals.any(|signal| signal.source.counts_requests())
    }
}
