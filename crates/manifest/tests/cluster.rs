// SPDX-License-Identifier: Apache-2.0
//! Loading manifests for a cluster. What is wrong in a specification stands in the table of `crates/kubernetes`, which is
//! held against the API server too.

use cheerful_manifest::{
    AutoscalerChoice, AutoscalerMode, ClusterManifest, Platform, ReportTransport, load,
    load_cluster,
};
use cheerful_scaling::Target;
use proptest::prelude::*;
use serde_json::json;

const GOOD: &str = r#"apiVersion: cheerful.dev/v1alpha1
kind: Revision
metadata: {name: hello, namespace: shop}
spec:
  command: [./server]
  template:
    metadata: {labels: {team: a}}
    spec:
      terminationGracePeriodSeconds: 90
      containers:
        - {name: app, image: a, resources: {limits: {cpu: 0.5, memory: 1Gi}}, stdin: true, args: []}
  autoscaler: dedicated
  queue: {requests: {cpu: 20m}, transport: websocket}
  scaling: {target: "0.5"}
---
apiVersion: v1
kind: Service
metadata: {name: anything}
---
apiVersion: cheerful.dev/v1alpha1
kind: Autoscaler
metadata: {name: hello, namespace: shop}
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  mode: Shadow
"#;

fn problems(loaded: Result<ClusterManifest, cheerful_manifest::ManifestErrors>) -> String {
    loaded.map_or_else(|errors| errors.to_string(), |_| String::new())
}

#[test]
fn every_field_is_read() {
    let manifest = load_cluster(GOOD, "app.yaml").unwrap();
    let (revision, autoscaler) = (&manifest.revisions[0], &manifest.autoscalers[0]);
    let spec = &revision.spec;
    let template = spec.template.as_ref().unwrap();
    assert_eq!(
        template["spec"]["containers"][0],
        json!({"name": "app", "image": "a", "resources": {"limits": {"cpu": 0.5, "memory": "1Gi"}}, "stdin": true, "args": []})
    );
    assert_eq!(template["spec"]["terminationGracePeriodSeconds"], 90);
    assert_eq!(spec.autoscaler, Some(AutoscalerChoice::Dedicated));
    assert_eq!(spec.queue.transport, Some(ReportTransport::Websocket));
    assert_eq!(spec.queue.requests["cpu"], "20m");
    assert_eq!(
        revision
            .scaling(std::time::Duration::ZERO)
            .unwrap()
            .settings()
            .target,
        Target::PerReplica(0.5)
    );
    assert_eq!(autoscaler.spec.mode, Some(AutoscalerMode::Shadow));
    assert_eq!(autoscaler.spec.scale_target_ref.name, "web");
    assert_eq!(autoscaler.scaling().unwrap().settings().min, 1);
    assert_eq!(manifest.others, 1);
    assert_eq!(revision.metadata.namespace.as_deref(), Some("shop"));
}

