// SPDX-License-Identifier: Apache-2.0
//! The client and the server of the local API, each against the other.
use std::time::Duration;

use cheerful_autoscaler::AutoscalerConfig;
use cheerful_gateway::Gateway;
use cheerful_processes::ProcessesConfig;
use tokio::{sync::mpsc, task::JoinSet};

use super::{Api, ApiSocket, Client, Readiness, serve};
use crate::site::{Site, Statsd, specimen::spec};

#[tokio::test]
async fn the_client_understands_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (events, gateway_events) = mpsc::channel(16);
    let autoscaler = AutoscalerConfig {
        tick: Duration::from_millis(50),
        record: None,
    };
    let processes = ProcessesConfig::default();
    let gateway = Gateway::new(events);
    let statsd = Statsd::new("127.0.0.1:0".parse().unwrap());
    let site = Site::start(gateway, gateway_events, autoscaler, processes, statsd).unwrap();
    let api = Api {
        parts: site.parts.clone(),
        readiness: Readiness::default(),
    };
    let socket = ApiSocket::bind(&folder.path().join("api.sock")).unwrap();
    let mut server = JoinSet::new();
    let listener = socket.listener().unwrap();
    server.spawn(serve(listener, api.router()));

    let client = Client::new(socket.path());
    assert!(client.revisions().await.unwrap().is_empty());
    assert!(client.revision("a").await.unwrap().is_none());
    assert!(client.revision("../metrics").await.unwrap().is_none());
    let mut decisions = client.events().await.unwrap();
    site.apply(vec![spec("a", "sleep 60", 1)], false)
        .await
        .unwrap();
    let event = loop {
        let event = decisions.next().await.unwrap().unwrap();
        if event.decision.replicas == 1 {
            break event;
        }
    };
    assert_eq!(event.revision, "a");
    assert_eq!(client.revisions().await.unwrap()[0].revision, "a");
    let detail = client.revision("a").await.unwrap().unwrap();
    assert_eq!(detail.view.revision, "a");
    assert!(!detail.view.decisions.is_empty());

    server.shutdown().await;
    while let Ok(Some(_)) = decisions.next().await {}
    site.shut_down().await;
}
