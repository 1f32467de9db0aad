// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use cheerful_scaling::Paused;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinSet,
};

use super::{ActError, Person, PodDetail, PodStart, pods::last_lines};

/// An API server on loopback: an answer for each method and path, and what it was sent.
struct Server {
    person: Person,
    sent: Arc<Mutex<Vec<(String, Value)>>>,
    _running: JoinSet<()>,
}

impl Server {
    async fn start(answers: &[(&str, u16, Value)]) -> Self {
        let answers: BTreeMap<String, (u16, String)> = answers
            .iter()
            .map(|(asked, status, body)| {
                let text = body.as_str().map(str::to_owned);
                let text = text.unwrap_or_else(|| body.to_string());
                ((*asked).to_owned(), (*status, text))
            })
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let mut running = JoinSet::new();
        let kept = Arc::clone(&sent);
        running.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut first = String::new();
                stream.read_line(&mut first).await.unwrap();
                let (mut line, mut length) = (String::from("-"), 0);
                while !line.trim().is_empty() {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                    let lower = line.to_ascii_lowercase();
                    if let Some(value) = lower.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.unwrap();
                let mut words = first.split([' ', '?']);
                let asked = format!("{} {}", words.next().unwrap(), words.next().unwrap());
                if let Ok(body) = serde_json::from_slice(&body) {
                    kept.lock().unwrap().push((asked.clone(), body));
                }
                let missing = (404, status(404, "nothing is there").to_string());
                let (code, text) = answers.get(&asked).cloned().unwrap_or(missing);
                let answer = format!(
                    "HTTP/1.1 {code} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let client = Client::try_from(Config::new(place.parse().unwrap())).unwrap();
        Self {
            person: Person::new(client),
            sent,
            _running: running,
        }
    }
}

fn status(code: u16, message: &str) -> Value {
    let reason = if code == 404 { "NotFound" } else { "x" };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": reason})
}

fn pod(restarts: u32) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "cart-1", "creationTimestamp": "2026-11-30T10:00:00Z"},
        "spec": {"containers": [{"name": "cheerful-queue"}, {"name": "app"}]},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-30T10:00:01Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-30T10:00:09Z"},
            ],
            "containerStatuses": [
                {"name": "cheerful-queue", "image": "q", "imageID": "q", "ready": true, "restartCount": 7,
                 "containerID": "x://q", "state": {"running": {"startedAt": "2026-11-30T10:00:02Z"}}},
                {"name": "app", "image": "a", "imageID": "a", "ready": true, "restartCount": restarts,
                 "containerID": "x://a", "state": {"running": {"startedAt": "2026-11-30T10:00:04Z"}}},
            ],
        },
    })
}

const POD: &str = "GET /api/v1/namespaces/shop/pods/cart-1";
const LOG: &str = "GET /api/v1/namespaces/shop/pods/cart-1/log";
const USAGE: &str = "GET /apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/cart-1";

#[tokio::test]
async fn a_pod_is_told_with_its_output_its_memory_and_its_start() {
    let usage = json!({"containers": [
        {"name": "app", "usage": {"cpu": "250m", "memory": "60Mi"}},
        {"name": "cheerful-queue", "usage": {"cpu": "1m", "memory": "4096Ki"}},
    ]});
    let answers = [
        (POD, 200, pod(0)),
        (LOG, 200, json!("reading\nready\n")),
        (USAGE, 200, usage),
    ];
    let server = Server::start(&answers).await;
    let names = ["cart-1", "cart-2"].map(str::to_owned);
    let seen = server.person.pods("shop", &names).await;
    assert_eq!(seen.unseen, Vec::<String>::new());
    let start = PodStart {
        asked_unix_millis: 1_796_032_800_000,
        process_seconds: 4.0,
        ready_seconds: 5.0,
    };
    let expected = PodDetail {
        memory_bytes: Some(f64::from(64 << 20)),
        last_output: vec!["reading".to_owned(), "ready".to_owned()],
        restarts: 0,
        start: Some(start),
    };
    assert_eq!(seen.pods["cart-1"], expected);
    // One that went meanwhile has nothing to tell, and is no trouble.
    assert_eq!(seen.pods["cart-2"], PodDetail::default());
}

