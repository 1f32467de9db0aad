// SPDX-License-Identifier: Apache-2.0
//! Over a real connection with TLS, and with the API server away.
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use cheerful_kubernetes::{lease::Leadership, names, scaler::ScalerConfig};
use cheerful_rig::cluster::{eventually, holds_for};
use cheerful_scaling::Report;
use cheerful_wire::{
    Downward, Link, LinkConfig, ReplicaReport, ServerConfig, ServerMetrics, ServerTls, Transport,
    Upward, WorkloadKind,
};
use kube::{Client, Config, config::KubeConfigOptions};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::shop::Shop;

fn report(sequence: u64, in_flight: f64, burst: bool) -> Upward {
    Upward::Report(ReplicaReport {
        report: Report {
            replica: String::new(),
            sequence: Some(sequence),
            age_seconds: 0.0,
            seconds: 0.2,
            request_seconds: in_flight * 0.2,
            waiting_seconds: 0.0,
            requests: 1,
            refused: 0,
            in_flight: burst.then_some(in_flight),
            latency: None,
        },
        ready: true,
        draining: false,
    })
}

#[tokio::test]
async fn a_queue_reports_over_tls_with_its_pods_token() {
    let Some(shop) = Shop::open("tls").await else {
        return;
    };
    shop.revision("cart", json!({"min": 1, "max": 2, "target": 10}))
        .await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 1)
        .await;
    let pods = shop.pods(1).await;
    let scaler = shop.scaler("a", true).await;
    let server = "cheerful-autoscaler.test.svc";
    let made = rcgen::generate_simple_self_signed(vec![server.to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (ca, token) = (folder.path().join("ca.crt"), folder.path().join("token"));
    std::fs::write(&ca, made.cert.pem()).unwrap();
    std::fs::write(&token, shop.token(&pods[0], names::TOKEN_AUDIENCE).await).unwrap();
    let tls = ServerTls::new(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let door = Arc::new(scaler.running.door());
    tasks.spawn(cheerful_wire::serve(
        listener,
        Some(tls),
        door,
        ServerConfig::default(),
        Arc::new(ServerMetrics::default()),
        stop.clone(),
    ));
    for transport in [Transport::Grpc, Transport::WebSocket] {
        let cart = shop.workload(WorkloadKind::Revision, "cart");
        let hello = shop.hello(cart, &pods[0], String::new());
        let (link, mut down) = Link::start(LinkConfig {
            autoscaler: at.to_string(),
            server_name: Some(server.to_owned()),
            ca_file: Some(ca.clone()),
            token_file: Some(token.clone()),
            transport,
            who: hello.who,
            refresh: Duration::from_millis(200),
        })
        .unwrap();
        let before = scaler.running.view().metrics().reports;
        let mut sequence = before;
        eventually("reports come", async || {
            link.send(report(sequence, 1.0, false));
            sequence += 1;
            (scaler.running.view().metrics().reports > before).then_some(())
        })
        .await;
        let told = down.recv().await.unwrap();
        assert!(matches!(told, Downward::Pace(_)), "{told:?}");
        assert_eq!(link.metrics().refused_total, 0);
    }
    stop.cancel();
}

/// A way to the API server that can be cut.
struct Way {
    open: watch::Sender<bool>,
    at: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Way {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let (open, opened) = watch::channel(true);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (server, mut opened) = (server.clone(), opened.clone());
                connections.spawn(async move {
                    if !*opened.borrow() {
                        return;
                    }
                    let Ok(mut server) = TcpStream::connect(server).await else {
                        return;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = opened.wait_for(|is| !is) => {}
                    }
                });
            }
        });
        Self {
            open,
            at,
            _tasks: tasks,
        }
    }

    async fn client(&self) -> Client {
        let options = KubeConfigOptions::default();
        let mut config = Config::from_kubeconfig(&options).await.unwrap();
        let host = config.cluster_url.host().unwrap().to_owned();
        config.cluster_url = format!("https://{}", self.at).parse().unwrap();
        config.tls_server_name = Some(host);
        Client::try_from(config).unwrap()
    }
}

#[tokio::test]
async fn with_the_api_server_away_nothing_goes_down_and_a_burst_is_written_when_it_is_back() {
    let Some(shop) = Shop::open("away").await else {
        return;
    };
    let fast = json!({"min": 1, "max": 4, "target": 10, "stableWindow": "6s", "panicWindow": "2s"});
    shop.revision("cart", fast).await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 1)
        .await;
    let pods = shop.pods(1).await;
    let options = KubeConfigOptions::default();
    let url = Config::from_kubeconfig(&options).await.unwrap().cluster_url;
    let port = url.port_u16().unwrap_or(443);
    let way = Way::to(format!("{}:{port}", url.host().unwrap())).await;
    let until = Some(std::time::Instant::now() + Duration::from_secs(3600));
    let (_kept, leads) = watch::channel(Leadership {
        leader: None,
        until,
    });
    let config: ScalerConfig = shop.config("a");
    let scaler = shop.scaler_of(way.client().await, config, leads).await;
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let mut speaker = shop.speaker(&scaler, cart.clone(), &pods[0]).await;
    speaker.report(1.0).await.unwrap();

    way.open.send_replace(false);
    // A stream that is up goes on; a new one is put off, not refused for good.
    speaker.burst(90.0).await.unwrap();
    let token = shop.token(&pods[0], names::TOKEN_AUDIENCE).await;
    let put_off = scaler.admit(shop.hello(cart, &pods[0], token)).await;
    assert_eq!(put_off.err().unwrap().reason, "unavailable");
    holds_for(Duration::from_secs(12), "one is wanted", async || {
        speaker.burst(90.0).await.unwrap();
        let replicas = shop.replicas("cart").await;
        (replicas != 1).then(|| format!("{replicas} are"))
    })
    .await;

    way.open.send_replace(true);
    let start = std::time::Instant::now();
    let took = eventually("the burst is written", async || {
        speaker.burst(90.0).await.unwrap();
        (shop.replicas("cart").await == 4).then(|| start.elapsed())
    })
    .await;
    println!("from the API server's return to the written scale: {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}
