// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{InstallOptions, Role, Scope, custom_resources, objects, to_yaml};

mod template;

/// A Helm chart of the same objects as [`objects`]: its files by their path. Two differences are Helm's: the namespace
/// is the release's, so it is not among them, and the custom resources are in `crds`, which Helm neither upgrades nor
/// deletes.
///
/// # Errors
/// What the YAML library says. No value of JSON is known that it cannot write.
pub fn chart() -> Result<BTreeMap<String, String>, serde_saphyr::ser_error::Error> {
    let cluster = Documents::of(Scope::Cluster)?;
    let namespaced = Documents::of(Scope::Namespace)?;
    let mut files = fixed_files();
    let mut seen = Vec::new();
    for (key, object, _) in cluster.0.iter().chain(&namespaced.0) {
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let both = template::by_scope(cluster.text(key), namespaced.text(key));
        let file = files
            .entry(format!("templates/{}.yaml", file_of(object)))
            .or_insert_with(|| HEAD.to_owned());
        file.push_str(&match only_with_several(object) {
            Some(role) => template::when(
                &format!("gt (int .Values.replicas.{}) 1", role.component()),
                &both,
            ),
            None => both,
        });
    }
    for definition in custom_resources() {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        // As JSON, for as YAML it is thousands of lines of a source.
        files.insert(format!("crds/{name}.json"), format!("{definition:#}\n"));
    }
    Ok(files)
}

/// When HPAs may go by our figures.
const EXTERNAL: &str = ".Values.externalMetrics";

const HEAD: &str = "\
# SPDX-License-Identifier: Apache-2.0
# Made by `cheerful manifests helm` from what `cheerful manifests install` prints.
";

/// The objects of a scope as documents with placeholders, each by its kind and name.
struct Documents(Vec<(String, Value, String)>);

impl Documents {
    fn of(scope: Scope) -> Result<Self, serde_saphyr::ser_error::Error> {
        let plain = Self::of_options(&template::placeholders(scope, false))?;
        let mut all = Self::of_options(&template::placeholders(scope, true))?;
        // All that there is without it is there with it, too.
        for (key, _, text) in &mut all.0 {
            *text = template::either(EXTERNAL, Some(text.as_str()), plain.text(key), "");
        }
        Ok(all)
    }

    fn of_options(options: &InstallOptions) -> Result<Self, serde_saphyr::ser_error::Error> {
        let ours = objects(options).into_iter().filter(|object| {
            object["kind"] != "Namespace" && object["kind"] != "CustomResourceDefinition"
        });
        let documents = ours.map(|object| {
            let metadata = &object["metadata"];
            let key = format!(
                "{} {} {}",
                object["kind"], metadata["namespace"], metadata["name"]
            );
            let text = template::with_values(&to_yaml(std::slice::from_ref(&object))?);
            Ok((key, object, text))
        });
        documents.collect::<Result<_, _>>().map(Self)
    }

    fn text(&self, key: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find_map(|(of, _, text)| (of == key).then_some(text.as_str()))
    }
}

fn file_of(object: &Value) -> &'static str {
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" => "deployments",
        "Service" | "NetworkPolicy" | "PodDisruptionBudget" => "network",
        "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding" => "keep",
        "ClusterRole" | "ClusterRoleBinding" => "cluster-rights",
        _ => "rights",
    }
}

/// Whose budget it is: one replica has none.
fn only_with_several(object: &Value) -> Option<Role> {
    let is_it = |role: &Role| object["metadata"]["name"] == role.name();
    let is_budget = object["kind"] == "PodDisruptionBudget";
    Role::ALL.into_iter().find(|role| is_budget && is_it(role))
}

fn fixed_files() -> BTreeMap<String, String> {
    let version = env!("CARGO_PKG_VERSION");
    let files = [
        (
            "Chart.yaml",
            format!(
                "# SPDX-License-Identifier: Apache-2.0\n\
                 apiVersion: v2\n\
                 name: cheerful\n\
                 description: Scales workloads by the requests in flight, down to none\n\
                 type: application\n\
                 version: {version}\n\
                 appVersion: \"{version}\"\n\
                 kubeVersion: \">=1.33.0-0\"\n"
            ),
        ),
        ("values.yaml", values()),
        ("values.schema.json", format!("{:#}\n", schema())),
        ("templates/NOTES.txt", NOTES.to_owned()),
    ];
    files.map(|(path, text)| (path.to_owned(), text)).into()
}

/// What is installed unless said otherwise, as in [`InstallOptions`].
fn values() -> String {
    let InstallOptions {
        image,
        replicas_controller,
        replicas_autoscaler,
        replicas_gateway,
        // The release's, and those that are empty or the first of their kind.
        namespace: _,
        scope: _,
        image_pull_policy: _,
        dedicated: _,
        external_metrics,
    } = InstallOptions::default();
    format!(
        "# SPDX-License-Identifier: Apache-2.0\n\
         # Of the three roles, and of the queue in each pod.\n\
         image: {image}\n\
         # Always, IfNotPresent or Never; empty: as Kubernetes has it for such a tag.\n\
         imagePullPolicy: \"\"\n\
         # Which Revisions are seen: those of the whole cluster, or those of the release's namespace.\n\
         # With `namespace` an administrator runs `cheerful manifests crds --for-namespace` before, and\n\
         # Helm is told --skip-crds.\n\
         scope: cluster\n\
         # Whether HPAs may go by our figures: the API external.metrics.k8s.io, which a cluster has once.\n\
         externalMetrics: {external_metrics}\n\
         replicas:\n  \
           # One leads.\n  \
           controller: {replicas_controller}\n  \
           # One leads, the others are warm.\n  \
           autoscaler: {replicas_autoscaler}\n  \
           # All serve.\n  \
           gateway: {replicas_gateway}\n"
    )
}

/// A misspelled value is told and not ignored.
fn schema() -> Value {
    let replicas = json!({"type": "integer", "minimum": 1, "maximum": 100});
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": false,
        "required": ["image", "scope", "replicas"],
        "properties": {
            "image": {"type": "string", "minLength": 1},
            "imagePullPolicy": {"enum": ["", "Always", "IfNotPresent", "Never"]},
            "scope": {"enum": ["cluster", "namespace"]},
            "externalMetrics": {"type": "boolean"},
            "replicas": {
                "type": "object",
                "additionalProperties": false,
                "required": ["controller", "autoscaler", "gateway"],
                "properties": {"controller": replicas, "autoscaler": replicas, "gateway": replicas},
            },
            // Helm's own, where the chart is part of another.
            "global": {"type": "object"},
        },
    })
}

const NOTES: &str = "\
cheerful is in the namespace {{ .Release.Namespace }}: kubectl -n {{ .Release.Namespace }} get pods

Take it out with `cheerful uninstall --namespace {{ .Release.Namespace }} --yes` and then `helm uninstall`:
after `helm uninstall` alone, workloads that are at zero stay there.
";
