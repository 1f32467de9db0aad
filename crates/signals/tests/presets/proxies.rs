// SPDX-License-Identifier: Apache-2.0
//! nginx, HAProxy, Caddy, Envoy and Traefik before an app that answers when it is let.
use std::{fs, net::SocketAddr, path::Path};

use serde_json::json;
use tokio::process::Child;

use crate::rig::{Gate, Watched, free, get, program, requests};

/// Sends so many requests, which are in flight until the app is let answer, and no more after.
async fn counts(count: usize, gate: &Gate, at: SocketAddr, watched: &[&Watched]) {
    let all_tell = async |in_flight| {
        for watched in watched {
            watched.until(in_flight).await;
        }
    };
    all_tell(0.0).await;
    let requests = requests(at, "/", count);
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    all_tell(count as f64).await;
    gate.open();
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| answer == "ok"), "{answers:?}");
    all_tell(0.0).await;
    for watched in watched {
        assert_eq!(watched.counts().reads.len(), 1, "{:?}", watched.counts());
    }
}

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
    counts(4, &gate, at, &[&watched]).await;
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
    counts(5, &gate, at, &[&all, &one]).await;
    assert_eq!(all.told().1, 5);
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
    counts(4, &gate, at, &[&watched]).await;
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

/// Envoy before an app of which it opens two connections at most, with another cluster that nobody asks.
async fn envoy(folder: &Path, at: SocketAddr, admin: SocketAddr, app: SocketAddr) -> Option<Child> {
    let socket = |at: SocketAddr| json!({"socket_address": {"address": at.ip().to_string(), "port_value": at.port()}});
    let cluster = |name: &str, at: SocketAddr| {
        let endpoint = json!({"endpoint": {"address": socket(at)}});
        json!({
            "name": name, "type": "STATIC",
            "circuit_breakers": {"thresholds": [{"max_connections": 2}]},
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        })
    };
    let extension = "type.googleapis.com/envoy.extensions.filters";
    let manager = json!({
        "@type": format!("{extension}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "web",
        "http_protocol_options": {"accept_http_10": true},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "app", "timeout": "0s"}}]}]},
        "http_filters": [{"name": "router",
            "typed_config": {"@type": format!("{extension}.http.router.v3.Router")}}],
    });
    let filter = json!({"name": "http", "typed_config": manager});
    let settings = json!({
        "admin": {"address": socket(admin)},
        "static_resources": {
            "listeners": [{"address": socket(at), "filter_chains": [{"filters": [filter]}]}],
            "clusters": [cluster("app", app), cluster("database", free())],
        },
    });
    fs::write(folder.join("envoy.json"), settings.to_string()).unwrap();
    let line = [
        "envoy",
        "-c",
        "envoy.json",
        "--concurrency",
        "1",
        "--use-dynamic-base-id",
    ];
    program(folder, at, &line).await
}

#[tokio::test]
async fn envoy_counts_what_is_in_its_cluster_and_what_waits_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, at, admin) = (Gate::start().await, free(), free());
    let Some(_envoy) = envoy(folder.path(), at, admin, gate.app.address()).await else {
        return;
    };
    let all = Watched::start(json!({"envoy": {}}), admin);
    let one = Watched::start(json!({"envoy": {"cluster": "app"}}), admin);
    counts(5, &gate, at, &[&all, &one]).await;
    // Its histograms come in lumps, every 5 s.
    all.until_counted(5).await;
    one.until_counted(5).await;
    assert_eq!(one.counts().reads.len(), 1, "{:?}", one.counts());
}

#[tokio::test]
async fn traefik_counts_what_has_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, at, page) = (Gate::start().await, free(), free());
    let service =
        json!({"loadBalancer": {"servers": [{"url": format!("http://{}", gate.app.address())}]}});
    let router = json!({"rule": "PathPrefix(`/`)", "entryPoints": ["web"], "service": "app"});
    let routes = json!({"http": {"routers": {"all": router}, "services": {"app": service}}});
    let settings = json!({
        "global": {"checkNewVersion": false, "sendAnonymousUsage": false},
        "entryPoints": {"web": {"address": at.to_string()}, "page": {"address": page.to_string()}},
        "metrics": {"prometheus": {"addServicesLabels": true, "entryPoint": "page"}},
        "providers": {"file": {"filename": "routes.yaml"}},
    });
    for (name, text) in [("traefik.yaml", settings), ("routes.yaml", routes)] {
        fs::write(folder.path().join(name), text.to_string()).unwrap();
    }
    let line = ["traefik", "--configFile=traefik.yaml"];
    let Some(_traefik) = program(folder.path(), at, &line).await else {
        return;
    };
    let watched = Watched::start(json!({"traefik": {}}), page);
    watched.until(0.0).await;
    let requests = requests(at, "/", 4);
    gate.open();
    requests.join_all().await;
    watched.until_counted(4).await;
}
