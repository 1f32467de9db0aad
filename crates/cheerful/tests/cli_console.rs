// SPDX-License-Identifier: Apache-2.0
//! `cheerful console`, against what an API server answers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may fail"
)]
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

/// A cluster with two autoscalers, of which one leads and is there.
#[derive(Clone)]
struct Cluster(Arc<Mutex<&'static str>>);

async fn lease(State(cluster): State<Cluster>) -> Json<serde_json::Value> {
    let holder = *cluster.0.lock().unwrap();
    Json(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "cheerful-autoscaler-0"},
        "spec": {"holderIdentity": holder}
    }))
}

async fn proxy(
    State(cluster): State<Cluster>,
    Path((pod, path)): Path<(String, String)>,
) -> Response {
    let leader = *cluster.0.lock().unwrap();
    if pod != format!("{leader}:8081") {
        let status = json!({"kind": "Status", "reason": "NotFound", "code": 404});
        return (StatusCode::NOT_FOUND, Json(status)).into_response();
    }
    match path.as_str() {
        "v1/revisions/shop/cart" => Json(json!({
            "revision": "shop/cart", "new": {"field": 1},
            "replicas": [{"replica": "cart-1", "state": "ready"}, {"replica": "cart-2", "state": "starting"}],
        }))
        .into_response(),
        "v1/revisions" => Json(json!([{"answered": leader}])).into_response(),
        _ => (StatusCode::NOT_FOUND, "nothing is called so\n").into_response(),
    }
}

/// One pod of the two: the other has gone.
async fn pod(Path(name): Path<String>) -> Response {
    if name != "cart-1" {
        let status = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "none"});
        return (StatusCode::NOT_FOUND, Json(status)).into_response();
    }
    Json(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "creationTimestamp": "2026-11-30T10:00:00Z"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-30T10:00:05Z"}],
            "containerStatuses": [{
                "name": "app", "image": "a", "imageID": "a", "ready": true, "restartCount": 0, "containerID": "x://a",
                "state": {"running": {"startedAt": "2026-11-30T10:00:03Z"}},
            }],
        },
    }))
    .into_response()
}

/// What was written, by which method.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<serde_json::Value>>>);

async fn written(
    State(written): State<Written>,
    Json(body): Json<serde_json::Value>,
) -> Json<serde_json::Value> {
    let is_review = body["kind"] == "SelfSubjectReview";
    let mut object = json!({
        "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision", "metadata": {"name": "cart"}, "spec": {"template": {}}, "eventTime": null,
        "status": if is_review { json!({"userInfo": {"username": "jane"}}) } else { json!(null) },
    });
    // A patch says neither.
    for field in ["apiVersion", "kind"] {
        if !body[field].is_null() {
            object[field] = body[field].clone();
        }
    }
    written.0.lock().unwrap().push(body);
    Json(object)
}

