// SPDX-License-Identifier: Apache-2.0
//! When the app counts as ready, and when no longer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
mod pod;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use cheerful_queue::{Probe, SidecarConfig};
use cheerful_rig::{App, Script, read_head};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{Request, Response, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pod::{Pod, config, free_port};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinSet, time::Instant};

fn probed(app: SocketAddr, probe: &str) -> SidecarConfig {
    SidecarConfig {
        probe: Probe::from_json(probe).unwrap(),
        ..config(app)
    }
}

/// Answers each connection's first request with what is wanted now.
async fn answering(well: &Arc<AtomicBool>) -> Script {
    let well = Arc::clone(well);
    Script::start(move |_, mut stream| {
        let well = Arc::clone(&well);
        async move {
            let head = read_head(&mut stream).await;
            let answer = if head.starts_with("GET /healthz ") && well.load(SeqCst) {
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            } else {
                "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
            };
            drop(stream.write_all(answer.as_bytes()).await);
        }
    })
    .await
}

#[tokio::test]
async fn an_app_that_comes_late_is_found_at_once_and_until_then_nothing_is_passed_on() {
    let address = free_port().await;
    let mut pod = Pod::before(address).await;
    let why = pod.sidecar.ready().unwrap_err();
    assert!(why.contains("does not answer yet"), "{why}");
    let early = pod.get("/").await;
    assert_eq!(
        (early.status, early.header("retry-after")),
        (503, Some("1"))
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(pod.reports.try_recv().is_err(), "nothing is to be told yet");

    let listener = TcpListener::bind(address).await.unwrap();
    let begun = Instant::now();
    let report = pod.report().await;
    assert!(report.ready && !report.draining);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(
        report.report.seconds > 0.0 && report.report.seconds < 0.1,
        "the time before it was no time of a replica: {report:?}"
    );
    assert_eq!(report.report.replica, "cart-1");
    assert!(pod.sidecar.ready().is_ok());
    assert_eq!(pod.sidecar.metrics().requests.refused_starting_total, 1);
    drop(listener);
}

#[tokio::test]
async fn an_app_that_dies_is_unready_by_the_first_request_and_ready_when_it_is_back() {
    let app = App::start().await;
    let address = app.address();
    let mut pod = Pod::before(address).await;
    pod.is_ready().await;
    assert_eq!(pod.get("/").await.status, 200);
    drop(app);
    assert_eq!(pod.get("/").await.status, 502);
    let why = pod.is_unready().await;
    assert!(why.contains("refused"), "{why}");
    pod.report_where(|report| !report.ready).await;

    let listener = TcpListener::bind(address).await.unwrap();
    pod.is_ready().await;
    pod.report_where(|report| report.ready).await;
    assert!(pod.sidecar.metrics().probe_failures_total > 0);
    drop(listener);
}

#[tokio::test]
async fn an_http_probe_is_asked_with_its_path_and_thresholds() {
    let well = Arc::new(AtomicBool::new(false));
    let app = answering(&well).await;
    let pod = Pod::start(probed(
        app.address(),
        r#"{"http":{"path":"/healthz"},"periodSeconds":1,"failureThreshold":2}"#,
    ))
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let why = pod.sidecar.ready().unwrap_err();
    assert!(why.contains("it answered 503"), "{why}");
    well.store(true, SeqCst);
    pod.is_ready().await;
    well.store(false, SeqCst);
    let failures = pod.sidecar.metrics().probe_failures_total;
    pod.is_unready().await;
    assert!(pod.sidecar.metrics().probe_failures_total >= failures + 2);
    well.store(true, SeqCst);
    pod.is_ready().await;
}

#[tokio::test]
async fn an_app_that_takes_connections_and_says_nothing_is_not_ready() {
    let app = Script::start(|_, stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let pod = Pod::start(probed(app.address(), r#"{"http":{}}"#)).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let why = pod.sidecar.ready().unwrap_err();
    assert!(why.contains("no answer within 1 s"), "{why}");
}

/// A gRPC server that gives one status to each health check.
async fn grpc(status: &'static [u8], checks: &Arc<AtomicU64>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let checks = Arc::clone(checks);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let checks = Arc::clone(&checks);
            let service = service_fn(move |request: Request<Incoming>| {
                let checks = Arc::clone(&checks);
                async move {
                    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                    assert_eq!(request.headers()["content-type"], "application/grpc");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    assert_eq!(&*body, [0, 0, 0, 0, 6, 0x0a, 4, b'c', b'a', b'r', b't']);
                    checks.fetch_add(1, SeqCst);
                    let mut trailers = hyper::HeaderMap::new();
                    trailers.insert("grpc-status", "0".parse().unwrap());
                    let frames = [
                        Ok::<_, Infallible>(Frame::data(Bytes::from_static(status))),
                        Ok(Frame::trailers(trailers)),
                    ];
                    let body = StreamBody::new(futures_util::stream::iter(frames));
                    Ok::<_, Infallible>(Response::new(body))
                }
            });
            connections.spawn(async move {
                drop(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn a_grpc_probe_asks_the_health_service() {
    const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
    const NOT_SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 2];
    let checks = Arc::default();
    let probe = r#"{"grpc":{"service":"cart"}}"#;

    let (address, _tasks) = grpc(SERVING, &checks).await;
    let pod = Pod::start(probed(address, probe)).await;
    pod.is_ready().await;
    assert_eq!(checks.load(SeqCst), 1);

    let (address, _tasks) = grpc(NOT_SERVING, &checks).await;
    let pod = Pod::start(probed(address, probe)).await;
    pod::until(|| pod.sidecar.metrics().probe_failures_total > 2).await;
    let why = pod.sidecar.ready().unwrap_err();
    assert!(why.contains("status is 2, not SERVING"), "{why}");

    // One that speaks no HTTP/2 at all.
    let app = answering(&Arc::default()).await;
    let pod = Pod::start(probed(app.address(), probe)).await;
    pod::until(|| pod.sidecar.metrics().probe_failures_total > 0).await;
    assert!(pod.sidecar.ready().is_err());
}
