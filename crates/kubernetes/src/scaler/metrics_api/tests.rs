// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cheerful_manifest::{CustomSignal, ExternalSignal, MetricObject};
use cheerful_signals::asking::Ask;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinSet,
    time::Instant,
};

use super::{Custom, External, Resource, Usage, load};
use crate::scaler::{
    fleet::listening_tests::{fleet, plain, shop},
    shared::Shared,
};

/// An API server on loopback that has one answer for each path.
struct Api {
    client: Client,
    _running: JoinSet<()>,
}

const NAMESPACE: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/shop";
const CUSTOM: &str = "/apis/custom.metrics.k8s.io";
const EXTERNAL: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop";

impl Api {
    async fn start(answers: &[(&str, u16, Value)]) -> Self {
        let answers: BTreeMap<String, (u16, String)> = answers
            .iter()
            .map(|(path, status, body)| {
                let body = body
                    .as_str()
                    .map_or_else(|| body.to_string(), str::to_owned);
                ((*path).to_owned(), (*status, body))
            })
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap());
        let mut running = JoinSet::new();
        running.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut first = String::new();
                stream.read_line(&mut first).await.unwrap();
                let mut line = first.clone();
                while line.trim() != "" {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                }
                let path = first.split(' ').nth(1).unwrap();
                let missing = (404, json!({"message": format!("nothing at {path}")}).to_string());
                let (status, body) = answers.get(path).cloned().unwrap_or(missing);
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nlocation: http://elsewhere/\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                // The other side closes it.
                stream.read_to_end(&mut Vec::new()).await.ok();
            }
        });
        let client = Client::try_from(Config::new(place.parse().unwrap())).unwrap();
        Self {
            client,
            _running: running,
        }
    }
}

/// An Autoscaler whose two pods are ready and request 500m each.
fn shared() -> Arc<Shared> {
    let spec = json!({"signal": {"cpu": {"target": 70}}});
    let mut fleet = fleet(spec, Some("app=shop"));
    let now = cheerful_scaling::Moment::ZERO;
    fleet.feed(now);
    for name in ["a", "b"] {
        let mut pod = plain(name, "10.0.0.1");
        pod.requested_cpu = Some(0.5);
        fleet.target_pod(pod, now);
    }
    let mut starting = plain("c", "10.0.0.3");
    starting.ready = false;
    fleet.target_pod(starting, now);
    Arc::new(Shared::new(fleet))
}

fn usage(shared: &Arc<Shared>, api: &Api, resource: Resource, target: f64) -> Usage {
    Usage {
        shared: Arc::clone(shared),
        client: api.client.clone(),
        workload: shop(),
        resource,
        target,
        times: BTreeMap::new(),
    }
}

fn metrics(name: &str, containers: &[(&str, &str)]) -> Value {
    let containers: Vec<_> = containers
        .iter()
        .map(|(cpu, memory)| json!({"name": "x", "usage": {"cpu": cpu, "memory": memory}}))
        .collect();
    json!({"metadata": {"name": name}, "timestamp": "2026-11-24T10:00:00Z", "window": "15s", "containers": containers})
}

fn pods() -> String {
    format!("{NAMESPACE}/pods?labelSelector=app%3Dshop")
}

async fn said<A: Ask>(mut ask: A) -> Result<f64, String> {
    ask.ask()
        .await
        .map_err(|why| format!("{}: {why}", why.name()))
}

#[tokio::test]
async fn cpu_is_a_share_of_what_pods_request_and_memory_is_bytes() {
    let all = json!({"items": [
        metrics("a", &[("200000000n", "100Mi"), ("50m", "28Mi")]),
        metrics("b", &[("0.5", "256Mi")]),
        // It starts, and takes much; and one that is nobody's.
        metrics("c", &[("9", "9Gi")]), metrics("other", &[("9", "9Gi")]),
    ]});
    let api = Api::start(&[(&pods(), 200, all)]).await;
    let shared = shared();
    assert_eq!(
        said(usage(&shared, &api, Resource::Cpu, 70.0)).await,
        Ok(75.0)
    );
    let bytes = 192.0 * 1024.0 * 1024.0;
    assert_eq!(
        said(usage(&shared, &api, Resource::Memory, 1.0)).await,
        Ok(bytes)
    );
}

