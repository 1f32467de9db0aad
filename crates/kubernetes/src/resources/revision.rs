// SPDX-License-Identifier: Apache-2.0
use std::borrow::Cow;

use cheerful_manifest::{Spec, spec_from_json};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use kube::{Resource, core::NamespaceResourceScope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ShadowStatus;
use crate::names;

/// A Revision in a cluster. Its specification is the manifest's, with `template`.
///
/// Any object that an API server may hold can be read, so that one that another version wrote does not stop the watch of
/// all: fields that are not known are left out, and what is wrong is told in `problems`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Kept")]
#[allow(missing_docs)]
pub struct Revision {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RevisionStatus>,
    /// What in the specification could not be read and is at its default, a sentence each. None but where a definition of
    /// another version took it.
    #[serde(skip)]
    pub problems: Vec<String>,
}

/// As it comes from the API server.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kept {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: Value,
    status: Value,
}

impl From<Kept> for Revision {
    fn from(kept: Kept) -> Self {
        let (spec, problems) = match kept.spec {
            Value::Null => Default::default(),
            spec => spec_from_json(&spec),
        };
        Self {
            api_version: kept.api_version,
            kind: kept.kind,
            metadata: kept.metadata,
            spec,
            // One that cannot be read is written anew.
            status: serde_json::from_value(kept.status).unwrap_or_default(),
            problems: problems.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What is. The controller owns `conditions`, `observedGeneration`, `selector`, `hosts` and `path`; the autoscaler owns
/// `replicas`, `scale`, `learned` and `shadow`. Each applies its own part with its own field manager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionStatus {
    /// The generation of the specification that the conditions speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` (requests are answered, be it after a start from zero), `TemplateAccepted` (the Deployment was taken and
    /// its pods can start), `Routed` (the public Service leads somewhere).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The label selector of the pods, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The host names by which the gateway knows it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The way of a request, as the public Service has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathStatus>,
    /// Replicas that are there: ready and starting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// What the autoscaler sees and wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleStatus>,
    /// What was learned of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedStatus>,
    /// What a second policy would have cost and who would have waited, beside the one that acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowStatus>,
}

/// What was learned of the target and the load, kept for an autoscaler that starts later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LearnedStatus {
    /// Requests in flight per replica to aim for, as text, where that was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When that was learned.
    pub at: Time,
    /// All that was learned, for the autoscaler, as JSON.
    pub memory: String,
}

/// The way of a request, as the public Service has it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathStatus {
    /// Where the Service leads.
    pub now: PathNow,
    /// Since when.
    pub since: Time,
}

/// Where a Service leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PathNow {
    /// Through the gateway alone.
    Gateway,
    /// Straight to the pods, and for a grace period still through the gateway too.
    Both,
    /// Straight to the pods.
    Pods,
}

/// What the autoscaler sees and wants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaleStatus {
    /// Replicas that answer.
    pub ready: i32,
    /// Replicas on their way.
    pub starting: i32,
    /// Replicas wanted.
    pub wanted: i32,
    /// `stable`, `panic`, `paused`, `zero`, `shadow`.
    pub mode: String,
    /// The sentence of the last decision that changed something.
    pub reason: String,
    /// When that decision was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Which way requests should go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<WantedPath>,
    /// The autoscaler's pod that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The signals that are no requests in flight, and those of the others that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalStatus>,
}

/// A signal, as it was read last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SignalStatus {
    /// What it is called.
    pub name: String,
    /// The newest value, as text; none where it was never read, or counts requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How many replicas it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wants: Option<i32>,
    /// Why it could not be read since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// Which way requests should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WantedPath {
    /// Through the gateway: there is no replica, or too little to spare.
    Gateway,
    /// Straight to the pods.
    Pods,
}

impl Resource for Revision {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        cheerful_manifest::KIND.into()
    }
    fn group((): &()) -> Cow<'_, str> {
        names::GROUP.into()
    }
    fn version((): &()) -> Cow<'_, str> {
        names::VERSION.into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "revisions".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_another_version_wrote_is_read() {
        let read: Revision = serde_json::from_value(json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision", "metadata": {"name": "a", "generation": 3},
            "spec": {"new": 1, "concurrency": "lots", "template": {"spec": {"containers": []}}},
            "status": {"hosts": 5},
        }))
        .unwrap();
        assert_eq!(read.metadata.generation, Some(3));
        assert!(read.spec.template.is_some() && read.status.is_none());
        assert_eq!(read.problems.len(), 1);
        assert!(
            read.problems[0].starts_with("spec.concurrency is \"lots\": should be"),
            "{:?}",
            read.problems
        );
        assert!(
            serde_json::from_value::<Revision>(json!({}))
                .unwrap()
                .problems
                .is_empty()
        );
    }
}
