// SPDX-License-Identifier: Apache-2.0
//! Apps of Python's usual servers, with the usual client of Prometheus. They are the examples of the documentation.
use std::{net::SocketAddr, path::PathBuf};

use serde_json::json;

use crate::rig::{Watched, free, get, program, requests};

/// Of four requests that wait within the app.
async fn counts_four(at: SocketAddr) {
    let both = json!({"metrics": {
        "inFlight": "http_requests_in_flight",
        "requests": "http_request_duration_seconds_count",
        "seconds": "http_request_duration_seconds_sum",
    }});
    let gauge = json!({"metrics": {"inFlight": "http_requests_in_flight"}});
    let (both, gauge) = (Watched::start(both, at), Watched::start(gauge, at));
    both.until(0.0).await;
    let requests = requests(at, "/wait", 4);
    both.until(4.0).await;
    gauge.until(4.0).await;
    get(at, "/go").await;
    requests.join_all().await;
    both.until(0.0).await;
    gauge.until(0.0).await;
    assert_eq!(both.told().1, 4);
    assert_eq!(both.counts().reads.len(), 1, "{:?}", both.counts());
}

/// Whether Debian's Python has what the examples need.
fn is_there(module: &str) -> bool {
    let line = format!("import {module}, prometheus_client");
    let python = std::process::Command::new("/usr/bin/python3")
        .args(["-c", &line])
        .output();
    let there = python.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("left out: there is no {module} with prometheus_client here");
    }
    there
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/signals")
}

#[tokio::test]
async fn an_app_of_gunicorn() {
    let (at, python) = (free(), "/usr/bin/python3");
    let bind = at.to_string();
    let line = [
        python,
        "-m",
        "gunicorn",
        "--bind",
        &bind,
        "--threads",
        "16",
        "wsgi:app",
    ];
    if !is_there("gunicorn") {
        return;
    }
    let _gunicorn = program(&examples(), at, &line).await;
    counts_four(at).await;
}

#[tokio::test]
async fn an_app_of_uvicorn() {
    let (at, python) = (free(), "/usr/bin/python3");
    let port = at.port().to_string();
    let line = [python, "-m", "uvicorn", "--port", &port, "asgi:app"];
    if !is_there("uvicorn") {
        return;
    }
    let _uvicorn = program(&examples(), at, &line).await;
    counts_four(at).await;
}
