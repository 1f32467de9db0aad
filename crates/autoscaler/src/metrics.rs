// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::Refusal;

/// What the service has counted since it began, over all revisions. Plain data for whoever renders it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Revisions known.
    pub revisions: usize,
    /// Revisions that are decided at each tick: those not at rest.
    pub awake: usize,
    /// Revisions with a policy beside the one that acts.
    pub shadows: usize,
    /// Decisions on the stable average.
    pub decisions_stable: u64,
    /// Decisions in panic.
    pub decisions_panic: u64,
    /// Times the present count was held because there was nothing to decide on.
    pub decisions_undecided: u64,
    /// Scale requests that the platform took.
    pub scales_written: u64,
    /// Scale requests that the platform refused.
    pub scales_failed: u64,
    /// Scale requests without an answer within 5 s.
    pub scales_given_up: u64,
    /// Inputs dropped because the channel was full.
    pub inputs_dropped: u64,
    /// Inputs for a revision that is not known (any more), and revisions over the limit of 65,536.
    pub inputs_unknown: u64,
    /// Reports refused, by reason.
    pub reports_refused: BTreeMap<Refusal, u64>,
    /// Signals that could not be read, and readings refused, by reason.
    pub signals_unread: BTreeMap<&'static str, u64>,
    /// Lines that did not get into the recording: its channel was full, or writing failed.
    pub recording_lines_lost: u64,
    /// What was heard and is not kept for deciding anew, for want of room: inputs.
    pub heard_forgotten: u64,
    /// From the arrival of what showed a breach to the written scale.
    pub scale_latency: ScaleLatency,
}

/// A histogram of how long it took from a breach to the written scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScaleLatency {
    /// One count for each bound of [`ScaleLatency::BOUNDS_SECONDS`], not cumulative, and one for all above the last.
    pub counts: [u64; Self::BOUNDS_SECONDS.len() + 1],
    /// Sum of all.
    pub sum_seconds: f64,
    /// The longest.
    pub max_seconds: f64,
}

impl ScaleLatency {
    /// Upper bounds of the buckets, inclusive.
    pub const BOUNDS_SECONDS: [f64; 11] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    ];

    /// Takes one more.
    pub fn add(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let bucket = Self::BOUNDS_SECONDS
            .iter()
            .take_while(|bound| seconds > **bound)
            .count();
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_seconds += seconds;
        self.max_seconds = self.max_seconds.max(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_first_bucket_that_takes_it() {
        let mut latency = ScaleLatency::default();
        latency.add(Duration::from_millis(1));
        latency.add(Duration::from_millis(3));
        latency.add(Duration::from_secs(6));
        assert_eq!(latency.counts, [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!((latency.sum_seconds - 6.004).abs() < 1e-9);
        assert!((latency.max_seconds - 6.0).abs() < 1e-9);
    }
}
