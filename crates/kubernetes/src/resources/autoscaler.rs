// SPDX-License-Identifier: Apache-2.0
use std::borrow::Cow;

use cheerful_manifest::AutoscalerSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{Resource, core::NamespaceResourceScope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LearnedStatus, ScaleStatus, ShadowStatus};
use crate::names;

/// What scales a workload that somebody else owns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Autoscaler {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: AutoscalerSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<AutoscalerStatus>,
}

/// What is. The autoscaler owns all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoscalerStatus {
    /// The generation of the specification that the conditions speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` (it scales), with a reason such as `TargetNotFound`, `ScaledByOther` (an HPA or another Autoscaler, named
    /// in the message), `NoReports`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The label selector of the pods, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Replicas that are there: ready and starting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// What is seen and wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleStatus>,
    /// What was learned of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedStatus>,
    /// What a second policy would have cost and who would have waited, beside the one that acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowStatus>,
}

impl Resource for Autoscaler {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Autoscaler".into()
    }
    fn group((): &()) -> Cow<'_, str> {
        names::GROUP.into()
    }
    fn version((): &()) -> Cow<'_, str> {
        names::VERSION.into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "autoscalers".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
