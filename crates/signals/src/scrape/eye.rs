// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Moment, Report};

use crate::{
    Unread, knative,
    meter::{Meter, Metered},
};

use super::Answer;

/// What is known of one replica by one signal.
#[derive(Debug)]
pub(super) struct Eye {
    pub(super) meter: Meter,
    sidecar: knative::Reader,
    /// Up to when something was told of it.
    pub(super) told_until: Moment,
    /// The read that is under way or waits for its turn.
    pub(super) reading: Option<u64>,
    /// Reads that failed one after the other.
    pub(super) failures: u32,
    /// Not to be read before.
    pub(super) not_before: Moment,
    /// Requests in flight and waiting when it was read last.
    pub(super) level: f64,
    pub(super) busy: Option<bool>,
    /// Where only some are read: it was read for the first time, so that the next read has an interval.
    pub(super) begun: Option<Moment>,
}

/// What a read came to.
#[derive(Debug)]
pub(super) enum Seen {
    Report(Report),
    Value(f64),
    /// Nothing can be told yet.
    Nothing,
    Anew,
}

impl Eye {
    /// The first wait after a read that failed; it doubles with each.
    const FIRST_WAIT: Duration = Duration::from_millis(250);
    /// The longest.
    const LONGEST_WAIT: Duration = Duration::from_secs(5);

    pub(super) fn new(replica: &str, now: Moment) -> Self {
        Self {
            meter: Meter::new(replica),
            sidecar: knative::Reader::default(),
            told_until: now,
            reading: None,
            failures: 0,
            not_before: now,
            level: 0.0,
            busy: None,
            begun: None,
        }
    }

    /// Takes an answer that was read at `at`. `share`: what activators report for each replica.
    pub(super) fn see(
        &mut self,
        answer: &Answer,
        share: Option<f64>,
        at: Moment,
    ) -> Result<Seen, Unread> {
        let seen = match answer {
            Answer::Value(value) => Seen::Value(*value),
            Answer::Knative(bytes) => {
                let name = self.meter.replica().to_owned();
                match self.sidecar.read(&name, bytes, share)? {
                    Some(report) => {
                        self.level = report.request_seconds / report.seconds;
                        Seen::Report(report)
                    }
                    None => Seen::Nothing,
                }
            }
            Answer::Figures(figures, _) if figures.says_load() => {
                let figures = figures.as_ref().clone();
                match self.meter.take(figures, at) {
                    Metered::Report(report) => {
                        let gauge = self.meter.in_flight();
                        let mean =
                            || (report.request_seconds + report.waiting_seconds) / report.seconds;
                        self.level = gauge.unwrap_or_else(mean);
                        Seen::Report(report)
                    }
                    Metered::NotYet => {
                        self.level = self.meter.in_flight().unwrap_or(self.level);
                        Seen::Nothing
                    }
                    Metered::Anew => Seen::Anew,
                    Metered::Mixed => return Err(Unread::Mixed),
                }
            }
            Answer::Figures(..) => Seen::Nothing,
        };
        self.failures = 0;
        Ok(seen)
    }

    pub(super) fn failed(&mut self, now: Moment) {
        let wait = Self::FIRST_WAIT * 2_u32.saturating_pow(self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.plus(wait.min(Self::LONGEST_WAIT));
    }
}
