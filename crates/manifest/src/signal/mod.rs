// SPDX-License-Identifier: Apache-2.0
//! `signal` and `signals`: by what the load becomes known, where it is not our own queue that tells it.
mod app;
mod gauges;
mod pages;
mod schedule;
mod source;

pub use app::{AppPage, AppPath, StatsdSignal};
pub use gauges::{
    CpuSignal, CustomSignal, ExternalSignal, MemorySignal, MetricObject, PageSignal,
    PrometheusSignal, QuantityText,
};
pub(crate) use pages::Tls;
pub use pages::{
    CaddySignal, Endpoint, EnvoySignal, HaproxySignal, Https, KnativeSignal, MetricsSignal,
    NginxSignal, QueueSignal, Scheme, TraefikSignal, VllmSignal,
};
pub use schedule::ScheduleSpec;
pub use source::{Signal, Source};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One way by which the load becomes known: one of the fields but `name`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 2))]
pub struct SignalSpec {
    /// What it is called where a decision is explained, as a DNS label. Default: the field's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: Option<String>,
    /// Requests in flight: from the page of metrics of our own queue, read in place of its reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueSignal>,
    /// Requests in flight: from Envoy's statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envoy: Option<EnvoySignal>,
    /// Requests in flight: from nginx, its `stub_status` or its exporter's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<NginxSignal>,
    /// Requests in flight: from HAProxy's own page of metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub haproxy: Option<HaproxySignal>,
    /// Requests in flight: from Traefik's page of metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traefik: Option<TraefikSignal>,
    /// Requests in flight: from Caddy's page of metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caddy: Option<CaddySignal>,
    /// Requests in flight: from Knative's sidecar, read from it or sent by its activator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knative: Option<KnativeSignal>,
    /// Requests in flight: those that vLLM runs and those that wait in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vllm: Option<VllmSignal>,
    /// Requests in flight: from any page in Prometheus' format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsSignal>,
    /// Requests in flight: what the app itself answers at a path, such as `/load`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<AppPath>,
    /// Requests in flight: what the replicas send by StatsD. On one machine only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statsd: Option<StatsdSignal>,
    /// The CPU that each replica takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuSignal>,
    /// The memory that each replica takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySignal>,
    /// What a Prometheus server answers to a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSignal>,
    /// In a cluster: a metric of its API for external metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalSignal>,
    /// In a cluster: a metric of its API for custom metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomSignal>,
    /// A value of a page in Prometheus' format of each replica, summed over all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<PageSignal>,
}

impl SignalSpec {
    /// Most signals of one revision.
    pub const MOST: usize = 8;
}
