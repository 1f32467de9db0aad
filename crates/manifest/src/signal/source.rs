// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Aim, Gauge, Gauges, Measured};

use super::{
    AppPath, CaddySignal, CpuSignal, CustomSignal, EnvoySignal, ExternalSignal, HaproxySignal,
    KnativeSignal, MemorySignal, MetricsSignal, NginxSignal, PageSignal, PrometheusSignal,
    QueueSignal, SignalSpec, StatsdSignal, TraefikSignal, VllmSignal,
};
use crate::{AutoscalerSpec, Spec};

/// One signal with its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal<'a> {
    /// What it is called: what it was given, or its source's name.
    pub name: &'a str,
    /// Where it comes from.
    pub source: Source<'a>,
}

/// Where a signal comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Source<'a> {
    Queue(&'a QueueSignal),
    Envoy(&'a EnvoySignal),
    Nginx(&'a NginxSignal),
    Haproxy(&'a HaproxySignal),
    Traefik(&'a TraefikSignal),
    Caddy(&'a CaddySignal),
    Knative(&'a KnativeSignal),
    Vllm(&'a VllmSignal),
    Metrics(&'a MetricsSignal),
    Path(&'a AppPath),
    Statsd(&'a StatsdSignal),
    Cpu(&'a CpuSignal),
    Memory(&'a MemorySignal),
    Prometheus(&'a PrometheusSignal),
    External(&'a ExternalSignal),
    Custom(&'a CustomSignal),
    Page(&'a PageSignal),
}

impl SignalSpec {
    /// Every source that is given; one, once it is checked.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        [
            self.queue.as_ref().map(Source::Queue),
            self.envoy.as_ref().map(Source::Envoy),
            self.nginx.as_ref().map(Source::Nginx),
            self.haproxy.as_ref().map(Source::Haproxy),
            self.traefik.as_ref().map(Source::Traefik),
            self.caddy.as_ref().map(Source::Caddy),
            self.knative.as_ref().map(Source::Knative),
            self.vllm.as_ref().map(Source::Vllm),
            self.metrics.as_ref().map(Source::Metrics),
            self.path.as_ref().map(Source::Path),
            self.statsd.as_ref().map(Source::Statsd),
            self.cpu.as_ref().map(Source::Cpu),
            self.memory.as_ref().map(Source::Memory),
            self.prometheus.as_ref().map(Source::Prometheus),
            self.external.as_ref().map(Source::External),
            self.custom.as_ref().map(Source::Custom),
            self.page.as_ref().map(Source::Page),
        ]
        .into_iter()
        .flatten()
    }

    /// The one source with its name; `None` where none is given.
    #[must_use]
    pub fn signal(&self) -> Option<Signal<'_>> {
        let source = self.sources().next()?;
        Some(Signal {
            name: self.name.as_deref().unwrap_or_else(|| source.name()),
            source,
        })
    }
}

impl Source<'_> {
    /// The field's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue(_) => "queue",
            Self::Envoy(_) => "envoy",
            Self::Nginx(_) => "nginx",
            Self::Haproxy(_) => "haproxy",
            Self::Traefik(_) => "traefik",
            Self::Caddy(_) => "caddy",
            Self::Knative(_) => "knative",
            Self::Vllm(_) => "vllm",
            Self::Metrics(_) => "metrics",
            Self::Path(_) => "path",
            Self::Statsd(_) => "statsd",
            Self::Cpu(_) => "cpu",
            Self::Memory(_) => "memory",
            Self::Prometheus(_) => "prometheus",
            Self::External(_) => "external",
            Self::Custom(_) => "custom",
            Self::Page(_) => "page",
        }
    }

    /// Whether it counts requests in flight, in place of our own queue.
    #[must_use]
    pub const fn counts_requests(self) -> bool {
        !matches!(
            self,
            Self::Cpu(_)
                | Self::Memory(_)
                | Self::Prometheus(_)
                | Self::External(_)
                | Self::Custom(_)
                | Self::Page(_)
        )
    }

    /// The port that was given for its page at each replica.
    #[must_use]
    pub const fn port(self) -> Option<u16> {
        match self {
            Self::Queue(page) => page.port,
            Self::Envoy(page) => page.port,
            Self::Nginx(page) => page.port,
            Self::Haproxy(page) => page.port,
            Self::Traefik(page) => page.port,
            Self::Caddy(page) => page.port,
            Self::Knative(page) => page.port,
            Self::Vllm(page) => page.port,
            Self::Metrics(page) => page.port,
            Self::Page(page) => page.port,
            Self::Path(AppPath(page)) => page.port,
            Self::Statsd(_)
            | Self::Cpu(_)
            | Self::Memory(_)
            | Self::Prometheus(_)
            | Self::External(_)
            | Self::Custom(_) => None,
        }
    }

    /// Whether it is known without a replica, and so can ask for the first one.
    #[must_use]
    pub const fn is_known_at_zero(self) -> bool {
        match self {
            Self::Prometheus(_) | Self::External(_) => true,
            Self::Custom(custom) => custom.object.is_some(),
            _ => false,
        }
    }

    /// How its value becomes a count of replicas; `None` for one that counts requests.
    #[must_use]
    pub fn gauge(self, name: &str) -> Option<Gauge> {
        let (aim, activation, interval) = match self {
            Self::Cpu(cpu) => (Aim::Mean(cpu.target), None, Gauge::INTERVAL),
            Self::Memory(memory) => (Aim::Mean(memory.target.bytes()), None, Gauge::INTERVAL),
            Self::Prometheus(query) => (
                Aim::Each(query.per_replica),
                query.activation,
                query.every(),
            ),
            Self::External(metric) => (
                Aim::Each(metric.per_replica),
                metric.activation,
                metric.every(),
            ),
            Self::Custom(metric) => (Aim::Mean(metric.target), None, metric.every()),
            Self::Page(page) => (
                Aim::Each(page.per_replica),
                page.activation,
                Gauge::INTERVAL,
            ),
            _ => return None,
        };
        Some(Gauge {
            name: name.to_owned(),
            aim,
            activation,
            interval,
            measured: match self.is_known_at_zero() {
                true => Measured::Elsewhere,
                false => Measured::AtReplicas,
            },
        })
    }
}

/// The signals that are given, in their order.
fn signals<'a>(
    one: Option<&'a SignalSpec>,
    more: &'a [SignalSpec],
) -> impl Iterator<Item = Signal<'a>> + Clone {
    one.into_iter().chain(more).filter_map(SignalSpec::signal)
}

fn gauges<'a>(signals: impl Iterator<Item = Signal<'a>>) -> Gauges {
    signals
        .filter_map(|signal| signal.source.gauge(signal.name))
        .collect()
}

impl Spec {
    /// The signals that are given, in their order: where none of them counts requests, our own queue does.
    pub fn signals(&self) -> impl Iterator<Item = Signal<'_>> + Clone {
        signals(self.signal.as_ref(), &self.signals)
    }
    /// The signal that counts requests in place of our own queue.
    #[must_use]
    pub fn requests(&self) -> Option<Signal<'_>> {
        self.signals()
            .find(|signal| signal.source.counts_requests())
    }
    /// The signals that count no requests, as a decision takes them.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        gauges(self.signals())
    }
}

impl AutoscalerSpec {
    /// The signals that are given, in their order: where there is none, the queue that `cheerful inject` adds counts
    /// requests.
    pub fn signals(&self) -> impl Iterator<Item = Signal<'_>> + Clone {
        signals(self.signal.as_ref(), &self.signals)
    }
    /// The signal that counts requests in place of our own queue.
    #[must_use]
    pub fn requests(&self) -> Option<Signal<'_>> {
        self.signals()
            .find(|signal| signal.source.counts_requests())
    }
    /// The signals that count no requests, as a decision takes them.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        gauges(self.signals())
    }
    /// Whether requests are counted: by a signal, or where there is no signal by the queue that `cheerful inject` adds.
    #[must_use]
    pub fn counts_requests(&self) -> bool {
        self.signals().next().is_none() || self.requests().is_some()
    }
    /// Whether it may have no replica: something is known without one that can ask for the first, and no request comes
    /// that somebody would have to hold.
    #[must_use]
    pub fn may_be_at_zero(&self) -> bool {
        !self.counts_requests()
            && self
                .signals()
                .any(|signal| signal.source.is_known_at_zero())
    }
}
