// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::{Concurrency, Invalid, Scaling, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AutoscalerChoice, ConcurrencyText, DurationText, QueueSpec, ScalingSpec, SignalSpec};

/// The version of the vocabulary.
pub const API_VERSION: &str = "cheerful.dev/v1alpha1";

/// The one kind that is acted on on one machine.
pub const KIND: &str = "Revision";

/// One version of a workload, scaled as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["apiVersion", "kind", "metadata", "spec"]))]
pub struct Revision {
    /// The version of this vocabulary: `cheerful.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: String,
    /// `Revision`.
    #[schemars(extend("const" = KIND))]
    pub kind: String,
    /// What it is called.
    pub metadata: Metadata,
    /// What runs, and how it scales.
    pub spec: Spec,
}

/// What a revision is called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub struct Metadata {
    /// The name, as a DNS label: 1 to 63 lower-case letters, digits and `-`, with a letter or digit at
    /// both ends. Each name once. In a cluster a revision's name begins with a letter and has at most 52.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// In a cluster: where it is. Left out: where `kubectl` is told to put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Kept for your own tools.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Kept for your own tools.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What runs, and how it scales.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["command"]}, {"required": ["template"]}]))]
pub struct Spec {
    /// On one machine: program and arguments of each replica. `{port}` in any of them becomes the port on which the replica
    /// must listen; the environment variable PORT holds it too. A program without a `/` is looked up in PATH.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("examples" = [["python3", "-m", "http.server", "{port}"]]))]
    pub command: Vec<String>,
    /// On one machine: folder in which the command runs. Default: the one in which cheerful was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// On one machine: user as whom the command runs; only root may set it. Default: the user of cheerful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// On one machine: environment variables, beside those of cheerful itself. PORT is set for each replica.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How many requests one replica may have in flight: `single` (one at a time), `multi` (no limit), or a
    /// number, a hard limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "multi"))]
    pub concurrency: Option<ConcurrencyText>,
    /// How the number of replicas follows the requests in flight.
    pub scaling: ScalingSpec,
    /// By what the load becomes known, where it is not our own queue that counts the requests, or where more than the
    /// requests is the load. (More than one: `signals`.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalSpec>,
    /// In place of `signal`: several. Each asks for a number of replicas, and the largest counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub signals: Vec<SignalSpec>,
    /// Which requests are this revision's: those that fit one of the routes. The longest prefix wins, and a
    /// host that is named beats one that is not. Left out: all that no other revision takes. (In a cluster the host
    /// names of the revision's Service are its own besides, and all that it has where this is left out.)
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// On one machine: when a new replica counts as ready. Left out: when its port accepts a connection. (In a cluster
    /// the template's own readiness probe says so.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
    /// How long what may take.
    pub timeouts: Timeouts,
    /// Bounds of the requests that wait for a replica.
    pub hold: Hold,
    /// Which requests wake a replica and which count as load. Left out: all.
    pub waking: Waking,
    /// In a cluster, in place of `command`: the pod of each replica, all that Kubernetes lets one set on a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub template: Option<serde_json::Value>,
    /// In a cluster: which autoscaler scales it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "shared"))]
    pub autoscaler: Option<AutoscalerChoice>,
    /// In a cluster: the queue's container in each pod.
    pub queue: QueueSpec,
    /// In a cluster: the count that was wanted last. The autoscaler writes it, so that `/scale` can be read; what
    /// another writes has no effect on the scale (`scaling.paused` holds a count) and is written over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// Which requests fit: those for the host and below the path prefix, where given. At least one is given.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Route {
    /// Host name in lower case, without a port; `*.example.com` takes any one label in place of the `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Path prefix that ends at a segment's border: `/shop` takes `/shop` and `/shop/x`, not `/shopping`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^/"))]
    pub path_prefix: Option<String>,
}

/// When a new replica counts as ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub struct Readiness {
    /// A GET of this path must answer with a status from 200 to 399.
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
}

/// How long what may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Timeouts {
    /// To connect to a replica. `0s`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5s"))]
    pub connect: Option<DurationText>,
    /// From the request's head to the first byte of the response; over it 504. `0s`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub first_byte: Option<DurationText>,
    /// Without a byte in either direction; the one limit of an upgraded connection (WebSocket). `0s`: no
    /// limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "0s"))]
    pub idle: Option<DurationText>,
    /// The whole request, its wait for a replica included. `0s`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub whole: Option<DurationText>,
    /// On one machine: how long the requests in flight in a replica that has to go may take, before it is told to stop
    /// (SIGTERM) all the same. (In a cluster the template's `terminationGracePeriodSeconds` bounds both.)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "30s"))]
    pub drain: Option<DurationText>,
    /// On one machine: from telling a replica to stop (SIGTERM) to ending it (SIGKILL).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "10s"))]
    pub stop: Option<DurationText>,
}

