// SPDX-License-Identifier: Apache-2.0
use cheerful_manifest::{ScheduleSpec, SignalSpec};
use cheerful_signals::{schedule::Schedule, scrape::Target};

use super::credentials;

/// By what the load of an object becomes known besides queues and gateways, and the least that it has by the clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Signals {
    /// At most eight.
    pub(crate) sources: Vec<SignalSpec>,
    /// At most sixteen.
    pub(crate) schedules: Vec<Schedule>,
}

impl Signals {
    /// # Errors
    /// The first schedule that means nothing.
    pub(crate) fn read(
        one: Option<SignalSpec>,
        more: Vec<SignalSpec>,
        schedules: &[ScheduleSpec],
    ) -> Result<Self, String> {
        let schedules = schedules
            .iter()
            .take(ScheduleSpec::MOST)
            .map(Schedule::read);
        let schedules = schedules
            .collect::<Result<_, _>>()
            .map_err(|fault| format!("spec.scaling.schedules: {fault}"))?;
        let sources = one.into_iter().chain(more).take(SignalSpec::MOST).collect();
        Ok(Self { sources, schedules })
    }

    /// Whether there is nothing to listen to.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.sources.is_empty() && self.schedules.is_empty()
    }

    /// Whether one counts the requests, so that what queues count is no part of a decision.
    pub(crate) fn counts_requests(&self) -> bool {
        let mut signals = self.sources.iter().filter_map(SignalSpec::signal);
        signals.any(|signal| signal.source.counts_requests())
    }

    /// What is read of each pod, of an object in that namespace.
    pub(crate) fn targets(&self, namespace: &str) -> Vec<Target> {
        let signals = self.sources.iter().filter_map(SignalSpec::signal);
        signals
            .filter_map(Target::of)
            .filter(|target| trusted(target, namespace).is_ok())
            .collect()
    }
}

/// Whether an object in that namespace may name the certificates by which a target is trusted.
///
/// # Errors
/// What would be right.
pub(crate) fn trusted(target: &Target, namespace: &str) -> Result<(), String> {
    let https = target.endpoint.https.as_ref();
    let file = https.and_then(|https| https.ca_file.as_deref());
    file.map_or(Ok(()), |file| credentials::check("caFile", file, namespace))
}
