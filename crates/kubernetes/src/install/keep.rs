// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use super::labels;
use crate::{names, resources};

/// On a custom resource definition of ours: it may be deleted, for its objects have let go of their workloads.
pub const UNINSTALL_ANNOTATION: &str = "cheerful.dev/uninstall";

/// The policy's name, and its binding's.
const NAME: &str = "cheerful-keep-definitions";

/// Without the definitions there is no Revision, and without its Revision a workload goes. So that
/// `kubectl delete -f install.yaml` does not take the workloads along, the API server refuses to delete the definitions
/// until `cheerful uninstall` has marked them. It is no finalizer: nothing waits for it, and it goes by being deleted.
pub(super) fn objects() -> Vec<Value> {
    let definitions: Vec<String> = resources::crds()
        .into_iter()
        .filter_map(|crd| crd.metadata.name)
        .collect();
    vec![
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": NAME, "labels": labels("definitions")},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["apiextensions.k8s.io"],
                    "apiVersions": ["v1"],
                    "resources": ["customresourcedefinitions"],
                    "resourceNames": definitions,
                    "operations": ["DELETE"],
                }]},
                "validations": [{
                    "expression": format!(
                        "has(oldObject.metadata.annotations) && \
                         '{UNINSTALL_ANNOTATION}' in oldObject.metadata.annotations"
                    ),
                    "message": format!(
                        "with this definition every workload of {} would be deleted: use `cheerful uninstall`, \
                         which leaves them running; or set the annotation {UNINSTALL_ANNOTATION} to delete them",
                        names::GROUP
                    ),
                    "reason": "Forbidden",
                }],
            },
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": NAME, "labels": labels("definitions")},
            "spec": {"policyName": NAME, "validationActions": ["Deny"]},
        }),
    ]
}
