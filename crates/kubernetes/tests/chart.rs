// SPDX-License-Identifier: Apache-2.0
//! The Helm chart in the repository is of the same objects as `cheerful manifests install`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
use std::{collections::BTreeMap, fs, path::PathBuf};

use cheerful_kubernetes::install::{self, InstallOptions, Scope};
use serde_json::{Value, json};

#[test]
fn the_chart_is_up_to_date() {
    let right = install::chart().unwrap();
    if files() == right {
        return;
    }
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        if folder().exists() {
            fs::remove_dir_all(folder()).unwrap();
        }
        for (path, text) in right {
            let path = folder().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    } else {
        panic!(
            "packaging/helm/cheerful is not what is installed: \
             CHEERFUL_UPDATE=1 cargo test -p cheerful-kubernetes --test chart"
        );
    }
}

#[test]
fn with_its_own_values_it_is_what_is_installed() {
    let values: Value = serde_saphyr::from_str(&install::chart().unwrap()["values.yaml"]).unwrap();
    let options = InstallOptions::default();
    assert_same(&options, &values);
}

#[test]
fn with_other_values_it_is_what_is_installed_with_those_options() {
    for scope in [Scope::Cluster, Scope::Namespace] {
        for few in [1, 3] {
            let options = InstallOptions {
                // Looks like a number.
                namespace: "123".to_owned(),
                scope,
                image: "registry.example.com:5000/cheerful:1.2".to_owned(),
                image_pull_policy: Some("Always".to_owned()),
                replicas_controller: few,
                replicas_autoscaler: 2,
                replicas_gateway: 4 - few,
                dedicated: false,
                external_metrics: few == 1,
            };
            let scope = match scope {
                Scope::Cluster => "cluster",
                Scope::Namespace => "namespace",
            };
            let values = json!({
                "image": options.image, "imagePullPolicy": "Always", "scope": scope,
                "externalMetrics": few == 1,
                "replicas": {"controller": few, "autoscaler": 2, "gateway": 4 - few},
            });
            assert_same(&options, &values);
        }
    }
}

fn assert_same(options: &InstallOptions, values: &Value) {
    let mut rendered = BTreeMap::new();
    for (path, text) in install::chart().unwrap() {
        let is_template = path.starts_with("templates/") && path.ends_with(".yaml");
        if is_template {
            let text = render(&text, &options.namespace, values);
            for document in text.split("---\n").skip(1) {
                let object: Value = serde_saphyr::from_str(document).unwrap();
                assert!(rendered.insert(key(&object), object).is_none());
            }
        } else if path.starts_with("crds/") && options.scope == Scope::Cluster {
            let object: Value = serde_json::from_str(&text).unwrap();
            rendered.insert(key(&object), object);
        }
    }
    for object in install::objects(options) {
        // That is the release's.
        if object["kind"] != "Namespace" {
            assert_eq!(rendered.remove(&key(&object)), Some(object));
        }
    }
    assert_eq!(rendered.keys().collect::<Vec<_>>(), [""; 0]);
}

fn key(object: &Value) -> String {
    let metadata = &object["metadata"];
    let (kind, namespace) = (&object["kind"], &metadata["namespace"]);
    format!("{kind} {namespace} {}", metadata["name"])
}

/// As Helm does it, for the few actions that the chart has.
fn render(template: &str, namespace: &str, values: &Value) -> String {
    let mut text = String::new();
    // Whether the lines at hand are there, and each of the conditions around them.
    let mut conditions: Vec<bool> = Vec::new();
    for line in template.lines() {
        match line
            .strip_prefix("{{- ")
            .map(|action| action.strip_suffix(" }}").unwrap())
        {
            Some("end") => assert!(conditions.pop().is_some(), "{line}"),
            Some("else") => {
                let condition = conditions.last_mut().unwrap();
                *condition = !*condition;
            }
            Some(action) => {
                let condition = action.strip_prefix("if ").unwrap();
                conditions.push(holds(condition, values));
            }
            None if conditions.iter().all(|holds| *holds) => {
                text.push_str(&fill_in(line, namespace, values));
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(conditions.is_empty());
    text
}

fn holds(condition: &str, values: &Value) -> bool {
    let words: Vec<&str> = condition.split(' ').collect();
    match words[..] {
        ["eq", name, text] => json!(value(name, values)) == json!(text.trim_matches('"')),
        ["gt", "(int", name, "1"] => value(name.trim_end_matches(')'), values) != "1",
        [name] => !["", "false"].contains(&&*value(name, values)),
        _ => panic!("{condition}"),
    }
}

fn fill_in(line: &str, namespace: &str, values: &Value) -> String {
    let Some((before, rest)) = line.split_once("{{ ") else {
        return line.to_owned();
    };
    let (action, after) = rest.split_once(" }}").unwrap();
    let (action, quoted) = match action.strip_suffix(" | quote") {
        Some(action) => (action, true),
        None => (action.trim_start_matches("int "), false),
    };
    let filled = match action {
        ".Release.Namespace" => namespace.to_owned(),
        name => value(name, values),
    };
    let filled = if quoted {
        json!(filled).to_string()
    } else {
        filled
    };
    format!("{before}{filled}{}", fill_in(after, namespace, values))
}

fn value(name: &str, values: &Value) -> String {
    let path = name.strip_prefix(".Values.").unwrap().replace('.', "/");
    match values.pointer(&format!("/{path}")).unwrap() {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../packaging/helm/cheerful"
    ))
}

/// What is in the repository.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(folder()).unwrap();
                files.insert(name.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    files
}
