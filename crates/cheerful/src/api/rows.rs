// SPDX-License-Identifier: Apache-2.0
/// One metric: `docs/metrics.md` and `/metrics` are both made from this list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Without the prefix `cheerful_`, unit and `_total`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) seconds: bool,
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

const PER_VERSION: &[&str] = &["revision", "version"];
const PER_STATE: &[&str] = &["revision", "state"];
const PER_POLICY: &[&str] = &["revision", "policy"];
const PER_OUTCOME: &[&str] = &["revision", "version", "outcome"];

/// All metrics, in the order in which they are written.
pub(crate) const ROWS: &[Row] = &[
    gauge("revisions", &[], "Revisions that are configured"),
    gauge(
        "revisions_awake",
        &[],
        "Revisions that are not at rest: those with series of their own below",
    ),
    gauge(
        "replicas",
        &["state"],
        "Replicas of all revisions, by state: ready, starting, draining",
    ),
    gauge(
        "requests_in_flight",
        &[],
        "Requests in flight in the replicas of all revisions, averaged over the panic window",
    ),
    gauge(
        "requests_held",
        &[],
        "Requests of all revisions that wait for a replica",
    ),
    counter(
        "requests_unrouted",
        &[],
        "Requests for which there is no route: answered 404",
    ),
    gauge(
        "revision_replicas",
        &["revision", "state"],
        "Replicas, by state: ready, starting, draining, wanted",
    ),
    gauge(
        "revision_concurrency",
        &["revision", "window"],
        "Requests in flight as a time average, by window: stable, panic",
    ),
    gauge(
        "revision_target",
        &["revision"],
        "Requests in flight per replica that are aimed for",
    ),
    gauge(
        "signal_value",
        &["revision", "signal"],
        "Signals that are no requests in flight: the newest value",
    ),
    gauge(
        "signal_wants",
        &["revision", "signal"],
        "Signals that are no requests in flight: how many replicas each asks for",
    ),
    gauge(
        "revision_panicking",
        &["revision"],
        "1 while the panic window rules, else 0",
    ),
    gauge(
        "shadows",
        &[],
        "Revisions with a second policy beside the one that acts",
    ),
    gauge(
        "shadow_replicas",
        PER_STATE,
        "Replicas that the second policy would have, by state: ready, starting",
    ),
    of_seconds(
        "shadow_compared",
        &["revision"],
        "How long both policies have been compared; it ends about 5 s ago",
    ),
    counter(
        "shadow_requests",
        &["revision"],
        "Requests that came while both policies were compared",
    ),
    of_seconds(
        "shadow_replica",
        PER_POLICY,
        "Replica-seconds, starting and draining included, by policy: acting, shadow",
    ),
    counter(
        "shadow_starts",
        PER_POLICY,
        "Replicas that were started, or would have been, by policy: acting, shadow",
    ),
    counter(
        "shadow_long_waits",
        PER_POLICY,
        "Requests that wait longer than 0.1 s for a place, as it is estimated for both alike, by policy: acting, shadow",
    ),
    counter(
        "shadow_cold_starts",
        PER_POLICY,
        "Of these, requests that find no replica that answers, by policy: acting, shadow",
    ),
    of_seconds(
        "shadow_waiting_request",
        PER_POLICY,
        "Request-seconds waited for a place, as it is estimated for both alike, by policy: acting, shadow",
    ),
    gauge(
        "revision_requests_held",
        PER_VERSION,
        "Requests that wait for a replica",
    ),
    gauge(
        "revision_requests_in_flight",
        PER_VERSION,
        "Requests in flight in the replicas, now",
    ),
    counter(
        "revision_requests",
        PER_OUTCOME,
        "Requests, by outcome: passed, uncounted, answered_at_zero, refused_uncounted, refused_hold_full, refused_hold_timeout, left_while_held",
    ),
    counter(
        "revision_failed_tries",
        PER_VERSION,
        "Tries that a replica did not answer; a request may have several",
    ),
    counter(
        "revision_held",
        PER_VERSION,
        "Requests that began to be held",
    ),
    histogram(
        "revision_request_duration",
        PER_VERSION,
        "How long requests took in a replica, to the last byte",
    ),
    histogram(
        "revision_cold_start_wait",
        PER_VERSION,
        "How long requests waited because no replica was ready",
    ),
    counter(
        "decisions",
        &["mode"],
        "Decisions, by mode: stable, panic, undecided",
    ),
    counter(
        "scale_requests",
        &["outcome"],
        "Scale requests, by outcome: written, failed, given_up",
    ),
    histogram(
        "scale_latency",
        &[],
        "From the arrival of what showed a breach to the written scale",
    ),
    counter(
        "reports_refused",
        &["reason"],
        "Reports that did not enter the windows, by reason",
    ),
    counter(
        "signal_unread",
        &["reason"],
        "Signals that could not be read, and values that did not count, by reason",
    ),
    counter(
        "inputs_dropped",
        &["reason"],
        "Inputs of the autoscaler that were dropped, by reason: full, unknown",
    ),
    counter(
        "recording_lines_lost",
        &[],
        "Lines that did not get into the recording",
    ),
    counter(
        "signal_reads",
        &["source", "result"],
        "Reads of a page of a replica, by the signal's source and what came of it: ok, anew, or why it was not used",
    ),
    counter(
        "signal_read_bytes",
        &["source"],
        "Bytes of the pages of replicas that were read",
    ),
    counter(
        "signal_rounds_shed",
        &[],
        "Rounds of reads of steady revisions that were put off because reads were late",
    ),
    counter(
        "signal_reports_assumed",
        &[],
        "Reports of replicas that were not read, made from those that were",
    ),
    counter(
        "signal_replicas_refused",
        &[],
        "Replicas that are not read, for there are too many",
    ),
    counter(
        "statsd_lines",
        &["result"],
        "Lines of StatsD, by what became of them: taken, or why not",
    ),
    counter(
        "statsd_datagrams",
        &["fate"],
        "Datagrams of StatsD, by fate: taken, dropped by the kernel",
    ),
    counter(
        "memory_write_failures",
        &[],
        "Times that what was learned could not be kept for the next start",
    ),
    counter(
        "console_dropped",
        &["what"],
        "What the console did not show or does not keep for want of room: page (one too many was opened), message (a page was \
         too slow, and was told all anew), decision_unheard, decision, point (the furthest past, before its time), revision_point \
         (of one revision too many no past is kept), heard (what is decided anew by What if)",
    ),
    Row {
        seconds: true,
        ..gauge(
            "console_kept",
            &[],
            "How far back the console's figures may go: less than a day where there is no room for more, 0 without a console",
        )
    },
    counter(
        "otlp_messages",
        &["kind", "outcome"],
        "Messages to an OpenTelemetry collector, by what is in them (metrics, decisions) and by outcome: sent, failed",
    ),
    counter(
        "otlp_decisions_dropped",
        &[],
        "Decisions that an OpenTelemetry collector did not take, or that were too many to wait for it",
    ),
    counter(
        "gateway_events_dropped",
        &[],
        "Events of the gateway that were put off because the control path was busy",
    ),
    counter(
        "process_starts",
        &[],
        "Processes that were started, restarts included",
    ),
    counter(
        "process_crashes",
        &["reason"],
        "Processes that ended on their own, by reason: exit, signal, start",
    ),
    histogram(
        "process_start_up",
        &[],
        "From the wish for a replica to its answered probe",
    ),
    counter(
        "process_kills",
        &[],
        "Replicas that ignored SIGTERM for the whole grace and got SIGKILL",
    ),
    counter(
        "process_lost",
        &[],
        "Processes that did not vanish on SIGKILL in time",
    ),
    counter(
        "process_output_lines_dropped",
        &[],
        "Lines of output that were dropped because nobody read them in time",
    ),
    gauge(
        "scaler_pods",
        &[],
        "In a cluster: pods with a queue that are known",
    ),
    gauge(
        "scaler_streams",
        &["from"],
        "In a cluster: streams that are up, by who reports: queue, gateway",
    ),
    gauge(
        "scaler_shards_led",
        &[],
        "In a cluster: shards that this autoscaler leads",
    ),
    counter(
        "scaler_messages",
        &["kind"],
        "In a cluster: messages that came, by kind: report, holding",
    ),
    counter(
        "scaler_unknown_workloads",
        &[],
        "In a cluster: what gateways said of workloads that are not known",
    ),
    counter(
        "scaler_messages_down_dropped",
        &[],
        "In a cluster: messages to queues and gateways that found their way full",
    ),
    counter(
        "scaler_token_reviews",
        &["outcome"],
        "In a cluster: reviews of tokens, by outcome: accepted, refused, failed",
    ),
    counter(
        "scaler_refusals",
        &["reason"],
        "In a cluster: streams that were refused or ended, by reason: token, pod, workload, version, bad_report, too_many, unavailable, other",
    ),
    gauge(
        "scaler_connections",
        &[],
        "In a cluster: connections to the port for reports",
    ),
    counter(
        "scaler_connections_accepted",
        &[],
        "In a cluster: connections to the port for reports that were accepted",
    ),
    counter(
        "scaler_connections_ended",
        &["reason"],
        "In a cluster: connections that were ended, by reason: accept_error, handshake, hello_timeout, idle_timeout, slow_reader, too_large, garbage",
    ),
    counter(
        "scaler_scale_writes",
        &["outcome"],
        "In a cluster: writes of /scale, by outcome: written, conflict, failed",
    ),
    histogram(
        "scaler_scale_write",
        &[],
        "In a cluster: how long a write of /scale took",
    ),
    counter(
        "scaler_deletion_marks",
        &["outcome"],
        "In a cluster: pods marked to go first, or no longer, by outcome: written, failed",
    ),
    counter(
        "scaler_statuses",
        &["outcome"],
        "In a cluster: statuses, by outcome: written, failed",
    ),
    counter(
        "scaler_events",
        &["outcome"],
        "In a cluster: events, by outcome: written, failed, dropped",
    ),
    counter(
        "scaler_watch_failures",
        &["of"],
        "In a cluster: gaps in a watch, by what is watched",
    ),
    counter(
        "scaler_follows_refused",
        &[],
        "In a cluster: Autoscalers that are not scaled, for the pods of too many are watched",
    ),
    counter(
        "scaler_external_metrics",
        &["outcome"],
        "In a cluster: what HPAs asked, by outcome: answered, unknown (nothing of that name), not_known (nothing is known of \
         it now), bad_request, forbidden (not the API server), handshake (a connection that came to nothing)",
    ),
    counter(
        "scaler_watch_restarts",
        &["of"],
        "In a cluster: watches that had to begin anew, by what is watched",
    ),
];

pub(crate) const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Row {
    Row {
        name,
        kind: Kind::Gauge,
        seconds: false,
        labels,
        help,
    }
}
pub(crate) const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Row {
    Row {
        name,
        kind: Kind::Counter,
        seconds: false,
        labels,
        help,
    }
}
const fn of_seconds(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Row {
    Row {
        seconds: true,
        ..counter(name, labels, help)
    }
}
const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Row {
    Row {
        name,
        kind: Kind::Histogram,
        seconds: true,
        labels,
        help,
    }
}

#[cfg(test)]
mod page;
