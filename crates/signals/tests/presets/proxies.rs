// SPDX-License-Identifier: Apache-2.0
//! nginx, HAProxy and Caddy before an app that answers when it is let.
use std::fs;

use serde_json::json;

use crate::rig::{Gate, Watched, free, get, program, requests};

#[tokio::test]
async fn nginx_counts_what_it_answers_but_for_our_own_read() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, at) = (Gate::start().await, free());
    let app = gate.app.address();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind}; "))
        .concat();
    let settings = format!(
        "daemon off; master_process off; error_log stderr; pid nginx.pid; events {{}}
         http {{ access_log off; {temporary} server {{ listen {at};
         location = /stub_status {{ stub_status; }} location / {{ proxy_pass http://{app}; }} }} }}"
    );
    fs::write(folder.path().join("nginx.conf"), settings).unwrap();
    let prefix = folder.path().to_str().unwrap();
    let line = ["nginx", "-p", prefix, "-c", "nginx.conf", "-e", "stderr"];
    let Some(_nginx) = program(folder.path(), at, &line).await else {
        return;
    };
    let watched = Watched::start(json!({"nginx": {}}), at);
    watched.until(0.0).await;
    let requests = requests(at, "/", 4);
    watched.until(4.0).await;
    gate.open();
    assert_eq!(requests.join_all().await, ["ok"; 4]);
    watched.until(0.0).await;
    assert_eq!(watched.counts().reads.len(), 1, "{:?}", watched.counts());
}

#[tokio::test]
async fn haproxy_counts_what_is_in_its_backend_and_what_waits_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, at) = (Gate::start().await, free());
    let app = gate.app.address();
    // Two at a time: the others wait in its queue.
    let settings = format!(
        "global\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 60s\n  timeout client 60s\n  timeout server 60s\n  timeout queue 60s\n\
         frontend web\n  bind {at}\n  http-request use-service prometheus-exporter if {{ path /metrics }}\n  default_backend app\n\
         backend app\n  server one {app} maxconn 2\n"
    );
    fs::write(folder.path().join("haproxy.cfg"), settings).unwrap();
    let line = ["haproxy", "-db", "-f", "haproxy.cfg"];
    let Some(_haproxy) = program(folder.path(), at, &line).await else {
        return;
    };
    let all = Watched::start(json!({"haproxy": {}}), at);
    let one = Watched::start(json!({"haproxy": {"proxy": "app"}}), at);
    all.until(0.0).await;
    one.until(0.0).await;
    let requests = requests(at, "/", 5);
    all.until(5.0).await;
    one.until(5.0).await;
    gate.open();
    assert_eq!(requests.join_all().await, ["ok"; 5]);
    all.until(0.0).await;
    one.until(0.0).await;
    assert_eq!(all.told().1, 5);
    assert_eq!(all.counts().reads.len(), 1, "{:?}", all.counts());
}

#[tokio::test]
async fn caddy_counts_each_request_once_and_its_sum_of_seconds_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, at, admin) = (Gate::start().await, free(), free());
    let app = gate.app.address();
    // Whatever host is asked for.
    let port = at.port();
    let settings = format!(
        "{{\n admin {admin}\n servers {{\n  metrics\n }}\n}}\nhttp://:{port} {{\n bind 127.0.0.1\n reverse_proxy {app}\n}}\n"
    );
    fs::write(folder.path().join("Caddyfile"), settings).unwrap();
    let line = [
        "caddy",
        "run",
        "--config",
        "Caddyfile",
        "--adapter",
        "caddyfile",
    ];
    let Some(_caddy) = program(folder.path(), at, &line).await else {
        return;
    };
    let watched = Watched::start(json!({"caddy": {}}), admin);
    watched.until(0.0).await;
    let requests = requests(at, "/", 4);
    watched.until(4.0).await;
    gate.open();
    assert_eq!(requests.join_all().await, ["ok"; 4]);
    watched.until(0.0).await;
    let page = get(admin, "/metrics").await;
    let sum = |line: &str| {
        line.starts_with("caddy_http_request_duration_seconds_sum")
            .then(|| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
    };
    let counted: f64 = page.lines().filter_map(sum).sum();
    let (seconds, count, longest) = watched.told();
    assert_eq!(count, 4);
    // A line between two reads errs by no more than what came or went between them.
    assert!(
        (seconds - counted).abs() <= 2.0 * 4.0 * longest,
        "{seconds}, not {counted}"
    );
}