struct Console {
    child: Child,
    address: SocketAddr,
    /// With the kubeconfig, which is read again when another leads.
    _folder: tempfile::TempDir,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Console {
    fn start(api_server: SocketAddr, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{api_server}")}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        });
        std::fs::write(&file, kubeconfig.to_string()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cheerful"))
            .args(["console", "--address", "127.0.0.1:0", "--kubeconfig"])
            .arg(&file)
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = child.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok());
        Self {
            address: address.unwrap_or_else(|| panic!("{line:?}")),
            child,
            _folder: folder,
        }
    }

    async fn get(&self, path: &str, host: &str) -> (u16, String, String) {
        let request = http::Request::get(path).header(header::HOST, host);
        self.ask(request.body(Full::default()).unwrap()).await
    }

    async fn act(&self, act: &serde_json::Value) -> (u16, String, String) {
        let request = http::Request::post("/v1/console/act/shop/cart")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-cheerful-act", "1");
        self.ask(request.body(Full::from(act.to_string())).unwrap())
            .await
    }

    async fn ask(&self, request: http::Request<Full<Bytes>>) -> (u16, String, String) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut task = tokio::task::JoinSet::new();
        task.spawn(connection);
        let answer = sender.send_request(request).await.unwrap();
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn the_page_is_of_here_and_what_it_asks_for_of_the_cluster() {
    let cluster = Cluster(Arc::new(Mutex::new("autoscaler-a")));
    let router = Router::new()
        .route(
            "/apis/coordination.k8s.io/v1/namespaces/cheerful-system/leases/cheerful-autoscaler-0",
            get(lease),
        )
        .route(
            "/api/v1/namespaces/cheerful-system/pods/{pod}/proxy/{*path}",
            get(proxy),
        )
        .with_state(cluster.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_server = listener.local_addr().unwrap();
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await });

    let console = tokio::task::spawn_blocking(move || Console::start(api_server, &[]));
    let console = console.await.unwrap();
    let (status, kind, page) = console.get("/", "localhost").await;
    assert_eq!((status, &*kind), (200, "text/html; charset=utf-8"));
    assert!(page.contains("/console/main.js"), "{page}");
    let (status, kind, body) = console.get("/v1/revisions", "127.0.0.1").await;
    assert_eq!((status, &*kind), (200, "application/json"));
    assert_eq!(body, r#"[{"answered":"autoscaler-a"}]"#);
    let (status, _, body) = console.get("/v1/console/past/shop%2Fcart", "[::1]:1").await;
    assert_eq!((status, &*body), (404, "nothing is called so\n"));
    let (status, _, _) = console.get("/v1/revisions", "evil.example").await;
    assert_eq!(status, 421);

    // Another leads: the first question finds out, the next is answered.
    *cluster.0.lock().unwrap() = "autoscaler-b";
    let (status, _, _) = console.get("/v1/revisions", "localhost").await;
    assert_eq!(status, 404);
    let (status, _, body) = console.get("/v1/revisions", "localhost").await;
    assert_eq!((status, &*body), (200, r#"[{"answered":"autoscaler-b"}]"#));
    server.shutdown().await;
}

#[tokio::test]
async fn pods_are_asked_about_and_a_count_is_held_by_the_persons_own_rights() {
    let cluster = Cluster(Arc::new(Mutex::new("autoscaler-a")));
    let all = Written::default();
    let writing = Router::new()
        .route(
            "/apis/cheerful.dev/v1alpha1/namespaces/shop/revisions/cart",
            patch(written),
        )
        .route(
            "/apis/events.k8s.io/v1/namespaces/shop/events",
            post(written),
        )
        .route(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            post(written),
        )
        .with_state(all.clone());
    let router = Router::new()
        .route(
            "/apis/coordination.k8s.io/v1/namespaces/cheerful-system/leases/cheerful-autoscaler-0",
            get(lease),
        )
        .route(
            "/api/v1/namespaces/cheerful-system/pods/{pod}/proxy/{*path}",
            get(proxy),
        )
        .with_state(cluster)
        .route("/api/v1/namespaces/shop/pods/{pod}", get(pod))
        .route(
            "/api/v1/namespaces/shop/pods/{pod}/log",
            get(|| async { "reading\nready\n" }),
        )
        .merge(writing);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_server = listener.local_addr().unwrap();
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await });

    let begun = tokio::task::spawn_blocking(move || {
        let acting = Console::start(api_server, &["--allow-actions"]);
        (acting, Console::start(api_server, &[]))
    });
    let (acting, showing) = begun.await.unwrap();
    let (status, _, body) = acting.get("/v1/revisions/shop/cart", "localhost").await;
    assert_eq!(status, 200, "{body}");
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(told["new"], json!({"field": 1}));
    assert_eq!(
        told["replicas"][0]["lastOutput"],
        json!(["reading", "ready"])
    );
    assert_eq!(told["replicas"][1]["lastOutput"], json!([]));
    let start = json!({"replica": "cart-1", "askedUnixMillis": 1_796_032_800_000_u64, "processSeconds": 3.0, "readySeconds": 2.0, "wholeSeconds": true});
    assert_eq!(told["starts"], json!([start]));
    let unseen = told["unseen"].as_array().unwrap();
    assert!(
        unseen.len() == 1
            && unseen[0]
                .as_str()
                .unwrap()
                .starts_with("Memory is not known"),
        "{told}"
    );

    let (_, _, acts) = showing.get("/v1/console/acts", "localhost").await;
    assert_eq!(acts, "[]");
    let hold = json!({"act": "hold", "replicas": 3});
    assert_eq!(showing.act(&hold).await.0, 405);
    assert!(all.0.lock().unwrap().is_empty());
    let (_, _, acts) = acting.get("/v1/console/acts", "localhost").await;
    assert_eq!(acts, r#"["pause","resume","wake","hold"]"#);
    let (status, _, body) = acting.act(&hold).await;
    assert_eq!((status, &*body), (204, ""));
    let sent = all.0.lock().unwrap().clone();
    assert_eq!(sent[1], json!({"spec": {"scaling": {"paused": 3}}}));
    assert_eq!(sent[2]["note"], "held at 3 by jane, from the console");
    let (status, _, body) = acting.act(&json!({"act": "wake"})).await;
    assert_eq!((status, &*body), (204, ""));
    server.shutdown().await;
}
