// SPDX-License-Identifier: Apache-2.0
use cheerful_manifest::PausedText;
use cheerful_scaling::Paused;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::{QueueSettings, TemplateError, add_queue, metadata};
use crate::{names, resources::Revision};

/// How much longer than Kubernetes' default a rollout may take: the first start of a large image is no failure.
const PROGRESS_SECONDS: u32 = 600;

/// The Deployment of a Revision, without `replicas`: those are the autoscaler's.
///
/// # Errors
/// When the queue cannot be added to the template.
pub fn deployment(revision: &Revision, settings: &QueueSettings) -> Result<Value, TemplateError> {
    let empty = json!({});
    let given = revision.spec.template.as_ref().unwrap_or(&empty);
    let mut template = add_queue(given, settings)?;
    let name = revision.name_any();
    let label = &mut template["metadata"]["labels"][names::REVISION_LABEL];
    if !label.is_null() && *label != json!(name) {
        return Err(TemplateError {
            field: format!("metadata.labels[{}]", names::REVISION_LABEL),
            expected: format!("is {label}: should be left out, for it is ours"),
        });
    }
    *label = json!(name);
    Ok(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(revision, &name, true),
        "spec": {
            "selector": {"matchLabels": {names::REVISION_LABEL: name}},
            "template": template,
            "progressDeadlineSeconds": PROGRESS_SECONDS,
        },
    }))
}

/// What to do about `spec.replicas`, which the controller sets once and the autoscaler ever after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// The Deployment is made with so many.
    Create(i32),
    /// They are still the controller's own field: another manager takes the present count before the controller leaves
    /// it out, or Kubernetes would put its default in their place.
    HandOver(i32),
    /// They are not the controller's.
    Leave,
}

/// What to do about `spec.replicas` of the Deployment that is there.
#[must_use]
pub fn replicas(revision: &Revision, there: Option<&Deployment>) -> Replicas {
    let Some(there) = there else {
        return Replicas::Create(initial(revision));
    };
    let ours = there.managed_fields().iter().any(|entry| {
        entry.manager.as_deref() == Some(names::CONTROLLER_MANAGER)
            && entry
                .fields_v1
                .as_ref()
                .and_then(|fields| fields.0.get("f:spec"))
                .is_some_and(|spec| spec.get("f:replicas").is_some())
    });
    match there.spec.as_ref().and_then(|spec| spec.replicas) {
        Some(count) if ours => Replicas::HandOver(count),
        _ => Replicas::Leave,
    }
}

/// Replicas of a Revision that has just been made.
fn initial(revision: &Revision) -> i32 {
    let scaling = &revision.spec.scaling;
    let (min, activation) = (scaling.min.unwrap_or(0), scaling.activation.unwrap_or(1));
    let mut count = scaling.initial.unwrap_or(1).max(min);
    if count > 0 {
        count = count.max(activation);
    }
    if let Some(PausedText(Paused::At(held))) = scaling.paused {
        count = held;
    }
    i32::try_from(count.min(scaling.max.unwrap_or(u32::MAX))).unwrap_or(i32::MAX)
}
