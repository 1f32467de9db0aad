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
    routing::get,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
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
        "v1/revisions" => Json(json!([{"answered": leader}])).into_response(),
        _ => (StatusCode::NOT_FOUND, "nothing is called so\n").into_response(),
    }
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
    fn start(api_server: SocketAddr) -> Self {
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
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut task = tokio::task::JoinSet::new();
        task.spawn(connection);
        let request = http::Request::get(path)
            .header(header::HOST, host)
            .body(Empty::<Bytes>::new())
            .unwrap();
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

    let console = tokio::task::spawn_blocking(move || Console::start(api_server));
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