#[tokio::test]
async fn what_is_missing_asks_for_no_fewer() {
    let one = json!({"items": [metrics("a", &[("500m", "1Mi")])]});
    let api = Api::start(&[(&pods(), 200, one)]).await;
    let shared = shared();
    let absent = Err("absent: has no figure of 1 of its 2 ready replicas".to_owned());
    assert_eq!(
        said(usage(&shared, &api, Resource::Cpu, 70.0)).await,
        absent
    );
    // Half of the target would do.
    assert_eq!(
        said(usage(&shared, &api, Resource::Cpu, 40.0)).await,
        Ok(50.0)
    );

    let mut pod = plain("b", "10.0.0.2");
    pod.requested_cpu = None;
    shared
        .fleet()
        .target_pod(pod, cheerful_scaling::Moment::ZERO);
    let why = said(usage(&shared, &api, Resource::Cpu, 70.0))
        .await
        .unwrap_err();
    assert!(
        why.starts_with("absent: has no request of CPU in each container of b"),
        "{why}"
    );
}

#[tokio::test]
async fn a_figure_that_does_not_change_for_long_is_none() {
    let api = Api::start(&[]).await;
    let mut usage = usage(&shared(), &api, Resource::Cpu, 70.0);
    let pod = |time: &str| {
        let mut metrics = metrics("a", &[]);
        metrics["timestamp"] = json!(time);
        serde_json::from_value(metrics).unwrap()
    };
    let start = Instant::now();
    let mut is_new =
        |time: &str, seconds: u64| usage.is_new(&pod(time), start + Duration::from_secs(seconds));
    assert!(is_new("10:00:00", 0) && is_new("10:00:00", 179) && !is_new("10:00:00", 180));
    // Whoever tells it has set his clock back.
    assert!(is_new("09:00:00", 181) && is_new("09:00:00", 300));
}

#[tokio::test]
async fn what_the_api_server_says_in_place_of_an_answer_is_told() {
    let forbidden =
        json!({"kind": "Status", "code": 403, "message": "pods.metrics.k8s.io is forbidden"});
    let negative = json!({"items": [metrics("a", &[("-1", "1")])]});
    let strange = json!({"items": [metrics("a", &[("1 core", "1")])]});
    for (status, body, expected) in [
        (
            403,
            forbidden,
            "refused: refuses: 403: pods.metrics.k8s.io is forbidden",
        ),
        // After a 503 the client asks again by itself.
        (502, json!("down"), "status: answered 502"),
        (
            302,
            json!(""),
            "redirect: redirects to http://elsewhere/, which is not followed",
        ),
        (
            200,
            json!("<html>"),
            "malformed: cannot be read: expected value at line 1 column 1",
        ),
        (
            200,
            json!({"items": []}),
            "absent: has no figure of any of its 2 ready replicas yet",
        ),
        (
            200,
            negative,
            "impossible: cpu of a is -1, and should be a number from 0 on",
        ),
        (
            200,
            strange,
            "malformed: cannot be read: cpu of a: \"1 core\" is no quantity, such as 250m or 1.5Gi",
        ),
    ] {
        let api = Api::start(&[(&pods(), status, body)]).await;
        let usage = usage(&shared(), &api, Resource::Cpu, 70.0);
        assert_eq!(said(usage).await, Err(expected.to_owned()));
    }
}

