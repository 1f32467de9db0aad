// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use cheerful_autoscaler::ScaleLatency;
use cheerful_signals::scrape::ScrapeCounts;

use super::shared::Shared;

/// What the autoscaler of a cluster has counted, beside what the autoscaler itself has. Plain data for whoever renders
/// it.
#[derive(Clone, Debug, Default)]
pub struct ScalerMetrics {
    /// Workloads, pods with a queue, and the streams of queues and gateways that are up.
    pub workloads: usize,
    #[allow(missing_docs)]
    pub pods: usize,
    #[allow(missing_docs)]
    pub queues: usize,
    #[allow(missing_docs)]
    pub gateways: usize,
    /// Shards that we lead.
    pub shards_led: usize,
    /// Messages that came.
    pub reports: u64,
    #[allow(missing_docs)]
    pub holdings: u64,
    /// Streams that were refused or ended, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Reviews of tokens, by outcome: `accepted`, `refused`, `failed`.
    pub token_reviews: BTreeMap<&'static str, u64>,
    /// Writes of `/scale`, by outcome: `written`, `conflict`, `failed`.
    pub scale_writes: BTreeMap<&'static str, u64>,
    /// How long a write of `/scale` took.
    pub scale_write_seconds: ScaleLatency,
    /// Pods that were marked to go first, or no longer.
    pub deletion_marks: u64,
    #[allow(missing_docs)]
    pub deletion_marks_failed: u64,
    /// Statuses, by outcome: `written`, `failed`.
    pub statuses: BTreeMap<&'static str, u64>,
    /// Events, by outcome: `written`, `failed`, `dropped`.
    pub events: BTreeMap<&'static str, u64>,
    /// Gaps in a watch, and beginnings anew, by what is watched.
    pub watch_failures: BTreeMap<&'static str, u64>,
    #[allow(missing_docs)]
    pub watch_restarts: BTreeMap<&'static str, u64>,
    /// Messages to queues and gateways that found their way full.
    pub down_dropped: u64,
    /// What gateways said of workloads that are not known.
    pub unknown_workloads: u64,
    /// Autoscalers that are not scaled, for the pods of too many are watched.
    pub follows_refused: u64,
    /// What was read of pods.
    pub scrapes: ScrapeCounts,
}

impl ScalerMetrics {
    pub(crate) fn of(shared: &Shared, scrapes: ScrapeCounts) -> Self {
        let counts = shared.counts().clone();
        let fleet = shared.fleet();
        let (sizes, seen) = (fleet.sizes(), fleet.counts);
        let mut events = counts.events;
        if seen.happenings_dropped > 0 {
            *events.entry("dropped").or_default() += seen.happenings_dropped;
        }
        Self {
            workloads: sizes.workloads,
            pods: sizes.pods,
            queues: sizes.queues,
            gateways: sizes.gateways,
            shards_led: fleet.leading(),
            reports: seen.reports,
            holdings: seen.holdings,
            refusals: counts.refusals,
            token_reviews: counts.reviews,
            scale_writes: counts.writes,
            scale_write_seconds: counts.write_seconds,
            deletion_marks: counts.marks,
            deletion_marks_failed: counts.marks_failed,
            statuses: counts.statuses,
            events,
            watch_failures: counts.watch_failures,
            watch_restarts: counts.watch_restarts,
            down_dropped: seen.down_dropped,
            unknown_workloads: seen.unknown_workloads,
            follows_refused: counts.follows_refused,
            scrapes,
        }
    }
}
