// SPDX-License-Identifier: Apache-2.0
//! The dashboard for Grafana, against a real Prometheus (Debian's package) that reads a real run.
use cheerful_rig::Prometheus;
use serde_json::Value;

use crate::rig::{CHEERFUL, Instance, Load, eventually, get};

const DASHBOARD: &str = include_str!("../../../../packaging/grafana/cheerful.json");
const METRICS: &str = include_str!("../../../../docs/metrics.md");

/// What stands below this heading has series in a cluster only.
const CLUSTER: &str = "In a cluster";

/// Where not only something but more than nothing has to be seen.
const MORE_THAN_NOTHING: [&str; 9] = [
    "Requests in flight",
    "Replicas",
    "Target",
    "Requests by outcome",
    "Latency in a replica",
    "Cold starts",
    "Wait for a replica",
    "Decisions by mode",
    "Replicas that each signal asks for",
];

/// The values of a query's series; a query that is none ends the test.
fn values(prometheus: &Prometheus, query: &str) -> Vec<f64> {
    let path = format!("/api/v1/query?query={}", percent_encoded(query));
    // It is not there yet.
    let Ok(answer) = get(prometheus.address, &path) else {
        return Vec::new();
    };
    if answer.status == 503 {
        return Vec::new();
    }
    let body = answer.body.as_str();
    let json = body.find('{').zip(body.rfind('}'));
    let json = json.and_then(|(from, to)| body.get(from..=to));
    let json: Value = serde_json::from_str(json.unwrap_or_default())
        .unwrap_or_else(|error| panic!("{query}: {error}: {body}"));
    assert_eq!(json["status"], "success", "{query}: {json}");
    let series = json["data"]["result"].as_array().unwrap().iter();
    let value = |one: &Value| one["value"][1].as_str().unwrap().parse().unwrap();
    series.map(value).collect()
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Title and queries of each panel, and whether it is of a cluster only.
fn panels() -> Vec<(String, Vec<String>, bool)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut heading = String::new();
    let mut panels = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap().to_owned();
        if panel["type"] == "row" {
            heading = title;
            continue;
        }
        let targets = panel["targets"].as_array().unwrap().iter();
        let query = |target: &Value| {
            let text = target["expr"].as_str().unwrap();
            // As Grafana fills them in for all revisions and a scrape each second.
            text.replace("$revision", ".*")
                .replace("$__rate_interval", "10s")
        };
        panels.push((title, targets.map(query).collect(), heading == CLUSTER));
    }
    panels
}

/// The names of our metrics in a query.
fn names(query: &str) -> Vec<&str> {
    let parts = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts.filter(|part| part.starts_with("cheerful_")).collect()
}

#[test]
fn every_metric_of_the_dashboard_is_one_that_we_have() {
    let panels = panels();
    assert!(panels.len() >= 15, "{}", panels.len());
    for (title, queries, _) in panels {
        for query in queries {
            assert!(!names(&query).is_empty(), "{title}: {query}");
            for name in names(&query) {
                let metric = name.strip_suffix("_bucket").unwrap_or(name);
                assert!(METRICS.contains(&format!("`{metric}`")), "{title}: {name}");
            }
        }
    }
}

#[test]
fn each_panel_shows_what_a_run_does() {
    // It starts for so long that Prometheus sees those that wait before the first of them is answered, and so a rate.
    let command = [
        CHEERFUL,
        "sample",
        "--port",
        "{port}",
        "--latency",
        "20ms",
        "--start-up",
        "4s",
    ];
    let command = serde_json::to_string(&command).unwrap();
    let manifest = format!(
        "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: hello}}\nspec:\n  command: {command}\n  \
         concurrency: single\n  scaling: {{initial: 0, max: 2}}\n  signals: [{{cpu: {{target: 1}}}}]\n"
    );
    let mut instance = Instance::of_manifest(&["--admin", "127.0.0.1:0"], &manifest);
    let line = instance.wait_for_log("console: http://");
    let (_, page) = line.split_once("console: http://").unwrap();
    let page = page.split('/').next().unwrap().parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let Some(prometheus) = Prometheus::start(folder.path(), "cheerful", page) else {
        return;
    };
    // Its first look is before there is anything, so that a rate has a beginning.
    eventually("Prometheus has looked", || {
        values(&prometheus, "cheerful_revisions") == [1.0]
    });
    let load = Load::start(instance.address, 6);
    for (title, queries, of_cluster) in panels() {
        for query in queries {
            if of_cluster {
                // A query that is none would end the test.
                values(&prometheus, &query);
                continue;
            }
            let more = MORE_THAN_NOTHING.contains(&title.as_str());
            let mut seen = Vec::new();
            // What is over by now was seen at some time.
            let over_time = format!("max_over_time(({query})[10m:1s])");
            eventually(&format!("{title}: {query}: data ({seen:?})"), || {
                seen = values(&prometheus, &over_time);
                seen.iter()
                    .any(|value| if more { *value > 0.0 } else { *value >= 0.0 })
            });
        }
    }
    assert_eq!(load.stop(), [""; 0]);
    assert!(
        !values(
            &prometheus,
            "cheerful_revision_replicas{revision=\"hello\"}"
        )
        .is_empty()
    );
}
