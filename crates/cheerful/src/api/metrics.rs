// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, fmt, sync::atomic::Ordering};

use cheerful_autoscaler::{Metrics, RevisionView, ScaleLatency, ShadowView, Stopped};
use cheerful_console::ConsoleCounts;
use cheerful_gateway::RevisionMetrics;
use cheerful_processes::ProcessMetrics;
use cheerful_scaling::Latency;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use super::{
    rows::{Kind, ROWS, Row},
    sources::SourceCounts,
};
use crate::{
    otlp::{OtlpCounts, Readable},
    site::{Parts, revision_of},
};

/// What [`text()`] writes.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetricsError {
    /// We are about to end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The text could not be written.
    #[error("the metrics cannot be written as text: {0}")]
    Text(#[from] fmt::Error),
}

/// All metrics as they are now.
pub(super) async fn text(parts: &Parts) -> Result<String, MetricsError> {
    Ok(write(samples(parts).await?, &[ROWS])?)
}

impl Readable for Parts {
    async fn samples(&self) -> Option<Samples> {
        samples(self).await.ok()
    }
}

async fn samples(parts: &Parts) -> Result<Samples, Stopped> {
    let seen = Seen {
        revisions: parts.autoscaler.overview().await?,
        autoscaler: parts.autoscaler.metrics().await?,
        gateway: parts.gateway.metrics(),
        unrouted: parts.gateway.unrouted_requests(),
        dropped_events: parts.gateway.dropped_events(),
        memory_failures: parts.memory_failures.load(Ordering::Relaxed),
        sources: SourceCounts::of(&parts.sources),
        processes: parts.processes.metrics().await,
    };
    let mut samples = seen.samples();
    of_otlp(&parts.otlp, &mut samples);
    of_console(&parts.console, &mut samples);
    Ok(samples)
}

/// What the rooms have counted.
#[derive(Debug, Default)]
struct Seen {
    revisions: Vec<RevisionView>,
    autoscaler: Metrics,
    gateway: Vec<RevisionMetrics>,
    unrouted: u64,
    dropped_events: u64,
    memory_failures: u64,
    sources: SourceCounts,
    processes: ProcessMetrics,
}