/// Bounds of the requests that wait for a replica. Over them: 503 at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Hold {
    /// Requests held at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("default" = 10_000))]
    pub requests: Option<u32>,
    /// Bytes of the heads of the requests held at once. (A body is not read while its request is held.)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024), extend("default" = 67_108_864))]
    pub bytes: Option<u64>,
    /// Longest wait of one request; then 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub wait: Option<DurationText>,
}

/// Which requests wake a replica and which count as load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Waking {
    /// Answered with 200 without waking anything while there is no replica: health checks. Passed on and
    /// counted as any other while there is one.
    pub answer_at_zero: Matches,
    /// Passed on without counting as load; answered with 503 while there is no replica.
    pub uncounted: Matches,
}

/// Requests by their path or their user agent: one that fits is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Matches {
    /// Exact paths, or prefixes where they end in `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What the `User-Agent` header begins with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_agents: Vec<String>,
}

impl Revision {
    /// The revision of a plain command line, everything else at its default. It is not checked:
    /// see [`Revision::check`].
    #[must_use]
    pub fn from_command(name: &str, command: Vec<String>) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            metadata: Metadata {
                name: name.to_owned(),
                ..Metadata::default()
            },
            spec: Spec {
                command,
                ..Spec::default()
            },
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// How many requests one replica may have in flight.
    #[must_use]
    pub fn concurrency(&self) -> Concurrency {
        self.spec
            .concurrency
            .map_or(Concurrency::Multi, |ConcurrencyText(given)| given)
    }

    /// The hard limit of requests in flight per replica; `None`: no limit.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        match self.concurrency() {
            Concurrency::Single => Some(1),
            Concurrency::Multi => None,
            Concurrency::Limit(limit) => Some(limit),
        }
    }

    /// How it scales. `grace_period` is the platform's own default: zero on one machine, where the gateway
    /// is always in the path.
    ///
    /// # Errors
    /// Every setting that is out of its bounds; none once the revision is checked.
    pub fn scaling(&self, grace_period: Duration) -> Result<Scaling, Vec<Invalid>> {
        let defaults = Settings {
            concurrency: self.concurrency(),
            grace_period,
            gauges: self.spec.gauges(),
            ..Settings::default()
        };
        self.spec.scaling.resolve_over(defaults)
    }

    /// The path whose answer tells that a replica is ready; `None`: an accepted connection does.
    #[must_use]
    pub fn readiness_path(&self) -> Option<&str> {
        self.spec
            .readiness
            .as_ref()
            .map(|readiness| readiness.path.as_str())
    }
}

/// A time that was given, or the default in milliseconds.
fn or_millis(given: Option<DurationText>, default: u64) -> Duration {
    given.map_or_else(|| Duration::from_millis(default), Duration::from)
}

#[expect(
    missing_docs,
    reason = "each is the field of its name, with its default"
)]
impl Timeouts {
    #[must_use]
    pub fn connect(&self) -> Duration {
        or_millis(self.connect, 5_000)
    }
    #[must_use]
    pub fn first_byte(&self) -> Duration {
        or_millis(self.first_byte, 300_000)
    }
    #[must_use]
    pub fn idle(&self) -> Duration {
        or_millis(self.idle, 0)
    }
    #[must_use]
    pub fn whole(&self) -> Duration {
        or_millis(self.whole, 300_000)
    }
    #[must_use]
    pub fn drain(&self) -> Duration {
        or_millis(self.drain, 30_000)
    }
    #[must_use]
    pub fn stop(&self) -> Duration {
        or_millis(self.stop, 10_000)
    }
}

#[expect(
    missing_docs,
    reason = "each is the field of its name, with its default"
)]
impl Hold {
    #[must_use]
    pub fn requests(&self) -> usize {
        usize::try_from(self.requests.unwrap_or(10_000)).unwrap_or(usize::MAX)
    }
    #[must_use]
    pub fn bytes(&self) -> usize {
        usize::try_from(self.bytes.unwrap_or(64 * 1024 * 1024)).unwrap_or(usize::MAX)
    }
    #[must_use]
    pub fn wait(&self) -> Duration {
        or_millis(self.wait, 300_000)
    }
}
