// SPDX-License-Identifier: Apache-2.0
//! What queues and gateways are told of how often to report.
use std::time::Duration;

use cheerful_wire::{Downward, Pace, Workload};
use tokio::sync::mpsc;

use super::Fleet;
use crate::scaler::{
    key,
    pace::{Paced, differs},
};

impl Fleet {
    /// From how many requests in flight on a burst of a workload shows has changed.
    pub(crate) fn threshold(&mut self, key: &str, requests: f64) {
        let Some(workload) = key::workload(key) else {
            return;
        };
        if let Some(state) = self.workloads.get_mut(&workload) {
            state.threshold = Some(requests);
            self.pending.pace.insert(workload);
        }
    }

    /// Tells all who have to be told something new.
    pub(crate) fn pace(&mut self) {
        for workload in std::mem::take(&mut self.pending.pace) {
            self.pace_one(&workload);
        }
    }

    fn pace_one(&mut self, workload: &Workload) {
        let Some(state) = self.workloads.get_mut(workload) else {
            return;
        };
        let paced = Paced {
            fresh: self.fresh.contains_key(workload),
            queues: state.queues.len(),
            all_queues: self.queues,
            fresh_queues: self.fresh_queues,
        };
        let interval = self.rule.interval(paced);
        let share = |parts: usize| {
            #[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
            let parts = parts.max(1) as f64;
            state.threshold.map(|threshold| threshold / parts)
        };
        let (per_queue, per_gateway) = (share(state.queues.len()), share(self.gateways.len()));
        for queue in state.queues.values_mut() {
            let dropped = &mut self.counts.down_dropped;
            tell(
                &queue.down,
                &mut queue.told,
                None,
                (interval, per_queue),
                dropped,
            );
        }
        for gateway in self.gateways.values_mut() {
            if let Some(told) = gateway.told.get_mut(workload) {
                let dropped = &mut self.counts.down_dropped;
                let whom = Some(workload.clone());
                tell(&gateway.down, told, whom, (interval, per_gateway), dropped);
            }
        }
    }
}

/// Told again with the next tick when the way is full.
fn tell(
    down: &mpsc::Sender<Downward>,
    told: &mut Option<(Duration, Option<f64>)>,
    workload: Option<Workload>,
    (interval, burst_threshold): (Duration, Option<f64>),
    dropped: &mut u64,
) {
    let is_news = told.is_none_or(|(before, threshold)| {
        before != interval || differs(threshold, burst_threshold)
    });
    if !is_news {
        return;
    }
    let pace = Pace {
        workload,
        interval,
        burst_threshold,
    };
    if down.try_send(pace.into()).is_ok() {
        *told = Some((interval, burst_threshold));
    } else {
        *dropped += 1;
    }
}