/// By the name of its row.
#[derive(Debug, Default)]
pub(crate) struct Samples(BTreeMap<&'static str, Vec<Sample>>);

#[derive(Debug)]
pub(crate) struct Sample {
    /// In the order of the row's labels.
    labels: Vec<String>,
    value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Count(u64),
    /// A counter of what need not be whole.
    Sum(f64),
    Gauge(f64),
    Buckets {
        sum: f64,
        buckets: Vec<(f64, u64)>,
    },
}

impl Samples {
    /// Those of a row, if there are any.
    pub(crate) fn of(&self, row: &str) -> Option<&[Sample]> {
        self.0.get(row).map(Vec::as_slice)
    }
    pub(crate) fn add(&mut self, row: &'static str, labels: &[&str], value: Value) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.0
            .entry(row)
            .or_default()
            .push(Sample { labels, value });
    }
    /// Adds to a row of this name; labels are in the row's order.
    pub(crate) fn gauge(&mut self, row: &'static str, labels: &[&str], value: f64) {
        self.add(row, labels, Value::Gauge(value));
    }
    /// Adds to a row of this name; labels are in the row's order.
    pub(crate) fn count(&mut self, row: &'static str, labels: &[&str], value: u64) {
        self.add(row, labels, Value::Count(value));
    }
}

/// Counts as a gauge; above 2^53 the last digits are lost.
#[expect(clippy::cast_precision_loss, reason = "no gauge comes near 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

impl Seen {
    fn samples(&self) -> Samples {
        let mut samples = Samples::default();
        of_revisions(&self.revisions, &mut samples);
        samples.count("requests_unrouted", &[], self.unrouted);
        samples.count("gateway_events_dropped", &[], self.dropped_events);
        samples.count("memory_write_failures", &[], self.memory_failures);
        let awake = |name: &str| {
            let found = self
                .revisions
                .binary_search_by(|view| view.revision.as_str().cmp(name));
            found
                .ok()
                .and_then(|at| self.revisions.get(at))
                .is_some_and(is_awake)
        };
        for version in self
            .gateway
            .iter()
            .filter(|version| awake(revision_of(&version.revision)))
        {
            version_of(version, &mut samples);
        }
        of_autoscaler(&self.autoscaler, &mut samples);
        self.sources.add(&mut samples);
        self.processes(&mut samples);
        samples
    }

    fn processes(&self, samples: &mut Samples) {
        let seen = &self.processes;
        samples.count("process_starts", &[], seen.starts);
        samples.count("process_crashes", &["exit"], seen.crashes_exit);
        samples.count("process_crashes", &["signal"], seen.crashes_signal);
        samples.count("process_crashes", &["start"], seen.crashes_start);
        let value = buckets(&seen.startup_buckets, seen.startup_seconds);
        samples.add("process_start_up", &[], value);
        samples.count("process_kills", &[], seen.kills_after_grace);
        samples.count("process_lost", &[], seen.lost);
        samples.count("process_output_lines_dropped", &[], seen.dropped_lines);
    }
}

/// The totals, and series of those that are not at rest.
pub(super) fn of_revisions(revisions: &[RevisionView], samples: &mut Samples) {
    let sum = |of: fn(&RevisionView) -> u64| float(revisions.iter().map(of).sum());
    let awake = revisions.iter().filter(|view| is_awake(view)).count();
    samples.gauge("revisions", &[], float(revisions.len() as u64));
    samples.gauge("revisions_awake", &[], float(awake as u64));
    samples.gauge("replicas", &["ready"], sum(|view| view.ready.into()));
    samples.gauge("replicas", &["starting"], sum(|view| view.starting.into()));
    samples.gauge("replicas", &["draining"], sum(|view| view.draining.into()));
    let in_flight = revisions.iter().map(|view| view.panic).sum();
    samples.gauge("requests_in_flight", &[], in_flight);
    samples.gauge("requests_held", &[], sum(|view| view.held));
    for view in revisions.iter().filter(|view| is_awake(view)) {
        revision(view, samples);
    }
    for view in revisions {
        if let Some(beside) = &view.shadow
            && (is_awake(view) || beside.ready + beside.starting > 0)
        {
            shadow(&view.revision, beside, samples);
        }
    }
}

/// What two policies come to.
fn shadow(name: &str, view: &ShadowView, samples: &mut Samples) {
    let compared = &view.compared;
    for (state, count) in [("ready", view.ready), ("starting", view.starting)] {
        samples.gauge("shadow_replicas", &[name, state], count.into());
    }
    let seconds = Value::Sum(compared.seconds);
    samples.add("shadow_compared", &[name], seconds);
    let requests = Value::Sum(compared.requests);
    samples.add("shadow_requests", &[name], requests);
    for (policy, bill) in [("acting", &compared.acting), ("shadow", &compared.shadow)] {
        let labels = [name, policy];
        samples.count("shadow_starts", &labels, bill.starts);
        for (row, sum) in [
            ("shadow_replica", bill.replica_seconds),
            ("shadow_long_waits", bill.long_waits),
            ("shadow_cold_starts", bill.cold_starts),
            ("shadow_waiting_request", bill.waiting_seconds),
        ] {
            samples.add(row, &labels, Value::Sum(sum));
        }
    }
}

/// What the autoscaler itself has counted.
pub(super) fn of_autoscaler(seen: &Metrics, samples: &mut Samples) {
    let shadows = u64::try_from(seen.shadows).unwrap_or(u64::MAX);
    samples.gauge("shadows", &[], float(shadows));
    samples.count("decisions", &["stable"], seen.decisions_stable);
    samples.count("decisions", &["panic"], seen.decisions_panic);
    samples.count("decisions", &["undecided"], seen.decisions_undecided);
    samples.count("scale_requests", &["written"], seen.scales_written);
    samples.count("scale_requests", &["failed"], seen.scales_failed);
    samples.count("scale_requests", &["given_up"], seen.scales_given_up);
    for (reason, count) in &seen.reports_refused {
        samples.count(
            "reports_refused",
            &[&snake_case(&format!("{reason:?}"))],
            *count,
        );
    }
    for (reason, count) in &seen.signals_unread {
        samples.count("signal_unread", &[reason], *count);
    }
    samples.count("console_dropped", &["heard"], seen.heard_forgotten);
    samples.count("inputs_dropped", &["full"], seen.inputs_dropped);
    samples.count("inputs_dropped", &["unknown"], seen.inputs_unknown);
    samples.count("recording_lines_lost", &[], seen.recording_lines_lost);
    let bounds = ScaleLatency::BOUNDS_SECONDS
        .into_iter()
        .chain([f64::INFINITY]);
    let buckets = bounds.zip(seen.scale_latency.counts).collect();
    let sum = seen.scale_latency.sum_seconds;
    samples.add("scale_latency", &[], Value::Buckets { sum, buckets });
}

/// What became of what was sent to an OpenTelemetry collector.
pub(super) fn of_otlp(seen: &OtlpCounts, samples: &mut Samples) {
    for (labels, count) in seen.messages() {
        samples.count("otlp_messages", &labels, count);
    }
    samples.count("otlp_decisions_dropped", &[], seen.decisions_dropped());
}

/// What the console shows and keeps less than there is.
pub(super) fn of_console(seen: &ConsoleCounts, samples: &mut Samples) {
    for (what, count) in seen.by_word() {
        samples.count("console_dropped", &[what], count);
    }
    samples.gauge("console_kept", &[], float(seen.kept_seconds()));
}

/// Whether a revision has series of its own.
fn is_awake(view: &RevisionView) -> bool {
    view.ready > 0 || view.starting > 0 || view.draining > 0 || view.wanted > 0 || view.held > 0
}

fn revision(view: &RevisionView, samples: &mut Samples) {
    let name = view.revision.as_str();
    for (state, count) in [
        ("ready", view.ready),
        ("starting", view.starting),
        ("draining", view.draining),
        ("wanted", view.wanted),
    ] {
        samples.gauge("revision_replicas", &[name, state], count.into());
    }
    samples.gauge("revision_concurrency", &[name, "stable"], view.stable);
    samples.gauge("revision_concurrency", &[name, "panic"], view.panic);
    samples.gauge("revision_target", &[name], view.target);
    for signal in &view.signals {
        let labels = [name, signal.name.as_str()];
        if let Some(value) = signal.value {
            samples.gauge("signal_value", &labels, value);
        }
        if let Some(wants) = signal.wants {
            samples.gauge("signal_wants", &labels, wants.into());
        }
    }
    let panicking = f64::from(u8::from(view.mode == "panic"));
    samples.gauge("revision_panicking", &[name], panicking);
}

/// What the gateway has counted for one version.
pub(crate) fn version_of(seen: &RevisionMetrics, samples: &mut Samples) {
    let labels = [revision_of(&seen.revision), seen.revision.as_str()];
    let [revision, version] = labels;
    samples.gauge("revision_requests_held", &labels, float(seen.held));
    samples.gauge(
        "revision_requests_in_flight",
        &labels,
        float(seen.in_flight),
    );
    for (outcome, count) in [
        ("passed", seen.passed_total),
        ("uncounted", seen.uncounted_total),
        ("answered_at_zero", seen.answered_at_zero_total),
        ("refused_uncounted", seen.refused_uncounted_total),
        ("refused_hold_full", seen.refused_hold_full_total),
        ("refused_hold_timeout", seen.refused_hold_timeout_total),
        ("left_while_held", seen.left_while_held_total),
    ] {
        samples.count("revision_requests", &[revision, version, outcome], count);
    }
    samples.count("revision_failed_tries", &labels, seen.failed_tries_total);
    samples.count("revision_held", &labels, seen.held_total);
    let took = buckets(&seen.duration_buckets, seen.request_seconds_total);
    samples.add("revision_request_duration", &labels, took);
    let waited = buckets(&seen.cold_start_buckets, seen.cold_start_seconds_total);
    samples.add("revision_cold_start_wait", &labels, waited);
}

fn buckets(counts: &[u64], sum: f64) -> Value {
    Value::Buckets {
        sum,
        buckets: folded(counts),
    }
}

/// Folds the 64 buckets of [`Latency`] into those at 1, 2 and 5 of each decade from a millisecond on, in seconds: their
/// bounds are bounds of both.
pub(crate) fn folded(counts: &[u64]) -> Vec<(f64, u64)> {
    let mut folded = Vec::new();
    let mut count = 0_u64;
    for bucket in 0..Latency::BUCKETS {
        count = count.saturating_add(counts.get(bucket).copied().unwrap_or(0));
        let bound = Latency::upper_bound_micros(bucket);
        if bound == u64::MAX {
            folded.push((f64::INFINITY, count));
        } else if bound >= 1000 && matches!(bound / 10_u64.pow(bound.ilog10()), 1 | 2 | 5) {
            folded.push((float(bound) / 1e6, std::mem::take(&mut count)));
        }
    }
    folded
}

/// `TooLarge` as `too_large`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// All samples as text, in the order of the rows.
pub(crate) fn write(
    samples: Samples,
    rows: &'static [&'static [Row]],
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("cheerful");
    registry.register_collector(Box::new(Page { samples, rows }));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Page {
    samples: Samples,
    rows: &'static [&'static [Row]],
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for row in self.rows.iter().copied().flatten() {
            let Some(samples) = self.samples.0.get(row.name) else {
                continue;
            };
            let unit = row.seconds.then_some(&Unit::Seconds);
            let mut encoder =
                encoder.encode_descriptor(row.name, row.help, unit, metric_type(row))?;
            for sample in samples {
                let labels: Vec<_> = row
                    .labels
                    .iter()
                    .copied()
                    .zip(sample.labels.iter().map(String::as_str))
                    .collect();
                if labels.is_empty() {
                    sample.encode(&mut encoder)?;
                } else {
                    sample.encode(&mut encoder.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    /// In the order of the row's labels.
    pub(crate) fn labels(&self) -> &[String] {
        &self.labels
    }

    pub(crate) const fn value(&self) -> &Value {
        &self.value
    }

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match &self.value {
            Value::Count(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
            Value::Sum(sum) => encoder.encode_counter::<NoLabelSet, _, u64>(sum, None),
            Value::Gauge(gauge) => encoder.encode_gauge(gauge),
            Value::Buckets { sum, buckets } => {
                let count = buckets.iter().map(|(_, count)| count).sum();
                encoder.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
            }
        }
    }
}

fn metric_type(row: &Row) -> MetricType {
    match row.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
