// SPDX-License-Identifier: Apache-2.0
//! Targets whose pods know nothing of us: what is read of them and of others is what they are scaled by.
use std::time::Duration;

use cheerful_kubernetes::resources::{Autoscaler, AutoscalerStatus};
use cheerful_rig::cluster::eventually;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::shop::Shop;

const PORT: u16 = 8080;

impl Shop {
    /// A Deployment without any label of ours, and its Autoscaler.
    async fn plain(&self, name: &str, replicas: u32, spec: Value) {
        let labels = json!({"app": name});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "containers": [{"name": "app", "image": "docker.io/local/echo:1",
                            "imagePullPolicy": "Never", "ports": [{"containerPort": PORT}]}],
                    },
                },
            },
        });
        let mut autoscaler = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": name}, "spec": spec,
        });
        autoscaler["spec"]["scaleTargetRef"] = json!({"kind": "Deployment", "name": name});
        let both = format!("{deployment}\n---\n{autoscaler}\n");
        self.namespace.apply(&both).await;
    }

    async fn status(&self, name: &str) -> AutoscalerStatus {
        let found = self.namespace.api::<Autoscaler>().get(name).await.unwrap();
        found.status.unwrap_or_default()
    }
}

fn ip(pod: &Pod) -> String {
    pod.status.clone().unwrap().pod_ip.unwrap()
}

/// Asks a pod for a page, until the answer ends.
async fn get(ip: String, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((ip.as_str(), PORT)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {ip}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// So many requests at a time, until they are dropped.
fn traffic(ip: &str, requests: usize) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for _ in 0..requests {
        let ip = ip.to_owned();
        all.spawn(async move {
            loop {
                if get(ip.clone(), "/slow?for=500ms").await.is_err() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    all
}

fn quick(scaling: Value) -> Value {
    let mut scaling = scaling;
    scaling["stableWindow"] = json!("6s");
    scaling["panicWindow"] = json!("2s");
    scaling["policy"] = json!("stable-panic");
    scaling
}

#[tokio::test]
async fn an_app_that_counts_its_own_requests_goes_up_with_them_and_down_again() {
    let Some(shop) = Shop::open("counted").await else {
        return;
    };
    let counters = json!({"inFlight": "app_in_flight", "requests": "app_requests_total", "seconds": "app_seconds_total"});
    let scaling = quick(json!({"target": 2, "min": 1, "max": 4}));
    shop.plain(
        "app",
        1,
        json!({"signal": {"metrics": counters}, "scaling": scaling}),
    )
    .await;
    let pods = shop.pods(1).await;
    let scaler = shop.scaler("a", true).await;
    eventually("it is read", async || {
        let conditions = shop.status("app").await.conditions;
        let ready = conditions.iter().find(|one| one.type_ == "Ready");
        ready
            .is_some_and(|one| one.reason == "Scaling")
            .then_some(())
    })
    .await;
    let load = traffic(&ip(&pods[0]), 8);
    shop.scaled_to("app", 4).await;
    drop(load);
    shop.scaled_to("app", 1).await;
    let scrapes = scaler.running.view().metrics().scrapes;
    assert!(
        scrapes.reads.contains_key(&("metrics", "ok")),
        "{scrapes:?}"
    );
}

#[tokio::test]
async fn a_pod_that_works_in_the_background_is_the_last_to_go() {
    let Some(shop) = Shop::open("busy").await else {
        return;
    };
    let scaling = quick(json!({"target": 10, "min": 1}));
    shop.plain(
        "app",
        2,
        json!({"signal": {"path": "/load"}, "scaling": scaling}),
    )
    .await;
    let pods = shop.pods(2).await;
    for pod in &pods {
        get(ip(pod), "/busy?is=true").await.unwrap();
    }
    let _scaler = shop.scaler("a", true).await;
    eventually("both are kept", async || {
        let scale = shop.status("app").await.scale?;
        scale.reason.contains("background").then_some(())
    })
    .await;
    assert_eq!(shop.replicas("app").await, 2);
    get(ip(&pods[0]), "/busy?is=false").await.unwrap();
    shop.scaled_to("app", 1).await;
    let left = shop.pods(1).await;
    assert_eq!(left[0].name_any(), pods[1].name_any());
}

#[tokio::test]
async fn the_clock_asks_for_a_minimum_and_the_reason_says_so() {
    let Some(shop) = Shop::open("schedule").await else {
        return;
    };
    let always = json!([{"cron": "* * * * *", "for": "2m", "min": 3, "name": "rush"}]);
    let scaling = quick(json!({"target": 10, "min": 1, "schedules": always}));
    shop.plain(
        "app",
        1,
        json!({"signal": {"path": "/load"}, "scaling": scaling}),
    )
    .await;
    let _scaler = shop.scaler("a", true).await;
    shop.scaled_to("app", 3).await;
    eventually("the reason names it", async || {
        let scale = shop.status("app").await.scale?;
        scale.reason.contains("rush").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_scales_nothing_down_and_is_told() {
    let Some(shop) = Shop::open("unread").await else {
        return;
    };
    let jobs =
        json!({"name": "jobs", "external": {"metric": "jobs", "perReplica": 1, "interval": "1s"}});
    let query = json!({"name": "query", "prometheus": {"server": "http://127.0.0.1:1", "query": "jobs",
        "perReplica": 1, "interval": "1s", "tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}});
    let spec = json!({"signals": [jobs, query], "scaling": quick(json!({"min": 1}))});
    shop.plain("app", 3, spec).await;
    let _scaler = shop.scaler("a", true).await;
    let signals = eventually("both are told", async || {
        let signals = shop.status("app").await.scale?.signals;
        (signals.iter().filter(|one| one.unread.is_some()).count() == 2).then_some(signals)
    })
    .await;
    let why = |name: &str| {
        let line = signals.iter().find(|line| line.name == name).unwrap();
        line.unread.clone().unwrap()
    };
    assert!(
        why("jobs").contains("40") || why("jobs").contains("503"),
        "{}",
        why("jobs")
    );
    assert!(
        why("query").contains("should be /etc/cheerful/signals/"),
        "{}",
        why("query")
    );
    assert_eq!(shop.replicas("app").await, 3);
}
