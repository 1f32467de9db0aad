// SPDX-License-Identifier: Apache-2.0
//! One table of specifications, held against the manifest's own check and, where there is a cluster, against the API
//! server: both must take the same, and name the same field of what they refuse.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alike;
mod examples;
mod pods;
mod server;
mod specs;

use cheerful_kubernetes::resources::Revision;
use cheerful_manifest::load_cluster;
use serde_json::json;

/// One case: a document, and the field that is wrong in it.
struct Case {
    text: String,
    wrong: Option<String>,
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn cases() -> Vec<Case> {
    let revision = |change: &str| format!("{}{}", specs::REVISION, indented(change));
    let mut cases = Vec::new();
    let mut case = |text: String, wrong: Option<&str>| {
        cases.push(Case {
            text,
            wrong: wrong.map(str::to_owned),
        });
    };
    for good in specs::GOOD_REVISIONS {
        case(revision(good), None);
    }
    for (bad, field) in specs::BAD_REVISIONS {
        case(revision(bad), Some(field));
    }
    for name in specs::BAD_NAMES {
        case(
            specs::REVISION.replace("name: hello", &format!("name: {name}")),
            Some("metadata.name"),
        );
    }
    let head =
        "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {name: hello}\nspec:\n";
    for (bad, field) in specs::BAD_TEMPLATES {
        case(
            format!("{head}  template:\n{}", indented(&indented(bad))),
            Some(field),
        );
    }
    case(
        format!("{head}  command: [./server]\n"),
        Some("spec.template"),
    );
    let head =
        "apiVersion: cheerful.dev/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\nspec:\n";
    for good in specs::GOOD_AUTOSCALERS {
        case(format!("{head}{}", indented(good)), None);
    }
    for (bad, field) in specs::BAD_AUTOSCALERS {
        case(format!("{head}{}", indented(bad)), Some(field));
    }
    cases
}

/// What is not as the table says.
fn differs(case: &Case, answer: &Result<(), String>) -> Option<String> {
    match (&case.wrong, answer) {
        (None, Ok(())) => None,
        (None, Err(told)) => Some(format!("refused:\n{told}\nof:\n{}", case.text)),
        (Some(field), Ok(())) => Some(format!("taken, though {field} is wrong:\n{}", case.text)),
        (Some(field), Err(told)) => (!told.contains(field.as_str()))
            .then(|| format!("{field} is not named in:\n{told}\nof:\n{}", case.text)),
    }
}

#[test]
fn the_manifests_own_check_judges_as_the_table_says() {
    let cases = cases();
    assert!(cases.iter().filter(|case| case.wrong.is_none()).count() >= 20);
    assert!(cases.iter().filter(|case| case.wrong.is_some()).count() >= 40);
    let differing: Vec<_> = cases
        .iter()
        .filter_map(|case| {
            let answer = load_cluster(&case.text, "app.yaml")
                .map(drop)
                .map_err(|errors| errors.to_string());
            differs(case, &answer)
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[tokio::test]
async fn the_api_server_judges_as_the_table_says() {
    let Some(server) = server::Server::connect("schema-table").await else {
        return;
    };
    let mut differing = Vec::new();
    for case in cases() {
        let answer = server.dry_run(&case.text).await;
        if std::env::var_os("CHEERFUL_SHOW").is_some() {
            eprintln!("{answer:?}");
        }
        differing.extend(differs(&case, &answer));
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[tokio::test]
async fn the_scale_of_both_kinds_can_be_read_and_written() {
    let Some(server) = server::Server::connect("schema-scale").await else {
        return;
    };
    for (text, plural) in [
        (specs::REVISION, "revisions"),
        (specs::AUTOSCALER, "autoscalers"),
    ] {
        server
            .post(
                &serde_saphyr::from_str(text).unwrap(),
                "fieldValidation=Strict",
            )
            .await
            .unwrap();
        let path = format!("{plural}/hello/scale");
        // Zero, which Kubernetes leaves out, and not an error.
        assert_eq!(server.get(&path).await["spec"], json!({}));
        let scale = server.merge(&path, &json!({"spec": {"replicas": 3}})).await;
        assert_eq!(scale["spec"], json!({"replicas": 3}));
        let status = json!({"status": {"replicas": 2, "selector": "a=b"}});
        server
            .merge(&format!("{plural}/hello/status"), &status)
            .await;
        let scale = server.get(&path).await;
        assert_eq!(scale["spec"], json!({"replicas": 3}));
        assert_eq!(scale["status"], json!({"replicas": 2, "selector": "a=b"}));
    }
}

/// What the controller and the autoscaler read is what the API server keeps: nothing of a template is lost, and our own
/// types read it.
#[tokio::test]
async fn what_is_kept_is_what_was_written() {
    let Some(server) = server::Server::connect("schema-kept").await else {
        return;
    };
    for (index, change) in specs::GOOD_REVISIONS.iter().enumerate() {
        let text = format!("{}{}", specs::REVISION, indented(change));
        let mut written: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        written["metadata"]["name"] = json!(format!("hello-{index}"));
        let kept = server
            .post(&written, "fieldValidation=Strict")
            .await
            .unwrap();
        let given = written["spec"].as_object().unwrap();
        for (field, value) in given {
            assert_eq!(&kept["spec"][field], value, "{field}");
        }
        let read: Revision = serde_json::from_value(kept.clone()).unwrap();
        // And what our types write is taken as well.
        let mut again = serde_json::to_value(&read).unwrap();
        again["metadata"] = json!({"name": "again"});
        let query = "dryRun=All&fieldValidation=Strict";
        let taken = server.post(&again, query).await.unwrap();
        assert_eq!(taken["spec"]["template"], kept["spec"]["template"]);
    }
}

#[tokio::test]
async fn kubectl_refuses_and_explains() {
    let Some(server) = server::Server::connect("schema-kubectl").await else {
        return;
    };
    let namespace = &server.namespace;
    let wrong = format!("{}  scaling: {{min: 5, max: 3}}\n", specs::REVISION);
    let told = namespace.try_apply(&wrong).await.unwrap_err();
    assert!(told.contains("spec.scaling.min"), "{told}");
    assert!(told.contains("should be at most max"), "{told}");

    namespace.apply(specs::REVISION).await;
    let again = namespace.apply(specs::REVISION).await;
    assert!(again.contains("unchanged"), "{again}");
    // What the autoscaler writes into `spec.replicas` stays when a person applies the manifest again, either way.
    let scale = ["scale", "revision/hello", "--replicas=3"];
    namespace.kubectl(&scale).await.unwrap();
    namespace
        .apply(&specs::REVISION.replace("team: a", "team: b"))
        .await;
    let by_server = "  scaling: {paused: true, target: \"0.5\"}\n";
    let by_server = format!(
        "{}{by_server}",
        specs::REVISION.replace("team: a", "team: c")
    );
    let file = std::env::temp_dir().join(format!("{}.yaml", namespace.name()));
    std::fs::write(&file, by_server).unwrap();
    let path = file.to_str().unwrap();
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", path];
    namespace.kubectl(&apply).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let spec = &server.get("revisions/hello").await["spec"];
    assert_eq!(spec["replicas"], 3);
    assert_eq!(spec["scaling"], json!({"paused": true, "target": "0.5"}));
    assert_eq!(spec["template"]["metadata"]["labels"]["team"], "c");

    for name in ["revisions", "crev", "cheerful"] {
        let list = namespace.kubectl(&["get", name]).await.unwrap();
        let head = list.lines().next().unwrap_or_default();
        let columns: Vec<_> = head.split_whitespace().collect();
        assert_eq!(
            columns,
            [
                "NAME", "READY", "REPLICAS", "WANTED", "MODE", "AGE", "REASON"
            ]
        );
    }
    let told = namespace
        .kubectl(&["explain", "revision.spec.scaling.target"])
        .await
        .unwrap();
    assert!(
        told.contains("Requests in flight per replica to aim for."),
        "{told}"
    );
    let told = namespace
        .kubectl(&["explain", "revision.spec.template.spec.containers"])
        .await
        .unwrap();
    assert!(told.contains("livenessProbe"), "{told}");
}
