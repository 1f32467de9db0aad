// SPDX-License-Identifier: Apache-2.0
//! One function for each program. Each says in `docs/signals/` what is lost against our own queue.
use std::collections::BTreeMap;

use super::{Preset, PresetBuilder};
use crate::exposition::Want;

/// When a process began, as the usual clients of Prometheus have it.
const BEGAN: &str = "process_start_time_seconds";

/// Our own queue's page: exact, for its sum has the requests in flight too.
#[must_use]
pub fn queue() -> Preset {
    let named = |name: &str| Want::named(format!("cheerful_queue_{name}"));
    PresetBuilder::default()
        .in_flight(named("requests_in_flight"))
        .waiting(named("requests_waiting"))
        .requests(named("request_duration_seconds_count"))
        .request_seconds(named("request_duration_seconds_sum"))
        .buckets(named("request_duration_seconds_bucket"))
        .build()
}

/// Envoy's `/stats/prometheus`. `cluster`: the one whose requests are the app's; else all.
#[must_use]
pub fn envoy(cluster: Option<&str>) -> Preset {
    // As a mesh calls it.
    let labels = label("envoy_cluster_name|cluster_name", cluster);
    let named = |name: &str| Want::named(format!("envoy_cluster_upstream_rq_{name}")).with(&labels);
    PresetBuilder::default()
        .in_flight(named("active"))
        .waiting(named("pending_active"))
        .requests(named("time_count"))
        .seconds(named("time_sum"))
        .refused(named("pending_overflow"))
        .buckets(named("time_bucket"))
        .in_millis()
        .build()
}

/// The exporter of nginx: connections that are read from or written to. One of them is the exporter's own.
#[must_use]
pub fn nginx_exporter() -> Preset {
    PresetBuilder::default()
        .in_flight(Want::named("nginx_connections_writing"))
        .less(1.0)
        .requests(Want::named("nginx_http_requests_total"))
        .build()
}

/// HAProxy's own exporter. `proxy`: the backend; else all. A backend's sessions have all that is in it: what a server has,
/// what waits for one, and what still connects to one, which is counted nowhere else.
#[must_use]
pub fn haproxy(proxy: Option<&str>) -> Preset {
    let labels = label("proxy", proxy);
    let named = |name: &str| Want::named(format!("haproxy_{name}")).with(&labels);
    PresetBuilder::default()
        .in_flight(named("backend_current_sessions"))
        .requests(named("backend_http_requests_total"))
        .began(Want::named("haproxy_process_start_time_seconds"))
        .build()
}

/// Traefik's page. `service`: as Traefik names it (`app@docker`); else all. From version 3 on there is no gauge of requests:
/// its `traefik_open_connections` counts connections, those at rest among them.
#[must_use]
pub fn traefik(service: Option<&str>) -> Preset {
    let labels = label("service", service);
    let named = |name: &str| Want::named(format!("traefik_service_{name}")).with(&labels);
    let builder = PresetBuilder::default()
        .in_flight(named("open_connections"))
        .gauge_of_some_versions()
        .requests(named("request_duration_seconds_count"))
        .seconds(named("request_duration_seconds_sum"))
        .buckets(named("request_duration_seconds_bucket"))
        .began(Want::named(BEGAN));
    marked(builder, service, "traefik_config_reloads_total")
}

/// Caddy's page. `server`: as its configuration names it (`srv0`); else all.
#[must_use]
pub fn caddy(server: Option<&str>) -> Preset {
    let labels = label("server", server);
    let named = |name: &str| Want {
        // Each handler that a request passes counts it.
        largest_of: Some("handler".to_owned()),
        ..Want::named(format!("caddy_http_{name}")).with(&labels)
    };
    let builder = PresetBuilder::default()
        .in_flight(named("requests_in_flight"))
        .requests(named("request_duration_seconds_count"))
        .seconds(named("request_duration_seconds_sum"))
        .began(Want::named(BEGAN));
    marked(builder, server, BEGAN)
}

/// vLLM's page: the time in its line is told apart from the time on the model.
#[must_use]
pub fn vllm() -> Preset {
    let named = |name: &str| Want::named(format!("vllm:{name}"));
    PresetBuilder::default()
        .in_flight(named("num_requests_running"))
        .waiting(named("num_requests_waiting"))
        .requests(named("request_inference_time_seconds_count"))
        .seconds(named("request_inference_time_seconds_sum"))
        .waited_seconds(named("request_queue_time_seconds_sum"))
        .buckets(named("request_inference_time_seconds_bucket"))
        .began(Want::named(BEGAN))
        .build()
}

/// Any page of Prometheus' usual clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Custom {
    /// A gauge.
    pub in_flight: Option<String>,
    /// A counter.
    pub requests: Option<String>,
    /// A counter: the `_sum` of a histogram or a summary, for instance. With its buckets if it has any.
    pub seconds: Option<String>,
    /// A gauge.
    pub waiting: Option<String>,
    /// Which series of all of these.
    pub labels: BTreeMap<String, String>,
}

/// The metrics that a person named.
#[must_use]
pub fn custom(names: &Custom) -> Preset {
    let named = |name: &String| Want::named(name.as_str()).with(&names.labels);
    let mut builder = PresetBuilder::default().began(Want::named(BEGAN));
    if let Some(name) = &names.in_flight {
        builder = builder.in_flight(named(name));
    }
    if let Some(name) = &names.waiting {
        builder = builder.waiting(named(name));
    }
    if let Some(name) = &names.requests {
        builder = builder.requests(named(name));
    }
    if let Some(name) = &names.seconds {
        builder = builder.seconds(named(name));
        if let Some(family) = name.strip_suffix("_sum") {
            builder = builder.buckets(named(&format!("{family}_bucket")));
        }
    }
    builder.build()
}

fn label(name: &str, value: Option<&str>) -> BTreeMap<String, String> {
    value
        .map(|value| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect()
}

/// A program that shows a series only from its first request on: before it there is no load. Not where a person named the
/// series, for a name that is wrong would look the same.
fn marked(builder: PresetBuilder, given: Option<&str>, marker: &str) -> Preset {
    match given {
        None => builder.marker(Want::named(marker)).build(),
        Some(_) => builder.build(),
    }
}