#[tokio::test]
async fn an_external_metric_is_the_sum_of_its_series() {
    let values = json!({"items": [
        {"metricName": "queue", "value": "1500m", "timestamp": "2026-11-24T10:00:00Z"},
        {"metricName": "queue", "value": "3", "metricLabels": {}},
    ]});
    let path = format!("{EXTERNAL}/my%20queue?labelSelector=tier%3Dgold%2Czone%3Da");
    let none = format!("{EXTERNAL}/nothing");
    let api = Api::start(&[(&path, 200, values), (&none, 200, json!({"items": []}))]).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let given = ExternalSignal {
        metric: "my queue".to_owned(),
        selector: BTreeMap::from([pair("zone", "a"), pair("tier", "gold")]),
        ..ExternalSignal::default()
    };
    let ask = |given: &ExternalSignal| External::new(api.client.clone(), "shop", given);
    assert_eq!(said(ask(&given)).await, Ok(4.5));
    let nothing = ExternalSignal {
        metric: "nothing".to_owned(),
        ..ExternalSignal::default()
    };
    assert_eq!(
        said(ask(&nothing)).await,
        Err("absent: has no series of nothing".to_owned())
    );
    let unknown = ExternalSignal {
        metric: "../x".to_owned(),
        ..ExternalSignal::default()
    };
    let why = said(ask(&unknown)).await.unwrap_err();
    assert_eq!(
        why,
        format!("refused: refuses: 404: nothing at {EXTERNAL}/..%2Fx")
    );
}

fn custom(shared: &Arc<Shared>, api: &Api, object: Option<MetricObject>) -> Custom {
    Custom {
        shared: Arc::clone(shared),
        client: api.client.clone(),
        workload: shop(),
        given: CustomSignal {
            metric: "jobs".to_owned(),
            target: 10.0,
            object,
            interval: None,
        },
        found: None,
    }
}

fn versions(all: &[&str]) -> Value {
    let version = |version: &&str| json!({"version": version, "groupVersion": format!("custom.metrics.k8s.io/{version}")});
    json!({"name": "custom.metrics.k8s.io", "versions": all.iter().map(version).collect::<Vec<_>>()})
}

#[tokio::test]
async fn a_custom_metric_is_the_mean_of_the_pods_or_that_of_one_object() {
    let of = |name: &str, value: &str| json!({"describedObject": {"kind": "Pod", "name": name}, "value": value});
    let pods = format!("{CUSTOM}/v1beta2/namespaces/shop/pods/*/jobs?labelSelector=app%3Dshop");
    let queue = format!("{CUSTOM}/v1beta2/namespaces/shop/queues.example.com/mail/jobs");
    let own = format!("{CUSTOM}/v1beta2/namespaces/shop/metrics/jobs");
    let resources = json!({"groupVersion": "example.com/v1", "resources": [
        {"name": "queues", "singularName": "queue", "kind": "Queue", "namespaced": true, "verbs": ["get"]},
    ]});
    let api = Api::start(&[
        (CUSTOM, 200, versions(&["v1beta1", "v1beta2"])),
        (
            &pods,
            200,
            json!({"items": [of("a", "4"), of("b", "8500m"), of("c", "99")]}),
        ),
        (&queue, 200, json!({"items": [of("mail", "12")]})),
        (&own, 200, json!({"items": [of("shop", "7")]})),
        ("/apis/example.com/v1", 200, resources),
    ])
    .await;
    let shared = shared();
    assert_eq!(said(custom(&shared, &api, None)).await, Ok(6.25));
    let object = |version: Option<&str>, kind: &str, name: &str| {
        Some(MetricObject {
            api_version: version.map(str::to_owned),
            kind: kind.to_owned(),
            name: name.to_owned(),
        })
    };
    let mail = object(Some("example.com/v1"), "Queue", "mail");
    assert_eq!(said(custom(&shared, &api, mail)).await, Ok(12.0));
    assert_eq!(
        said(custom(&shared, &api, object(None, "Namespace", "shop"))).await,
        Ok(7.0)
    );
    let other = said(custom(&shared, &api, object(None, "Namespace", "bank"))).await;
    assert_eq!(
        other,
        Err(
            "setup: is not asked: object.name: \"bank\"; should be its own namespace, shop"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn a_version_that_is_not_known_is_told() {
    let api = Api::start(&[(CUSTOM, 200, versions(&["v7"]))]).await;
    let why = said(custom(&shared(), &api, None)).await.unwrap_err();
    assert_eq!(
        why,
        "absent: has no version v1beta2 or v1beta1 of custom.metrics.k8s.io, but v7"
    );
}

#[test]
fn a_load_is_no_less_than_nothing() {
    assert_eq!(load("x", "-0"), Ok(0.0));
    assert!(load("x", "-1m").is_err() && load("x", "").is_err());
}
