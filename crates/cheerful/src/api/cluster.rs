// SPDX-License-Identifier: Apache-2.0
//! The metrics of the autoscaler in a cluster: those that it shares with a local instance, and its own.
use std::{collections::BTreeMap, fmt};

use cheerful_autoscaler::{Metrics, RevisionView, ScaleLatency};
use cheerful_console::ConsoleCounts;
use cheerful_kubernetes::scaler::ScalerMetrics;
use cheerful_wire::ServerCounts;

use crate::otlp::OtlpCounts;

use super::{
    metrics::{self, Samples, Value, float},
    rows,
    sources::of_scrapes,
};

/// All metrics as OpenMetrics text.
///
/// # Errors
/// Never, but that a text is written is not known to the compiler.
pub(crate) fn cluster_metrics(samples: Samples) -> Result<String, fmt::Error> {
    metrics::write(samples, &[rows::ROWS])
}

/// All metrics of the autoscaler in a cluster as they are.
pub(crate) fn cluster_samples(
    revisions: &[RevisionView],
    autoscaler: &Metrics,
    scaler: &ScalerMetrics,
    server: &ServerCounts,
    external: &BTreeMap<&'static str, u64>,
    otlp: &OtlpCounts,
    console: &ConsoleCounts,
) -> Samples {
    let mut samples = Samples::default();
    metrics::of_revisions(revisions, &mut samples);
    metrics::of_autoscaler(autoscaler, &mut samples);
    of_scrapes(&scaler.scrapes, &mut samples);
    of_scaler(scaler, &mut samples);
    of_server(server, &mut samples);
    by("scaler_external_metrics", &[], external, &mut samples);
    metrics::of_otlp(otlp, &mut samples);
    metrics::of_console(console, &mut samples);
    samples
}

fn of_scaler(seen: &ScalerMetrics, samples: &mut Samples) {
    let count = |count: usize| float(u64::try_from(count).unwrap_or(u64::MAX));
    samples.gauge("scaler_pods", &[], count(seen.pods));
    samples.gauge("scaler_streams", &["queue"], count(seen.queues));
    samples.gauge("scaler_streams", &["gateway"], count(seen.gateways));
    samples.gauge("scaler_shards_led", &[], count(seen.shards_led));
    samples.count("scaler_messages", &["report"], seen.reports);
    samples.count("scaler_messages", &["holding"], seen.holdings);
    samples.count("scaler_unknown_workloads", &[], seen.unknown_workloads);
    samples.count("scaler_messages_down_dropped", &[], seen.down_dropped);
    let outcomes = ["accepted", "refused", "failed"];
    by(
        "scaler_token_reviews",
        &outcomes,
        &seen.token_reviews,
        samples,
    );
    let outcomes = ["written", "conflict", "failed"];
    by(
        "scaler_scale_writes",
        &outcomes,
        &seen.scale_writes,
        samples,
    );
    let bounds = ScaleLatency::BOUNDS_SECONDS
        .into_iter()
        .chain([f64::INFINITY]);
    let took = Value::Buckets {
        sum: seen.scale_write_seconds.sum_seconds,
        buckets: bounds.zip(seen.scale_write_seconds.counts).collect(),
    };
    samples.add("scaler_scale_write", &[], took);
    samples.count("scaler_deletion_marks", &["written"], seen.deletion_marks);
    samples.count(
        "scaler_deletion_marks",
        &["failed"],
        seen.deletion_marks_failed,
    );
    by(
        "scaler_statuses",
        &["written", "failed"],
        &seen.statuses,
        samples,
    );
    let outcomes = ["written", "failed", "dropped"];
    by("scaler_events", &outcomes, &seen.events, samples);
    by(
        "scaler_watch_failures",
        &["pods"],
        &seen.watch_failures,
        samples,
    );
    samples.count("scaler_follows_refused", &[], seen.follows_refused);
    by(
        "scaler_watch_restarts",
        &["pods"],
        &seen.watch_restarts,
        samples,
    );
}

/// The port for reports.
fn of_server(seen: &ServerCounts, samples: &mut Samples) {
    samples.gauge("scaler_connections", &[], float(seen.connections));
    samples.count("scaler_connections_accepted", &[], seen.accepted_total);
    for (reason, count) in [
        ("accept_error", seen.accept_errors_total),
        ("handshake", seen.handshakes_failed_total),
        ("hello_timeout", seen.hello_timeouts_total),
        ("idle_timeout", seen.idle_timeouts_total),
        ("slow_reader", seen.slow_readers_total),
        ("too_large", seen.too_large_total),
        ("garbage", seen.garbage_total),
    ] {
        samples.count("scaler_connections_ended", &[reason], count);
    }
    for (reason, count) in &seen.refused_total {
        samples.count("scaler_refusals", &[reason], *count);
    }
}

/// One sample for each label, those that are always there among them.
fn by(
    row: &'static str,
    always: &[&'static str],
    counts: &BTreeMap<&'static str, u64>,
    samples: &mut Samples,
) {
    let mut all: BTreeMap<&str, u64> = always.iter().map(|label| (*label, 0)).collect();
    all.extend(counts);
    for (label, count) in all {
        samples.count(row, &[label], count);
    }
}
