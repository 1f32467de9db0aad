// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, sync::Arc};

use cheerful_manifest::{Endpoint, Signal, Source};

use crate::{
    app,
    exposition::{Want, Wanted},
    preset::{self, Custom, Preset},
    tls::Trust,
};

/// What is read of each replica of a revision: one of its signals.
#[derive(Clone, Debug)]
pub struct Target {
    /// The signal's name.
    pub signal: String,
    /// The kind of source: `envoy`, `path`. By it reads are counted.
    pub source: &'static str,
    /// Where.
    pub endpoint: Endpoint,
    /// What is looked for there.
    pub plan: Plan,
    /// Whom to trust by https.
    pub(super) trust: Arc<Trust>,
}

/// What is looked for in an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The figures of a page.
    Page(Box<Preset>),
    /// nginx's own short page.
    StubStatus,
    /// What an app says of itself, as JSON or as a page.
    App(Box<Preset>),
    /// The second that Knative's sidecar counted last.
    Knative,
    /// One value of a page, that is summed over the replicas.
    Value(Box<Wanted>),
}

impl Target {
    /// Of a signal that is read from each replica; `None` for another.
    #[must_use]
    pub fn of(signal: Signal<'_>) -> Option<Self> {
        let page = |preset: Preset| Plan::Page(Box::new(preset));
        let (endpoint, plan) = match signal.source {
            Source::Queue(it) => (it.endpoint(), page(preset::queue())),
            Source::Envoy(it) => (it.endpoint(), page(preset::envoy(it.cluster.as_deref()))),
            Source::Nginx(it) => {
                let endpoint = it.endpoint();
                let is_own = endpoint.path.starts_with("/stub_status");
                let exporter = || page(preset::nginx_exporter());
                let plan = if is_own { Plan::StubStatus } else { exporter() };
                (endpoint, plan)
            }
            Source::Haproxy(it) => (it.endpoint(), page(preset::haproxy(it.proxy.as_deref()))),
            Source::Traefik(it) => (it.endpoint(), page(preset::traefik(it.service.as_deref()))),
            Source::Caddy(it) => (it.endpoint(), page(preset::caddy(it.server.as_deref()))),
            Source::Vllm(it) => (it.endpoint(), page(preset::vllm())),
            Source::Knative(it) => (it.endpoint(), Plan::Knative),
            Source::Path(it) => (it.endpoint(), Plan::App(Box::new(app::text_preset()))),
            Source::Metrics(it) => {
                let custom = Custom {
                    in_flight: it.in_flight.clone(),
                    requests: it.requests.clone(),
                    seconds: it.seconds.clone(),
                    waiting: it.waiting.clone(),
                    labels: it.labels.clone(),
                };
                (it.endpoint(), page(preset::custom(&custom)))
            }
            Source::Page(it) => {
                let mut wanted = Wanted::default();
                wanted.add(Want::named(it.metric.as_str()).with(&it.labels));
                (it.endpoint(), Plan::Value(Box::new(wanted)))
            }
            Source::Statsd(_)
            | Source::Cpu(_)
            | Source::Memory(_)
            | Source::Prometheus(_)
            | Source::External(_)
            | Source::Custom(_) => return None,
        };
        let trust = endpoint.https.as_ref().map(|https| {
            if https.insecure {
                Trust::unverified()
            } else {
                Trust::new(https.ca_file.as_ref().map(PathBuf::from), None)
            }
        });
        Some(Self {
            signal: signal.name.to_owned(),
            source: signal.source.name(),
            endpoint,
            plan,
            trust: Arc::new(trust.unwrap_or_default()),
        })
    }

    /// Whether it counts requests in flight.
    #[must_use]
    pub const fn counts_requests(&self) -> bool {
        !matches!(self.plan, Plan::Value(_))
    }

    /// Whether both read the same in the same way.
    #[must_use]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.signal == other.signal
            && self.source == other.source
            && self.endpoint == other.endpoint
            && self.plan == other.plan
    }
}