#[tokio::test]
async fn what_may_not_be_seen_is_said_once() {
    let forbidden = status(403, "User \"jane\" cannot get resource \"pods/log\"");
    let server = Server::start(&[(POD, 200, pod(2)), (LOG, 403, forbidden)]).await;
    let names = vec!["cart-1".to_owned(); 3];
    let seen = server.person.pods("shop", &names).await;
    assert_eq!(
        seen.unseen,
        [
            "What they wrote cannot be read: the API server does not allow it to you",
            "Memory is not known: the API server has no metrics.k8s.io (metrics-server brings it)",
        ]
    );
    // One of whom there are no figures yet is no reason to speak of a missing API.
    let mut young = status(404, "podmetrics.metrics.k8s.io \"shop/cart-1\" not found");
    young["details"] = json!({"name": "shop/cart-1", "group": "metrics.k8s.io"});
    let answers = [
        (POD, 200, pod(2)),
        (LOG, 200, json!("")),
        (USAGE, 404, young),
    ];
    let server = Server::start(&answers).await;
    let seen = server.person.pods("shop", &names).await;
    assert_eq!(seen.unseen, Vec::<String>::new());
    // Started again since: what is in the pod is not how it started.
    let detail = &seen.pods["cart-1"];
    assert_eq!((detail.restarts, detail.start), (2, None));
}

#[tokio::test]
async fn of_very_many_pods_the_first_are_asked_for() {
    let server = Server::start(&[]).await;
    let names: Vec<_> = (0..30).map(|number| format!("cart-{number}")).collect();
    let seen = server.person.pods("shop", &names).await;
    assert_eq!(seen.pods.len(), 20);
    assert_eq!(
        seen.unseen,
        ["Only the first 20 pods were asked for memory, output and start"]
    );
}

#[test]
fn ten_lines_of_five_hundred_bytes_are_kept() {
    let log: String = (0..20)
        .map(|line| format!("{line} {}\n", "ä".repeat(400)))
        .collect();
    let lines = last_lines(&log);
    assert_eq!(lines.len(), 10);
    assert!(lines[0].starts_with("10 ä") && lines.iter().all(|line| line.len() <= 500));
}

#[tokio::test]
async fn a_count_is_held_and_an_event_says_by_whom() {
    let cart = "PATCH /apis/cheerful.dev/v1alpha1/namespaces/shop/revisions/cart";
    let revision = json!({
        "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision",
        "metadata": {"name": "cart", "namespace": "shop", "uid": "u-1"}, "spec": {"template": {}},
    });
    let who = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {},
        "status": {"userInfo": {"username": "jane"}}});
    let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "x"}, "eventTime": null});
    let events = "POST /apis/events.k8s.io/v1/namespaces/shop/events";
    let review = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answers = [
        (cart, 200, revision),
        (review, 201, who),
        (events, 201, event),
    ];
    let server = Server::start(&answers).await;
    server
        .person
        .hold("shop/cart", Paused::At(3), "held at 3")
        .await
        .unwrap();
    let sent = server.sent.lock().unwrap().clone();
    let of = |asked: &str| {
        sent.iter()
            .find(|(at, _)| at == asked)
            .map(|(_, body)| body)
            .unwrap()
    };
    assert_eq!(of(cart), &json!({"spec": {"scaling": {"paused": 3}}}));
    let told = of(events);
    assert_eq!(told["note"], "held at 3 by jane, from the console");
    assert_eq!(
        (&told["regarding"]["uid"], &told["reason"]),
        (&json!("u-1"), &json!("ByHand"))
    );
    assert!(told["eventTime"].is_string());

    server.person.wake("shop/cart").await.unwrap();
    let sent = server.sent.lock().unwrap().clone();
    let [.., (at, woken), (_, told)] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(at, cart);
    let by = woken["metadata"]["annotations"]["cheerful.dev/woken"].as_str();
    let by = by.unwrap();
    assert!(by.starts_with("jane, from the console, 20"), "{by}");
    assert_eq!(told["note"], "woken by jane, from the console");
}

#[tokio::test]
async fn what_the_api_server_refuses_is_not_done_and_said() {
    let cart = "PATCH /apis/cheerful.dev/v1alpha1/namespaces/shop/revisions/cart";
    let forbidden = status(403, "User \"jane\" cannot patch resource \"revisions\"");
    let server = Server::start(&[(cart, 403, forbidden)]).await;
    let refused = server.person.hold("shop/cart", Paused::No, "resumed").await;
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("cannot patch"), "{refused}");
    let sent = server.sent.lock().unwrap().clone();
    assert_eq!(
        sent.iter().filter(|(at, _)| at.contains("events")).count(),
        0
    );
    for name in ["cart", "shop/", "shop/x/cart"] {
        let wrong = server.person.hold(name, Paused::No, "resumed").await;
        assert!(matches!(wrong, Err(ActError::Name(_))), "{name}");
    }
}
