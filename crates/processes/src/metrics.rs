// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::Latency;

use crate::child::Ending;

/// Counts since the start, over all revisions.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessMetrics {
    /// Processes that were asked for, restarts included.
    pub starts: u64,
    /// Processes that ended on their own with an exit code, 0 included.
    pub crashes_exit: u64,
    /// Processes that ended on their own by a signal.
    pub crashes_signal: u64,
    /// Processes that could not be started.
    pub crashes_start: u64,
    /// Starts that ended ready.
    pub startups: u64,
    /// The seconds that they took in all, from the wish to the answered probe.
    pub startup_seconds: f64,
    /// How long they took: counts in the buckets of [`Latency`].
    pub startup_buckets: [u64; Latency::BUCKETS],
    /// Replicas that ignored SIGTERM for the whole grace and got SIGKILL.
    pub kills_after_grace: u64,
    /// Processes that did not vanish on SIGKILL in time.
    pub lost: u64,
    /// Lines of output that were dropped since the sink was slow.
    pub dropped_lines: u64,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        Self {
            starts: 0,
            crashes_exit: 0,
            crashes_signal: 0,
            crashes_start: 0,
            startups: 0,
            startup_seconds: 0.0,
            startup_buckets: [0; Latency::BUCKETS],
            kills_after_grace: 0,
            lost: 0,
            dropped_lines: 0,
        }
    }
}

impl ProcessMetrics {
    pub(crate) fn count_crash(&mut self, ending: &Ending) {
        match ending {
            Ending::NotStarted(_) | Ending::NotWanted => self.crashes_start += 1,
            Ending::Ended {
                status: Ok(status), ..
            } if status.code().is_none() => {
                self.crashes_signal += 1;
            }
            Ending::Ended { .. } => self.crashes_exit += 1,
        }
    }

    pub(crate) fn count_startup(&mut self, took: Duration) {
        self.startups += 1;
        self.startup_seconds += took.as_secs_f64();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.startup_buckets.get_mut(Latency::bucket_of(micros)) {
            *count += 1;
        }
    }
}
