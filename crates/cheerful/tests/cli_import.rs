// SPDX-License-Identifier: Apache-2.0
//! What a person sees who brings another's manifest.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

const HPA: &str = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
";

fn import(manifest: &str, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .args(["import", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that is refused by its arguments reads nothing.
    child
        .stdin
        .take()
        .unwrap()
        .write_all(manifest.as_bytes())
        .ok();
    child.wait_with_output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_is_printed_is_told_and_is_taken_by_our_own_loader() {
    let output = import(HPA, &[]);
    let said = text(output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(
        said,
        "cheerful: -: shop: Before this is applied: kubectl delete hpa shop (two that scale one workload undo each other).\n"
    );
    let printed = text(output.stdout);
    let ours = cheerful_manifest::load_cluster(&printed, "printed").unwrap();
    assert_eq!(ours.autoscalers.len(), 1, "{printed}");
    assert!(printed.contains("# Before this is applied"), "{printed}");
}

#[test]
fn what_has_no_counterpart_is_a_code_of_its_own_unless_it_is_taken_so() {
    let manifest = HPA.replace("maxReplicas", "unheardOf: 1\n  maxReplicas");
    let output = import(&manifest, &[]);
    let said = text(output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("line 6: spec.unheardOf is 1: has no counterpart\n"),
        "{said}"
    );
    assert!(
        said.ends_with("1 field has no counterpart; --partial takes it so\n"),
        "{said}"
    );
    assert!(!output.stdout.is_empty());
    assert_eq!(import(&manifest, &["--partial"]).status.code(), Some(0));
}

#[test]
fn what_cannot_be_read_prints_nothing() {
    let output = import(&HPA.replace("10", "ten"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert_eq!(
        text(output.stderr),
        "cheerful: -:6: shop: spec.maxReplicas is \"ten\": should be a whole number from 0 to 2147483647\n"
    );
}