#[test]
fn each_platform_takes_its_own() {
    let autoscaler = GOOD.find("---\napiVersion: v1\n").unwrap();
    let both = GOOD.get(..autoscaler).unwrap();
    assert_eq!(load(both, "app.yaml").unwrap().len(), 1);
    let of_cluster = both.replace("  command: [./server]\n", "");
    assert_eq!(
        load_cluster(&of_cluster, "app.yaml")
            .unwrap()
            .revisions
            .len(),
        1
    );
    let told = load(&of_cluster, "app.yaml").unwrap_err().to_string();
    assert!(
        told.contains("hello: spec.command: is missing; template is for a cluster"),
        "{told}"
    );

    let told = load(GOOD, "app.yaml").unwrap_err().to_string();
    assert!(
        told.contains("app.yaml:21: hello: kind is \"Autoscaler\": is for a cluster; on one machine there are Revisions only"),
        "{told}"
    );
    assert!(
        told.contains("app.yaml:17: anything: kind is \"Service\": is for a cluster"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 2, "{told}");
    let of_machine = "{apiVersion: cheerful.dev/v1alpha1, kind: Revision, metadata: {name: a}, spec: {command: [a]}}";
    let told = problems(load_cluster(of_machine, "app.yaml"));
    assert!(
        told.contains("a: spec.template: is missing: should be the pod of each replica"),
        "{told}"
    );
    assert_eq!(
        load(of_machine, "app.yaml").unwrap()[0].check_for(Platform::OneMachine),
        Ok(())
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let text = GOOD
        .replace("name: app,", "name: cheerful-queue,")
        .replace("\"0.5\"", "0.5")
        .replace("mode: Shadow", "mode: shadow\n  scaling: {min: 0}");
    let told = problems(load_cluster(&text, "app.yaml"));
    for line in [
        "app.yaml:11: hello: spec.template.spec.containers[0].name is \"cheerful-queue\": should be another name",
        "app.yaml:14: hello: spec.scaling.target is 0.5: should be text in a cluster; write it in quotes: \"0.5\"",
        "app.yaml:25: hello: spec.mode is \"shadow\": should be one of Active, Shadow",
        "app.yaml:26: hello: spec.scaling.min is 0: should be at least 1",
    ] {
        assert!(told.contains(line), "{line:?} is not in:\n{told}");
    }
    assert_eq!(told.lines().count(), 4, "{told}");
}

#[test]
fn a_name_is_had_once_in_each_kind_and_namespace() {
    let revision = |namespace: &str| {
        format!(
            "---\napiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: a, namespace: {namespace}}}\n\
             spec: {{template: {{spec: {{containers: [{{name: app}}]}}}}}}\n"
        )
    };
    let text = [revision("one"), revision("two")].concat();
    // Neither takes all requests: each has host names of its own.
    assert_eq!(load_cluster(&text, "app.yaml").unwrap().revisions.len(), 2);
    let told = problems(load_cluster(&[text, revision("one")].concat(), "app.yaml"));
    assert_eq!(
        told,
        "app.yaml:14: a: metadata.name is \"a\": is taken by the document at line 4"
    );
}

#[test]
fn a_manifest_of_nothing_of_ours_is_right() {
    let manifest = load_cluster("apiVersion: v1\nkind: Pod\n", "app.yaml").unwrap();
    assert_eq!(manifest.others, 1);
    let told = problems(load_cluster("kind: Pod\n", "app.yaml"));
    assert!(told.contains("apiVersion: is missing"), "{told}");
    assert!(problems(load_cluster("", "app.yaml")).contains("has no document"));
}

proptest! {
    #[test]
    fn no_change_to_a_good_manifest_makes_it_panic(
        at in 0..GOOD.len(), length in 0_usize..12,
        put in prop_oneof!["[\\PC]{0,8}", Just("\n---\n".to_owned()), Just("[]".to_owned()), Just("{}".to_owned()),
            Just("null".to_owned()), Just("-99999999999999999999999999999999999999999999".to_owned())],
    ) {
        let end = (at + length).min(GOOD.len());
        let text = format!("{}{put}{}", GOOD.get(..at).unwrap(), GOOD.get(end..).unwrap());
        match load_cluster(&text, "app.yaml") {
            Ok(manifest) => {
                for revision in &manifest.revisions {
                    prop_assert_eq!(revision.check_for(Platform::Cluster), Ok(()));
                }
                for autoscaler in &manifest.autoscalers {
                    prop_assert_eq!(autoscaler.check(), Ok(()));
                }
            }
            Err(errors) => prop_assert!(!errors.problems.is_empty()),
        }
    }

    /// What is written is what is read: no setting is lost on its way through a cluster.
    #[test]
    fn what_is_loaded_survives_the_way_there_and_back(
        target in prop_oneof![Just("auto".to_owned()), (1_u32..1000).prop_map(|n| n.to_string()), "\"[1-9]{1,3}[.][0-9]{1,4}\""],
        paused in prop_oneof![Just("true".to_owned()), Just("false".to_owned()), (0_u32..100).prop_map(|n| n.to_string())],
        (min, more) in (0_u32..100, 0_u32..100), idle in 0_u64..86_400_000, up in 1.001_f64..1e6,
    ) {
        let max = (min + more).max(1);
        let text = GOOD.replace("{target: \"0.5\"}", &format!(
            "{{target: {target}, paused: {paused}, min: {min}, max: {max}, idleDelay: {idle}ms, maxUp: {up}}}"
        ));
        let manifest = load_cluster(&text, "app.yaml").unwrap();
        let json = serde_json::to_string(&manifest.revisions[0]).unwrap();
        let again = load_cluster(&json, "app.json").unwrap();
        prop_assert_eq!(&again.revisions, &manifest.revisions);
    }
}
