// SPDX-License-Identifier: Apache-2.0
//! What is installed, against a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

use cheerful_kubernetes::install::{self, InstallOptions, Role, Scope, UNINSTALL_ANNOTATION};
use cheerful_rig::cluster::{self, Cluster, eventually};
use k8s_openapi::{
    api::core::v1::{Namespace, Pod, ServiceAccount},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
        ValidationDirective,
    },
};
use serde_json::{Value, json};

/// The table in the docs is what the roles are made of.
#[test]
fn the_rights_are_written_down() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/kubernetes.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (start, rest) = text.split_once("<!-- rights -->\n").unwrap();
    let (table, end) = rest.split_once("<!-- end of rights -->").unwrap();
    let right = install::rights_table();
    if table == right {
        return;
    }
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        let text = format!("{start}<!-- rights -->\n{right}<!-- end of rights -->{end}");
        std::fs::write(file, text).unwrap();
    } else {
        panic!(
            "docs/kubernetes.md is not what the table of rights says: \
             CHEERFUL_UPDATE=1 cargo test -p cheerful-kubernetes --test install"
        );
    }
}

#[tokio::test]
async fn every_object_is_taken_by_the_api_server() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let space = cluster.namespace("install-taken").await;
    for scope in [Scope::Cluster, Scope::Namespace] {
        let options = InstallOptions {
            namespace: space.name().to_owned(),
            scope,
            ..InstallOptions::default()
        };
        let mut all = install::objects(&options);
        all.extend(install::cluster_objects(Some(&options)));
        for object in all {
            apply(&cluster, &object, true)
                .await
                .unwrap_or_else(|error| {
                    panic!("{} {}: {error}", object["kind"], object["metadata"]["name"])
                });
        }
    }
}

/// The namespace that we make has the same labels.
#[tokio::test]
async fn the_pods_keep_to_the_restricted_standard() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let space = cluster.namespace("install-restricted").await;
    let options = InstallOptions {
        namespace: space.name().to_owned(),
        ..InstallOptions::default()
    };
    let objects = install::objects(&options);
    let labels = json!({"metadata": {"labels": objects[0]["metadata"]["labels"]}});
    Api::<Namespace>::all(cluster.client())
        .patch(space.name(), &PatchParams::default(), &Patch::Merge(labels))
        .await
        .unwrap();
    let accounts = space.api::<ServiceAccount>();
    let pods = space.api::<Pod>();
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut seen = 0;
    for object in &objects {
        let name = object["metadata"]["name"].as_str().unwrap();
        if object["kind"] == "ServiceAccount" {
            let account = serde_json::from_value(object.clone()).unwrap();
            accounts
                .create(&PostParams::default(), &account)
                .await
                .unwrap();
        } else if object["kind"] == "Deployment" {
            let mut pod = object["spec"]["template"].clone();
            pod["metadata"]["name"] = json!(name);
            let pod = serde_json::from_value(pod).unwrap();
            pods.create(&dry, &pod).await.unwrap();
            seen += 1;
        }
    }
    assert_eq!(seen, Role::ALL.len());
    // It is enforced there: this one is not taken.
    let bad: Pod = serde_json::from_value(json!({
        "metadata": {"name": "bad"},
        "spec": {"containers": [{"name": "bad", "image": "bad:1"}]},
    }))
    .unwrap();
    let error = pods.create(&dry, &bad).await.unwrap_err();
    assert!(error.to_string().contains("restricted"), "{error}");
}

/// `kubectl delete -f install.yaml` must not take the workloads along. On a definition of the test's own, for the real
/// ones are in use.
#[tokio::test]
async fn the_definitions_are_not_deleted_by_mistake() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let space = cluster.namespace("install-keep").await;
    let group = format!("{}.example.com", space.name());
    let definition = format!("things.{group}");
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    let made = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition},
        "spec": {
            "group": group,
            "names": {"kind": "Thing", "plural": "things"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    apply(&cluster, &made, false).await.unwrap();
    let mut policies = Vec::new();
    for mut object in install::cluster_objects(None) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        if kind == "CustomResourceDefinition" {
            continue;
        }
        object["metadata"]["name"] = json!(space.name());
        if kind == "ValidatingAdmissionPolicy" {
            let rule = &mut object["spec"]["matchConstraints"]["resourceRules"][0];
            rule["resourceNames"] = json!([definition]);
        } else {
            object["spec"]["policyName"] = json!(space.name());
        }
        apply(&cluster, &object, false).await.unwrap();
        policies.push(object);
    }
    assert_eq!(policies.len(), 2);
    let dry = DeleteParams {
        dry_run: true,
        ..DeleteParams::default()
    };
    let refused = eventually("a new policy holds", async || {
        definitions.delete(&definition, &dry).await.err()
    })
    .await;
    assert!(
        refused.to_string().contains("cheerful uninstall"),
        "{refused}"
    );
    let mark = json!({"metadata": {"annotations": {UNINSTALL_ANNOTATION: "true"}}});
    definitions
        .patch(&definition, &PatchParams::default(), &Patch::Merge(mark))
        .await
        .unwrap();
    definitions
        .delete(&definition, &DeleteParams::default())
        .await
        .unwrap();
    for policy in policies.iter().rev() {
        let (api, name) = api(&cluster, policy);
        api.delete(&name, &DeleteParams::default()).await.unwrap();
    }
}

async fn apply(cluster: &Cluster, object: &Value, dry_run: bool) -> kube::Result<DynamicObject> {
    let (api, name) = api(cluster, object);
    let parameters = PatchParams {
        dry_run,
        force: true,
        field_manager: Some("cheerful-test".to_owned()),
        field_validation: Some(ValidationDirective::Strict),
    };
    api.patch(&name, &parameters, &Patch::Apply(object)).await
}

fn api(cluster: &Cluster, object: &Value) -> (Api<DynamicObject>, String) {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str);
    let version = text("/apiVersion").unwrap();
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = GroupVersionKind::gvk(group, version, text("/kind").unwrap());
    let resource = ApiResource::from_gvk(&kind);
    let api = match text("/metadata/namespace") {
        Some(namespace) => Api::namespaced_with(cluster.client(), namespace, &resource),
        None => Api::all_with(cluster.client(), &resource),
    };
    (api, text("/metadata/name").unwrap().to_owned())
}
