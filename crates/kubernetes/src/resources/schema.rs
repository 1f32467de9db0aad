// SPDX-License-Identifier: Apache-2.0
use cheerful_manifest::{AutoscalerSpec, Spec, schema_of};
use k8s_openapi::{
    api::core::v1::PodTemplateSpec,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use serde_json::{Value, json};

use super::{
    AutoscalerStatus, RevisionStatus,
    rules::{self, Rule},
    shadow_rules, signal_rules,
    structural::{make_structural, trim_template},
};
use crate::names;

/// The definitions of both kinds: structural schemas out of the manifest's own types, with every rule of the manifest in
/// CEL, so that the API server refuses what the manifest's own check refuses, without a webhook.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [revision(), autoscaler()].map(definition).into()
}

fn revision() -> Value {
    let mut spec = schema_of::<Spec>();
    make_structural(&mut spec);
    let mut template = schema_of::<PodTemplateSpec>();
    make_structural(&mut template);
    trim_template(&mut template);
    template["description"] = spec["properties"]["template"]["description"].take();
    spec["properties"]["template"] = template;
    let schema = resource(
        "One version of a workload, scaled as one.",
        spec,
        schema_of::<RevisionStatus>(),
        &[
            rules::REVISION,
            rules::SCALING,
            &signal_rules::rules(),
            &shadow_rules::rules(),
        ]
        .concat(),
    );
    json!({
        "metadata": {"name": format!("revisions.{}", names::GROUP)},
        "spec": {
            "group": names::GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "Revision", "listKind": "RevisionList", "plural": "revisions", "singular": "revision",
                // `rev` is Knative's.
                "shortNames": ["crev"],
                "categories": ["cheerful"],
            },
            "versions": [version(schema, &[])],
        },
    })
}

fn autoscaler() -> Value {
    let mut spec = schema_of::<AutoscalerSpec>();
    make_structural(&mut spec);
    spec["properties"]["scaling"]["properties"]["min"]["description"] = json!(
        "Fewest replicas. Default: 1. 0 is right only where every signal is a gauge that is no request, and one is known without a replica."
    );
    let schema = resource(
        "What scales a workload that somebody else owns.",
        spec,
        schema_of::<AutoscalerStatus>(),
        &[
            rules::AUTOSCALER,
            rules::SCALING,
            &signal_rules::rules(),
            &[signal_rules::zero()],
            &shadow_rules::rules(),
            &[shadow_rules::not_in_mode_shadow()],
        ]
        .concat(),
    );
    let target = json!({"name": "Target", "type": "string", "jsonPath": ".spec.scaleTargetRef.name",
        "description": "What is scaled."});
    json!({
        "metadata": {"name": format!("autoscalers.{}", names::GROUP)},
        "spec": {
            "group": names::GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "Autoscaler", "listKind": "AutoscalerList", "plural": "autoscalers", "singular": "autoscaler",
                "shortNames": ["cas"],
                "categories": ["cheerful"],
            },
            "versions": [version(schema, &[target])],
        },
    })
}

/// The whole of a resource, with the rules where they belong.
fn resource(description: &str, spec: Value, mut status: Value, rules: &[Rule]) -> Value {
    make_structural(&mut status);
    let mut schema = json!({
        "description": description,
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": spec,
            "status": status,
        },
        "required": ["spec"],
    });
    // Without it `/scale` cannot be read before the autoscaler has written to it: an internal error.
    schema["properties"]["spec"]["properties"]["replicas"]["default"] = json!(0);
    rules::bound(&mut schema);
    for rule in rules {
        rule.put(&mut schema);
    }
    schema
}

fn version(schema: Value, columns: &[Value]) -> Value {
    let column = |name: &str, kind: &str, path: &str, description: &str| json!({"name": name, "type": kind, "jsonPath": path, "description": description});
    let mut printed = columns.to_vec();
    printed.extend([
        column(
            "Ready",
            "string",
            ".status.conditions[?(@.type==\"Ready\")].status",
            "Whether requests are answered, be it after a start from zero.",
        ),
        column(
            "Replicas",
            "integer",
            ".status.scale.ready",
            "Replicas that answer.",
        ),
        column(
            "Wanted",
            "integer",
            ".status.scale.wanted",
            "Replicas wanted.",
        ),
        column(
            "Mode",
            "string",
            ".status.scale.mode",
            "How the last decision was made.",
        ),
        column("Age", "date", ".metadata.creationTimestamp", "Its age."),
        // Last, for it is a sentence.
        column(
            "Reason",
            "string",
            ".status.scale.reason",
            "Why the scale changed last.",
        ),
    ]);
    json!({
        "name": names::VERSION,
        "served": true,
        "storage": true,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": printed,
    })
}

#[expect(
    clippy::expect_used,
    reason = "made of nothing but this program's own types and tables, and a test makes them"
)]
fn definition(json: Value) -> CustomResourceDefinition {
    serde_json::from_value(json).expect("a definition of this program's own")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the API server wants of a structural schema, as far as it can be seen here: one type each, no references, no
    /// `null`, and no fields that it would leave out.
    #[test]
    fn the_schemas_are_structural() {
        fn walk(path: &str, schema: &Value) {
            let one_type = schema["type"].is_string()
                || schema["x-kubernetes-int-or-string"] == true
                || schema["x-kubernetes-preserve-unknown-fields"] == true;
            assert!(one_type, "{path}: {schema}");
            for wrong in ["$ref", "anyOf", "allOf", "const", "nullable"] {
                assert!(schema.get(wrong).is_none(), "{path}: {wrong}");
            }
            // The expressions of the API server repeat nothing more often than a thousand times.
            let pattern = schema["pattern"].as_str().unwrap_or_default();
            for bound in pattern
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
            {
                let most = bound.rsplit(',').next().unwrap();
                let fits = most.is_empty() || most.parse::<u32>().unwrap() <= 1_000;
                assert!(fits, "{path}: {pattern}");
            }
            // Of several fields one: no more than that may be chosen from.
            for choice in schema["oneOf"].as_array().into_iter().flatten() {
                assert!(choice["required"].is_array(), "{path}: {choice}");
                assert_eq!(choice.as_object().map(serde_json::Map::len), Some(1));
            }
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                walk(&format!("{path}.{name}"), inner);
            }
            for inner in ["items", "additionalProperties"] {
                if let Some(inner) = schema.get(inner) {
                    walk(path, inner);
                }
            }
        }
        for definition in [revision(), autoscaler()] {
            walk(
                "",
                &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
            );
            let read = serde_json::to_value(super::definition(definition.clone())).unwrap();
            let schema = "/spec/versions/0/schema/openAPIV3Schema";
            // Bounds have become floating.
            let text = |json: &Value| json.pointer(schema).unwrap().to_string().replace(".0", "");
            assert_eq!(text(&read), text(&definition));
        }
    }

    /// `kubectl apply` keeps the whole object in an annotation, and all annotations have at most 262,144 bytes.
    #[test]
    fn each_is_small_enough_for_kubectl_apply() {
        for definition in crds() {
            let size = serde_json::to_string(&definition).unwrap().len();
            assert!(size < 250_000, "{:?}: {size}", definition.metadata.name);
        }
    }
}
