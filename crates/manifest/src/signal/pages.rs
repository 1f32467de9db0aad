// SPDX-License-Identifier: Apache-2.0
//! Sources that are read from each replica over HTTP.
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// By which protocol a page is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// By TLS.
    Https,
}

/// Where a page of each replica is, with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The port; `None`: the one at which the app listens.
    pub port: Option<u16>,
    /// Path and query.
    pub path: String,
    /// By TLS, and how.
    pub https: Option<Https>,
}

/// How TLS is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Https {
    /// A file of certificates, in PEM, that vouch for the replica; `None`: those of the system.
    pub ca_file: Option<String>,
    /// It is not verified at all.
    pub insecure: bool,
}

impl Https {
    pub(super) fn new(
        scheme: Option<Scheme>,
        ca_file: Option<&String>,
        insecure: Option<bool>,
    ) -> Option<Self> {
        (scheme == Some(Scheme::Https)).then(|| Self {
            ca_file: ca_file.cloned(),
            insecure: insecure == Some(true),
        })
    }
}

/// What a page says of TLS.
pub(crate) trait Tls {
    fn ca_file(&self) -> Option<&str>;
    fn insecure(&self) -> Option<bool>;
}

/// A page of metrics of each replica: the fields that all have, and some of their own.
macro_rules! page {
    ($(#[$doc:meta])* $name:ident($port:literal, $path:literal) {
        $($(#[$more:meta])* $field:ident: $kind:ty,)*
    }) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default, deny_unknown_fields)]
        $(#[$doc])*
        pub struct $name {
            $($(#[$more])* pub $field: $kind,)*
            /// Its port at each replica. On one machine by default the app's own; another needs `max: 1`.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1), extend("default" = $port))]
            pub port: Option<u16>,
            /// Path and query of the page.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = "^/"), extend("default" = $path))]
            pub path: Option<String>,
            /// By which protocol it is read.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("default" = "http"))]
            pub scheme: Option<Scheme>,
            /// With `scheme: https`: a file of certificates that vouch for it. Default: those of the system.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub ca_file: Option<String>,
            /// With `scheme: https`: `true` verifies nothing.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("default" = false))]
            pub insecure: Option<bool>,
        }

        impl $crate::signal::Tls for $name {
            fn ca_file(&self) -> Option<&str> {
                self.ca_file.as_deref()
            }
            fn insecure(&self) -> Option<bool> {
                self.insecure
            }
        }

        impl $name {
            /// Where it is read, with every default filled in.
            #[must_use]
            pub fn endpoint(&self) -> Endpoint {
                Endpoint {
                    port: Some(self.port.unwrap_or($port)),
                    path: self.path.clone().unwrap_or_else(|| $path.to_owned()),
                    https: Https::new(self.scheme, self.ca_file.as_ref(), self.insecure),
                }
            }
        }
    };
}
pub(super) use page;

page! {
    /// The page of metrics of our own queue.
    QueueSignal(9090, "/metrics") {}
}
page! {
    /// Envoy's statistics.
    EnvoySignal(15090, "/stats/prometheus") {
        /// Only this one of its clusters, by its exact name. Left out: all of them, those that the app itself asks among them.
        #[serde(skip_serializing_if = "Option::is_none")]
        cluster: Option<String>,
    }
}
page! {
    /// nginx: `/stub_status` is read in its own format, any other path in Prometheus'.
    NginxSignal(8080, "/stub_status") {}
}
page! {
    /// HAProxy's own page of metrics.
    HaproxySignal(8404, "/metrics") {
        /// Only this backend, by its exact name. Left out: all of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        proxy: Option<String>,
    }
}
page! {
    /// Traefik's page of metrics.
    TraefikSignal(8080, "/metrics") {
        /// Only this one of its services, by its exact name. Left out: all of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<String>,
    }
}
page! {
    /// Caddy's page of metrics.
    CaddySignal(2019, "/metrics") {
        /// Only this one of its servers, by its exact name. Left out: all of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        server: Option<String>,
    }
}
page! {
    /// The page of reports of Knative's sidecar.
    KnativeSignal(9090, "/metrics") {}
}
page! {
    /// vLLM's page of metrics.
    VllmSignal(8000, "/metrics") {}
}
page! {
    /// Any page in Prometheus' format: `inFlight`, or `requests` and `seconds`, from which the average over time is exact;
    /// where all are given, the exact one counts.
    MetricsSignal(8080, "/metrics") {
        /// The gauge of the requests in flight.
        #[serde(skip_serializing_if = "Option::is_none")]
        in_flight: Option<String>,
        /// The counter of the requests that have ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        requests: Option<String>,
        /// The counter of the seconds that those took, all together.
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<String>,
        /// The gauge of the requests that wait within the replica, where `inFlight` does not count them.
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting: Option<String>,
        /// Only series with these labels.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
    }
}
