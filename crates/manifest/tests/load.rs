// SPDX-License-Identifier: Apache-2.0
//! Loading manifests: what is right, what is wrong, and how it is told.
#![expect(clippy::expect_used, reason = "a helper of tests may end the test")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use cheerful_manifest::{MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, load, load_cluster_file, load_file};
use cheerful_scaling::{Concurrency, Delay, Target};
use proptest::prelude::*;

const GOOD: &str = r#"# everything that can be said
apiVersion: cheerful.dev/v1alpha1
kind: Revision
metadata: {name: hello, labels: {team: "a.b/c"}}
spec:
  command: [./server, --port, "{port}"]
  workingDirectory: /srv
  user: nobody
  env: {MODE: "yes", EMPTY: ""}
  concurrency: 10
  scaling: {target: 7, min: 1, max: 20, idleDelay: 1m30s, burstCapacity: -1, paused: 2}
  routes: [{host: "*.example.com", pathPrefix: /shop}, {pathPrefix: /}]
  readiness: {path: /healthz}
  timeouts: {connect: 1s, firstByte: 2s, idle: 3s, whole: 4s, drain: 5s, stop: 6s}
  hold: {requests: 5, bytes: 4096, wait: 9s}
  waking:
    answerAtZero: {paths: [/healthz], userAgents: [kube-probe/]}
    uncounted: {paths: [/static/*]}
"#;

fn minimal(name: &str) -> String {
    format!(
        "---\napiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: {name}}}\nspec:\n  command: [\"true\"]\n  routes: [{{host: {name}.example.com}}]\n"
    )
}

/// The problems in a text, a line each.
#[track_caller]
fn problems(text: &str) -> String {
    load(text, "app.yaml")
        .expect_err("the manifest should be refused")
        .to_string()
}

#[track_caller]
fn told(text: &str, expected: &[&str]) {
    let found = problems(text);
    for line in expected {
        assert!(found.contains(line), "{line:?} is not in:\n{found}");
    }
    assert_eq!(found.lines().count(), expected.len(), "{found}");
}

#[test]
fn every_field_is_read() {
    let revisions = load(GOOD, "app.yaml").unwrap();
    let [revision] = revisions.as_slice() else {
        panic!("{revisions:?}")
    };
    assert_eq!(revision.name(), "hello");
    assert_eq!(revision.spec.command, ["./server", "--port", "{port}"]);
    assert_eq!(revision.spec.env["MODE"], "yes");
    assert_eq!(revision.limit(), Some(10));
    assert_eq!(revision.readiness_path(), Some("/healthz"));
    let scaling = revision.scaling(Duration::ZERO).unwrap();
    assert_eq!(scaling.settings().concurrency, Concurrency::Limit(10));
    assert_eq!(scaling.settings().target, Target::PerReplica(7.0));
    assert_eq!(
        scaling.settings().idle_delay,
        Delay::Given(Duration::from_secs(90))
    );
    assert_eq!(scaling.settings().grace_period, Duration::ZERO);
    let times = &revision.spec.timeouts;
    let all = [
        times.connect(),
        times.first_byte(),
        times.idle(),
        times.whole(),
        times.drain(),
        times.stop(),
    ];
    assert_eq!(all, [1, 2, 3, 4, 5, 6].map(Duration::from_secs));
    let hold = &revision.spec.hold;
    assert_eq!(
        (hold.requests(), hold.bytes(), hold.wait()),
        (5, 4096, Duration::from_secs(9))
    );
    assert_eq!(
        revision.spec.waking.answer_at_zero.user_agents,
        ["kube-probe/"]
    );
}

#[test]
fn json_is_read_as_well() {
    let revision = &load(GOOD, "app.yaml").unwrap()[0];
    let json = serde_json::to_string(revision).unwrap();
    assert_eq!(
        load(&json, "app.json").unwrap(),
        std::slice::from_ref(revision)
    );
}

#[test]
fn all_faults_of_all_documents_are_told_at_once_with_their_lines() {
    let text = "\
apiVersion: cheerful.dev/v1alpha1
kind: Revision
metadata: {name: one}
spec:
  command: [./server, 8080]
  scaling:
    min: 5
    max: 3
    idleDelay: 60
    latency: {p95: 250ms, p99: 0s}
    stableWindw: 60s
  routes: [{host: One.example.com}, {}]
---
apiVersion: cheerful.dev/v2
kind: Pod
metadata: {name: Two}
spec:
  template: {}
  readiness: {path: healthz}
  timeouts: {connect: soon}
  hold: {requests: 0, wait: 0s}
  env: {PORT: '1'}
--- {}
";
    let found = problems(text);
    for line in [
        "app.yaml:5: one: spec.command[1] is 8080: should be text; write it in quotes: \"8080\"",
        "app.yaml:7: one: spec.scaling.min is 5: should be at most max, 3",
        "app.yaml:9: one: spec.scaling.idleDelay is 60: should be a duration such as",
        "app.yaml:10: one: spec.scaling.latency is more than one: should be one of p50, p90, p95, p99, with a duration",
        "app.yaml:11: one: spec.scaling.stableWindw: unknown field, did you mean stableWindow?",
        "app.yaml:12: one: spec.routes[0].host is \"One.example.com\": should be a host name",
        "app.yaml:12: one: spec.routes[1]: should have a host or a pathPrefix",
        "app.yaml:14: Two: apiVersion is \"cheerful.dev/v2\": should be cheerful.dev/v1alpha1",
        "app.yaml:15: Two: kind is \"Pod\": should be Revision",
        "app.yaml:16: Two: metadata.name is \"Two\": should be a DNS label",
        "app.yaml:18: Two: spec.command: is missing; template is for a cluster: should be a program",
        "app.yaml:19: Two: spec.readiness.path is \"healthz\": should be a path",
        "app.yaml:20: Two: spec.timeouts.connect is \"soon\": should be a duration",
        "app.yaml:21: Two: spec.hold.requests is 0: should be at least 1",
        "app.yaml:21: Two: spec.hold.wait is 0s: should be longer",
        "app.yaml:22: Two: spec.env.PORT is \"1\": is set for each replica",
        "app.yaml:23: document 3: apiVersion: is missing",
        "app.yaml:23: document 3: metadata.name: should be a DNS label",
    ] {
        assert!(found.contains(line), "{line:?} is not in:\n{found}");
    }
}

#[test]
fn names_and_routes_are_had_once() {
    let all = |name: &str| minimal(name).replace(&format!("{{host: {name}.example.com}}"), "");
    told(
        &[minimal("one"), minimal("one")].concat(),
        &[
            "app.yaml:11: one: metadata.name is \"one\": is taken by the document at line 4",
            "app.yaml:14: one: spec.routes[0] is \"one.example.com\": is the route of one at line 7 already",
        ],
    );
    told(
        &[all("one"), all("two")].concat(),
        &["app.yaml:14: two: spec.routes is all requests: is the route of one at line 7 already"],
    );
    let prefix = all("two").replace("[]", "[{pathPrefix: /}]");
    told(
        &[all("one"), prefix].concat(),
        &["two: spec.routes[0] is \"/\": is the route of one"],
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_line_and_hides_nothing_else() {
    let wrong = minimal("two").replace("name: two", "name: Two");
    let text = [&minimal("one"), "---\na: [1\n", &wrong].concat();
    let found = problems(&text);
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(
        found.starts_with("app.yaml:9: document 2: unclosed bracket"),
        "{found}"
    );
    assert!(found.contains("app.yaml:13: Two: metadata.name"), "{found}");
    let twice = minimal("one").replace("kind: Revision", "kind: Revision\nkind: Revision");
    let found = problems(&twice);
    assert!(
        found.starts_with("app.yaml:4: document 1: ") && found.contains("kind"),
        "{found}"
    );
    told(
        "[]",
        &["app.yaml:1: document 1: should be a map with some of the fields apiVersion"],
    );
}

#[test]
fn bounds_are_refused_with_what_would_be_right() {
    told(
        "# nothing\n",
        &["app.yaml: has no document, should have at least one Revision"],
    );
    let long = format!("a: {}", "x".repeat(MAX_DOCUMENT_BYTES));
    told(
        &long,
        &["app.yaml:1: document 1: is 1048579 bytes long, a document should be at most"],
    );
    let many = "---\n{}\n".repeat(MAX_DOCUMENTS + 1);
    let errors = load(&many, "app.yaml").unwrap_err();
    assert_eq!(errors.problems.len(), 200);
    assert!(errors.more > MAX_DOCUMENTS, "{}", errors.more);
    let deep = "[".repeat(100_000);
    assert_eq!(load(&deep, "app.yaml").unwrap_err().problems.len(), 1);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\n\
        d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n";
    assert!(load(bomb, "app.yaml").is_err());
}

#[test]
fn settings_out_of_their_bounds_are_told() {
    let text = minimal("one")
        + "  concurrency: 5\n  scaling: {target: 6, burstCapacity: -5, maxUp: 0.5, panicWindow: 2m}\n";
    told(
        &text,
        &[
            "spec.scaling.target is 6: should be a number from 0.01 to 5",
            "spec.scaling.burstCapacity is -5: should be",
            "spec.scaling.maxUp is 0.5: should be a number above 1",
            "spec.scaling.panicWindow is 120s: should be from 1s to 60s",
        ],
    );
}

#[test]
fn a_document_of_nothing_but_faults_is_given_up_after_200() {
    let text: String = (0..10_000)
        .map(|number| format!("field{number}: 1\n"))
        .collect();
    let errors = load(&text, "app.yaml").expect_err("no field is known");
    assert_eq!((errors.problems.len(), errors.more), (200, 0));
    assert!(
        errors
            .problems
            .iter()
            .all(|at| at.problem.message.starts_with("unknown field"))
    );
}

#[test]
fn nothing_that_upsets_a_terminal_is_told() {
    told(
        "{\"\\u001b[31m\": 1, kind: \"\\n\", apiVersion: cheerful.dev/v1alpha1, metadata: {name: \"a\\u0007\"}, spec: {command: [a]}}",
        &[
            "\u{fffd}[31m: unknown field",
            "kind is \"\\n\"",
            "metadata.name is \"a\\u{7}\"",
        ],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let found = load_file(Path::new("/nonexistent/app.yaml"))
        .unwrap_err()
        .to_string();
    assert!(
        found.starts_with("/nonexistent/app.yaml: cannot be read: No such file"),
        "{found}"
    );
}

/// The manifests in a folder of the examples.
fn examples(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(folder);
    let paths = std::fs::read_dir(folder).expect("the examples are there");
    let mut paths: Vec<_> = paths
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn the_examples_are_right() {
    let of_one_machine = examples("");
    assert!(of_one_machine.len() >= 2);
    for path in of_one_machine {
        load_file(&path).unwrap_or_else(|errors| panic!("{errors}"));
    }
    let of_a_cluster = examples("kubernetes");
    assert!(of_a_cluster.len() >= 3);
    for path in of_a_cluster {
        let manifest = load_cluster_file(&path).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(manifest.revisions.len() + manifest.autoscalers.len(), 1);
        assert!(manifest.others >= 1);
    }
}

#[test]
fn the_first_example_is_right_on_both_platforms() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello.yaml");
    let manifest = load_cluster_file(&path).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(manifest.revisions, load_file(&path).unwrap());
}

#[test]
fn ten_thousand_services_load() {
    let text: String = (0..10_000)
        .map(|number| minimal(&format!("service-{number}")))
        .collect();
    assert_eq!(load(&text, "app.yaml").unwrap().len(), 10_000);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(errors) = load(&text, "app.yaml") {
            let told = errors.to_string();
            prop_assert!(!errors.problems.is_empty());
            prop_assert_eq!(told.lines().count(), errors.problems.len());
            prop_assert!(!told.contains(|c: char| c.is_control() && c != '\n'));
        }
    }

    #[test]
    fn no_change_to_a_good_manifest_makes_it_panic(
        at in 0..GOOD.len(), length in 0_usize..12,
        put in prop_oneof!["[\\PC]{0,8}", Just("\n---\n".to_owned()), Just("&a *a".to_owned()),
            Just(".nan".to_owned()), Just("-99999999999999999999999999999999999999999999".to_owned()),
            Just("<<: ".to_owned()), Just("!!binary x".to_owned())],
    ) {
        let end = (at + length).min(GOOD.len());
        let text = format!("{}{put}{}", GOOD.get(..at).unwrap(), GOOD.get(end..).unwrap());
        match load(&text, "app.yaml") {
            Ok(revisions) => for revision in revisions {
                prop_assert_eq!(revision.check(), Ok(()));
            },
            Err(errors) => prop_assert!(!errors.problems.is_empty()),
        }
    }
}
