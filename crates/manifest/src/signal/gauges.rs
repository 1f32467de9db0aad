// SPDX-License-Identifier: Apache-2.0
//! Signals that are no requests in flight.
use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use cheerful_scaling::Gauge;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Endpoint, Https, Scheme, pages::page};
use crate::DurationText;

/// The CPU that each replica takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["target"]))]
pub struct CpuSignal {
    /// Percent, on average over all replicas: in a cluster of what the pod requests, on one machine of one core.
    #[schemars(range(min = 1, max = 100_000))]
    pub target: f64,
}

/// The memory that each replica takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["target"]))]
pub struct MemorySignal {
    /// Bytes on average over all replicas, such as 400Mi.
    pub target: QuantityText,
}

/// An amount as text: a number and an ending such as `Mi`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuantityText(pub String);

impl QuantityText {
    /// What every amount looks like.
    pub const PATTERN: &str = "^[0-9]{1,15}([.][0-9]{1,9})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";

    const ENDINGS: [(&str, f64); 10] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];

    /// As a number; `None` for a text that is none.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        let ending = Self::ENDINGS
            .iter()
            .find_map(|(ending, times)| Some((self.0.strip_suffix(ending)?, *times)));
        let (number, times) = ending.unwrap_or((&self.0, 1.0));
        let digits = |text: &str, most| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let right = digits(whole, 15) && digits(fraction, 9);
        Some(number.parse::<f64>().ok().filter(|_| right)? * times)
    }

    /// The number of bytes; 0 for what is none.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.number().unwrap_or(0.0)
    }
}

impl JsonSchema for QuantityText {
    fn schema_name() -> Cow<'static, str> {
        "QuantityText".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN})
    }
}

/// What a Prometheus server answers to a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["server", "query", "perReplica"]))]
pub struct PrometheusSignal {
    /// Its address, such as `http://prometheus:9090`.
    #[schemars(regex(pattern = "^https?://"))]
    pub server: String,
    /// The query, in PromQL; its answer is one number, or a list of exactly one.
    pub query: String,
    /// How much of it one replica is meant for.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub per_replica: f64,
    /// At or below it no replica is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("default" = 0))]
    pub activation: Option<f64>,
    /// How often it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "15s"))]
    pub interval: Option<DurationText>,
    /// A file with the token that is sent along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// A file of certificates that vouch for the server. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// A file with the client's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<String>,
    /// A file with the key to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
}

impl PrometheusSignal {
    /// How often it is asked.
    #[must_use]
    pub fn every(&self) -> Duration {
        every(self.interval)
    }
}

fn every(given: Option<DurationText>) -> Duration {
    given.map_or(Gauge::INTERVAL, Duration::from)
}

/// A metric of the API external.metrics.k8s.io.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["metric", "perReplica"]))]
pub struct ExternalSignal {
    /// Its name.
    pub metric: String,
    /// Only those with these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// How much of the sum one replica is meant for.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub per_replica: f64,
    /// At or below it no replica is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("default" = 0))]
    pub activation: Option<f64>,
    /// How often it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "15s"))]
    pub interval: Option<DurationText>,
}

impl ExternalSignal {
    /// How often it is asked.
    #[must_use]
    pub fn every(&self) -> Duration {
        every(self.interval)
    }
}

/// A metric of the API custom.metrics.k8s.io: of the pods, or of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["metric", "target"]))]
pub struct CustomSignal {
    /// Its name.
    pub metric: String,
    /// What it should be: on average over the pods, or of the object.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub target: f64,
    /// The object in the same namespace that it is of. Left out: the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<MetricObject>,
    /// How often it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "15s"))]
    pub interval: Option<DurationText>,
}

impl CustomSignal {
    /// How often it is asked.
    #[must_use]
    pub fn every(&self) -> Duration {
        every(self.interval)
    }
}

/// An object that a metric is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["kind", "name"]))]
pub struct MetricObject {
    /// Its API version. Default: `v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

page! {
    /// A value of a page in Prometheus' format of each replica, summed over all.
    #[schemars(extend("required" = ["metric", "perReplica"]))]
    PageSignal(8080, "/metrics") {
        /// Its name.
        metric: String,
        /// How much of the sum one replica is meant for.
        #[schemars(extend("exclusiveMinimum" = 0))]
        per_replica: f64,
        /// At or below it no replica is asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0), extend("default" = 0))]
        activation: Option<f64>,
        /// Only series with these labels.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
    }
}
