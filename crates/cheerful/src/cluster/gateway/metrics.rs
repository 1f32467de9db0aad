// SPDX-License-Identifier: Apache-2.0
use cheerful_gateway::{Gateway, RevisionMetrics};
use cheerful_kubernetes::front::{FrontMetrics, LinksMetrics};

use crate::api::{
    metrics::{Samples, float, version_of, write},
    rows::{ROWS as SHARED, Row, counter, gauge},
};

/// What the gateway in a cluster has beside those that it shares with the one of a single machine.
pub(crate) const ROWS: &[Row] = &[
    gauge(
        "gateway_ready",
        &[],
        "1 when all revisions are known and the end has not begun, else 0",
    ),
    gauge("gateway_slices", &[], "EndpointSlices that are known"),
    gauge(
        "gateway_replicas_open",
        &[],
        "Replicas that take requests, as far as is known here",
    ),
    gauge(
        "gateway_replicas_draining",
        &[],
        "Replicas that take none and still have requests in flight",
    ),
    gauge(
        "gateway_routes_refused",
        &[],
        "Routes that a revision asks for and another has",
    ),
    counter(
        "gateway_slices_taken",
        &[],
        "EndpointSlices that came, listed or changed",
    ),
    counter(
        "gateway_lists",
        &[],
        "Times that all EndpointSlices were listed",
    ),
    counter(
        "gateway_watch_failures",
        &[],
        "Times that the watch of EndpointSlices broke or did not begin",
    ),
    counter(
        "gateway_bad_routes",
        &[],
        "EndpointSlices whose route could not be read: the one before stays",
    ),
    counter(
        "gateway_news",
        &["what"],
        "News of the autoscaler, by what: ready, gone",
    ),
    counter(
        "gateway_replicas_failed",
        &[],
        "Replicas that were taken out, for they refused or dropped connections",
    ),
    counter("gateway_probes", &[], "Tries of such replicas"),
    counter(
        "gateway_over_bound",
        &[],
        "Revisions, slices, replicas or dedicated autoscalers over a bound, which were left out",
    ),
    counter("gateway_holding_sent", &[], "Messages about what is held"),
    gauge("gateway_streams", &[], "Streams to autoscalers that are up"),
    counter(
        "gateway_stream_connects",
        &[],
        "Streams to autoscalers that came up",
    ),
    counter(
        "gateway_stream_failures",
        &[],
        "Streams that broke or did not come up",
    ),
    counter(
        "gateway_stream_refusals",
        &[],
        "Streams that an autoscaler refused",
    ),
    counter("gateway_messages_sent", &[], "Messages sent to autoscalers"),
    counter(
        "gateway_messages_dropped",
        &["way"],
        "Messages that found a line full, by way: up, down",
    ),
];

/// All metrics as text.
pub(super) fn text(
    ready: bool,
    gateway: &Gateway,
    front: &FrontMetrics,
    links: &LinksMetrics,
) -> String {
    let mut samples = Samples::default();
    let revisions = gateway.metrics();
    samples.gauge("revisions", &[], float(front.directory.revisions));
    let held = revisions.iter().map(|seen| seen.held).sum();
    samples.gauge("requests_held", &[], float(held));
    samples.count("requests_unrouted", &[], gateway.unrouted_requests());
    samples.count("gateway_events_dropped", &[], gateway.dropped_events());
    for seen in revisions.iter().filter(|seen| requests(seen) > 0) {
        version_of(seen, &mut samples);
    }
    own(ready, front, links, &mut samples);
    // Writing to a string does not fail.
    write(samples, &[SHARED, ROWS]).unwrap_or_default()
}

/// Requests that ever came for a revision.
pub(super) fn requests(seen: &RevisionMetrics) -> u64 {
    seen.in_flight
        + seen.passed_total
        + seen.uncounted_total
        + seen.answered_at_zero_total
        + seen.refused_uncounted_total
        + seen.refused_hold_full_total
        + seen.held_total
        + seen.failed_tries_total
}

fn own(ready: bool, front: &FrontMetrics, links: &LinksMetrics, samples: &mut Samples) {
    let seen = &front.directory;
    for (row, value) in [
        ("gateway_ready", u64::from(ready)),
        ("gateway_slices", seen.slices),
        ("gateway_replicas_open", seen.replicas_open),
        ("gateway_replicas_draining", front.draining),
        ("gateway_routes_refused", seen.routes_refused),
        ("gateway_streams", links.all.connected),
    ] {
        samples.gauge(row, &[], float(value));
    }
    for (row, value) in [
        ("gateway_slices_taken", seen.slices_taken_total),
        ("gateway_lists", seen.lists_total),
        ("gateway_watch_failures", seen.watch_failures_total),
        ("gateway_bad_routes", seen.bad_routes_total),
        ("gateway_replicas_failed", seen.replicas_failed_total),
        ("gateway_probes", seen.probes_total),
        (
            "gateway_over_bound",
            seen.over_bound_total + links.over_bound_total,
        ),
        ("gateway_holding_sent", front.holding_sent_total),
        ("gateway_stream_connects", links.all.connects_total),
        ("gateway_stream_failures", links.all.failures_total),
        ("gateway_stream_refusals", links.all.refused_total),
        ("gateway_messages_sent", links.all.sent_total),
    ] {
        samples.count(row, &[], value);
    }
    samples.count("gateway_news", &["ready"], seen.news_ready_total);
    samples.count("gateway_news", &["gone"], seen.news_gone_total);
    let dropped = "gateway_messages_dropped";
    samples.count(dropped, &["up"], links.all.dropped_total);
    samples.count(dropped, &["down"], links.all.down_dropped_total);
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn each_row_is_there_once() {
        let (events, _events) = mpsc::channel(1);
        let gateway = Gateway::new(events);
        let text = text(
            true,
            &gateway,
            &FrontMetrics::default(),
            &LinksMetrics::default(),
        );
        for row in ROWS {
            let name = format!("# TYPE cheerful_{} ", row.name);
            let found = text.lines().filter(|line| line.starts_with(&name)).count();
            assert_eq!(found, 1, "{}", row.name);
        }
        assert!(text.contains("cheerful_gateway_ready 1.0\n"), "{text}");
        assert!(text.contains("cheerful_revisions 0.0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
