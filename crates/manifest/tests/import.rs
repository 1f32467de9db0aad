// SPDX-License-Identifier: Apache-2.0
//! Manifests of other autoscalers become ours: those of docs/import.md to the letter, and each field is carried over or named.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
use std::{fs, path::Path};

use cheerful_manifest::{ImportOptions, Imported, NoteKind, import, load_cluster};

fn imported(text: &str) -> Imported {
    import(text, "their.yaml", ImportOptions::default()).unwrap()
}

/// The notes of a kind, one a line.
fn notes(done: &Imported, kind: NoteKind) -> String {
    let of = done.notes.iter().filter(|note| note.kind == kind);
    of.map(|note| format!("{note}\n")).collect()
}

fn refused(text: &str) -> String {
    import(text, "their.yaml", ImportOptions::default())
        .unwrap_err()
        .to_string()
}

/// `CHEERFUL_UPDATE=1` writes what becomes of each example anew.
#[test]
fn the_examples_of_the_page_are_what_comes_of_them() {
    const FENCE: &str = "```";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/import.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut parts: Vec<String> = page.split(FENCE).map(str::to_owned).collect();
    let blocks: Vec<usize> = (1..parts.len())
        .step_by(2)
        .filter(|block| parts[*block].starts_with("yaml\n"))
        .collect();
    assert!(blocks.len() >= 12, "{blocks:?}");
    for pair in blocks.chunks(2) {
        let theirs = parts[pair[0]].strip_prefix("yaml\n").unwrap();
        let ours = imported(theirs).yaml;
        parts[pair[1]] = format!("yaml\n{ours}");
    }
    let written = parts.join(FENCE);
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let present = fs::read_to_string(&path).unwrap();
    assert!(
        present == written,
        "docs/import.md: CHEERFUL_UPDATE=1 cargo test -p cheerful-manifest"
    );
}

const KNATIVE: &str = r#"apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: a, uid: x, annotations: {mine: "1"}, labels: {networking.knative.dev/visibility: cluster-local}}
spec:
  template:
    metadata:
      annotations: {autoscaling.knative.dev/minScale: "2", autoscaling.knative.dev/target-burst-capacity: "-1",
        autoscaling.knative.dev/scale-to-zero-pod-retention-period: 1m, autoscaling.knative.dev/tagret: "9",
        queue.sidecar.serving.knative.dev/cpu-resource-request: 25m}
    spec: {containers: [{image: sidecar}, {image: app, ports: [{containerPort: 9}]}], containerConcurrency: 10}
  traffic: [{latestRevision: true, percent: 90}]
status: {url: "http://a"}
"#;

#[test]
fn knatives_settings_and_pods_are_filled_in_as_knative_does() {
    let done = imported(KNATIVE);
    let revision = &load_cluster(&done.yaml, "ours").unwrap().revisions[0];
    let spec = serde_json::to_value(&revision.spec).unwrap();
    // 70 % of what a container takes.
    assert_eq!(spec["scaling"]["target"], 7);
    assert_eq!(spec["concurrency"], 10);
    assert_eq!(spec["scaling"]["burstCapacity"], -1);
    assert_eq!(spec["scaling"]["min"], 2);
    assert_eq!(spec["scaling"]["idleDelay"], "2m");
    let containers = &spec["template"]["spec"]["containers"];
    assert_eq!(containers[0]["image"], "app");
    assert_eq!(containers[1]["name"], "user-container-1");
    assert_eq!(revision.metadata.annotations["mine"], "1");
    let lost = notes(&done, NoteKind::Lost);
    assert!(lost.contains("line 8: spec.template.metadata.annotations.autoscaling.knative.dev/tagret is \"9\": has no counterpart"), "{lost}");
    assert!(
        lost.contains("line 11: spec.traffic[0].percent is 90: has no counterpart"),
        "{lost}"
    );
    assert_eq!(lost.lines().count(), 2, "{lost}");
    let changed = notes(&done, NoteKind::Changed);
    assert!(
        changed.contains("cpu-resource-request is \"25m\""),
        "{changed}"
    );
    assert_eq!(notes(&done, NoteKind::Told), "");
}

#[test]
fn a_list_as_kubectl_writes_it_is_taken_apart() {
    let of = |name: &str| {
        format!(
            "{{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {{name: {name}}}, \
             spec: {{scaleTargetRef: {{kind: Deployment, name: {name}}}, maxReplicas: 3}}}}"
        )
    };
    let list = format!(
        "apiVersion: v1\nkind: List\nitems: [{}, {}]",
        of("a"),
        of("b")
    );
    let ours = load_cluster(&imported(&list).yaml, "ours").unwrap();
    let names: Vec<_> = ours
        .autoscalers
        .iter()
        .map(cheerful_manifest::Autoscaler::name)
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn what_cannot_be_read_is_told_with_line_and_field() {
    let told = refused(&KNATIVE.replace("\"2\"", "two"));
    assert_eq!(
        told,
        "their.yaml:7: a: spec.template.metadata.annotations.autoscaling.knative.dev/minScale is \"two\": should be a whole number from 0 to 2147483647"
    );
    let told = refused("a: 1\n---\nspec: {a: [}\n");
    assert!(told.starts_with("their.yaml:3: document 2: "), "{told}");
    let told = refused("apiVersion: v1\nkind: Pod\n");
    assert!(told.contains("has nothing to import"), "{told}");
    // What our own loader would refuse is told before it is printed.
    let told = refused(&KNATIVE.replace("1m", "9000h"));
    assert!(
        told.contains("as it would be written") && told.contains("spec.scaling.idleDelay"),
        "{told}"
    );
    let route = "apiVersion: http.keda.sh/v1beta1\nkind: InterceptorRoute\nmetadata: {name: a}\nspec: {target: {service: a}}\n";
    let told = refused(route);
    assert!(
        told.starts_with("their.yaml:4: a: spec.target.service is \"a\": is a Service"),
        "{told}"
    );
}

#[test]
fn the_owner_may_stay() {
    let hpa = "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}, spec: {scaleTargetRef: {kind: Deployment, name: a}, maxReplicas: 3}}";
    let keep = ImportOptions { keep_owner: true };
    let done = import(hpa, "their.yaml", keep).unwrap();
    assert!(done.yaml.contains("  mode: Shadow\n"), "{}", done.yaml);
    assert!(
        notes(&done, NoteKind::Told).contains("goes on scaling it"),
        "{}",
        done.yaml
    );
    let taken = imported(hpa);
    assert!(!taken.yaml.contains("Shadow"), "{}", taken.yaml);
    assert!(notes(&taken, NoteKind::Told).contains("kubectl delete hpa a"));
}
