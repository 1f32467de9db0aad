// SPDX-License-Identifier: Apache-2.0
//! The fields that are acted on in a cluster only.
use std::collections::BTreeMap;

use cheerful_scaling::{Concurrency, Invalid, Scaling, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{API_VERSION, ConcurrencyText, Metadata, ScalingSpec, SignalSpec};

/// Where a manifest is to be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Replicas are processes: `command`.
    OneMachine,
    /// Replicas are pods: `template`.
    Cluster,
}

/// What scales a workload that somebody else owns, in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["apiVersion", "kind", "metadata", "spec"]))]
pub struct Autoscaler {
    /// The version of this vocabulary: `cheerful.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: String,
    /// `Autoscaler`.
    #[schemars(extend("const" = Autoscaler::KIND))]
    pub kind: String,
    /// What it is called.
    pub metadata: Metadata,
    /// What is scaled, and how.
    pub spec: AutoscalerSpec,
}

impl Autoscaler {
    /// The kind's name.
    pub const KIND: &str = "Autoscaler";

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// How it scales.
    ///
    /// # Errors
    /// Every setting that is out of its bounds; none once it is checked.
    pub fn scaling(&self) -> Result<Scaling, Vec<Invalid>> {
        self.spec.resolve()
    }
}

impl AutoscalerSpec {
    /// The settings that it gives. Nothing holds requests for the workload while it is at zero, so it has one replica at
    /// least, unless it says otherwise and [`AutoscalerSpec::may_be_at_zero`].
    ///
    /// # Errors
    /// Every setting that is out of its bounds; none once it is checked.
    pub fn resolve(&self) -> Result<Scaling, Vec<Invalid>> {
        self.scaling.resolve_over(Settings {
            concurrency: self
                .concurrency
                .map_or(Concurrency::Multi, |ConcurrencyText(given)| given),
            min: 1,
            requests: self.counts_requests(),
            gauges: self.gauges(),
            ..Settings::default()
        })
    }
}

/// Which autoscaler scales a revision in a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AutoscalerChoice {
    /// The one that serves all revisions.
    #[default]
    Shared,
    /// One of its own, in the revision's namespace.
    Dedicated,
}

/// How reports travel from a pod to the autoscaler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportTransport {
    /// A gRPC stream over HTTP/2.
    #[default]
    Grpc,
    /// A WebSocket, where HTTP/2 cannot pass.
    Websocket,
}

/// The queue's container in each pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct QueueSpec {
    /// What it asks of the node: `cpu`, `memory` and `ephemeral-storage`, each as text, such as 10m. Default: 10m of cpu
    /// and 16Mi of memory.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What it may take at most. Default: no cpu limit, 64Mi of memory.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    /// How its reports travel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "grpc"))]
    pub transport: Option<ReportTransport>,
}

/// Anything with a `/scale` subresource, in the namespace of the one who names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["kind", "name"]))]
pub struct ScaleTargetRef {
    /// Its API version. Default: `apps/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Its kind: `Deployment`, `StatefulSet`, or any other that can be scaled.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What an autoscaler does with its decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AutoscalerMode {
    /// It scales.
    #[default]
    Active,
    /// It decides and explains, and writes nothing.
    Shadow,
}

/// What scales a workload that somebody else owns: the `spec` of the kind `Autoscaler`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["scaleTargetRef"]))]
pub struct AutoscalerSpec {
    /// What is scaled. Where there is no signal, its pods have the queue that `cheerful inject` adds.
    pub scale_target_ref: ScaleTargetRef,
    /// Whether decisions are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Active"))]
    pub mode: Option<AutoscalerMode>,
    /// How many requests one replica may have in flight, as its queue was told by `cheerful inject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "multi"))]
    pub concurrency: Option<ConcurrencyText>,
    /// How the number of replicas follows the requests in flight.
    pub scaling: ScalingSpec,
    /// By what the load becomes known, where it is not the queue of `cheerful inject` that counts the requests, or where more than the
    /// requests is the load. (More than one: `signals`.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalSpec>,
    /// In place of `signal`: several. Each asks for a number of replicas, and the largest counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub signals: Vec<SignalSpec>,
    /// The count that was wanted last. The autoscaler writes it, so that `/scale` can be read; what another writes has no
    /// effect on the scale (`scaling.paused` holds a count) and is written over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}
