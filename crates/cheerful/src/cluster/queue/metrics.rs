// SPDX-License-Identifier: Apache-2.0
use std::fmt;

use cheerful_queue::SidecarMetrics;
use cheerful_wire::LinkMetrics;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use crate::api::metrics::folded;

/// All metrics of a queue, as OpenMetrics text. The pod's labels are for who scrapes to add.
pub(super) fn text(queue: &SidecarMetrics, link: &LinkMetrics) -> String {
    let mut registry = Registry::with_prefix("cheerful_queue");
    registry.register_collector(Box::new(Seen {
        queue: queue.clone(),
        link: link.clone(),
    }));
    let mut text = String::new();
    // Writing to a string does not fail.
    text::encode(&mut text, &registry).ok();
    text
}

#[derive(Debug)]
struct Seen {
    queue: SidecarMetrics,
    link: LinkMetrics,
}

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self { queue, link } = self;
        let requests = &queue.requests;
        for (name, help, value) in [
            (
                "requests_in_flight",
                "Requests inside the app",
                requests.in_flight,
            ),
            (
                "requests_waiting",
                "Requests that wait for the limit",
                requests.waiting,
            ),
            (
                "app_answers",
                "1 while the app answers its probe, else 0",
                queue.app_answers.into(),
            ),
            (
                "draining",
                "1 while the pod is about to go, else 0",
                queue.draining.into(),
            ),
            (
                "streams",
                "Streams to autoscalers that are up",
                link.connected,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        for (name, help, value) in [
            ("requests", "Requests that came", requests.requests_total),
            (
                "failed_tries",
                "Tries that the app did not answer; a request may have several",
                requests.failed_tries_total,
            ),
            (
                "requests_cut",
                "Requests that were cut off when draining was over its limit",
                queue.cut_total,
            ),
            (
                "probes",
                "Times that the app was asked whether it answers",
                queue.probes_total,
            ),
            (
                "probe_failures",
                "Times that it did not",
                queue.probe_failures_total,
            ),
            (
                "stream_connects",
                "Streams to autoscalers that came up",
                link.connects_total,
            ),
            (
                "stream_failures",
                "Streams that broke or did not come up",
                link.failures_total,
            ),
            (
                "stream_refusals",
                "Streams that an autoscaler refused",
                link.refused_total,
            ),
            (
                "messages_sent",
                "Messages sent to autoscalers",
                link.sent_total,
            ),
            (
                "messages_dropped",
                "Messages that found the line to an autoscaler full",
                link.dropped_total,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        let mut refused = encoder.encode_descriptor(
            "requests_refused",
            "Requests that were refused here, by reason: starting, line_full, late",
            None,
            MetricType::Counter,
        )?;
        for (reason, value) in [
            ("starting", requests.refused_starting_total),
            ("line_full", requests.refused_full_total),
            ("late", requests.refused_late_total),
        ] {
            refused
                .encode_family(&[("reason", reason)])?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        let buckets = folded(&queue.duration_buckets);
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder
            .encode_descriptor(
                "request_duration",
                "How long requests were inside the app, to the last byte",
                Some(&Unit::Seconds),
                MetricType::Histogram,
            )?
            .encode_histogram::<NoLabelSet>(queue.request_seconds_total, count, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::Latency;

    use super::*;

    #[test]
    fn each_metric_is_there_once() {
        let mut queue = SidecarMetrics {
            duration_buckets: vec![0; Latency::BUCKETS],
            request_seconds_total: 0.5,
            app_answers: true,
            ..SidecarMetrics::default()
        };
        queue.requests.refused_full_total = 3;
        if let Some(count) = queue.duration_buckets.get_mut(Latency::bucket_of(250_000)) {
            *count = 2;
        }
        let text = text(&queue, &LinkMetrics::default());
        for line in [
            "cheerful_queue_app_answers 1",
            "cheerful_queue_requests_total 0",
            "cheerful_queue_requests_refused_total{reason=\"line_full\"} 3",
            "cheerful_queue_request_duration_seconds_bucket{le=\"0.2\"} 0",
            "cheerful_queue_request_duration_seconds_bucket{le=\"0.5\"} 2",
            "cheerful_queue_request_duration_seconds_sum 0.5",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|one| one == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
