// SPDX-License-Identifier: Apache-2.0
//! A count that somebody else changes right before it is written.
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_kubernetes::{lease::Leadership, names};
use cheerful_rig::cluster::eventually;
use cheerful_wire::WorkloadKind;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, Config,
    api::{Patch, PatchParams},
    client::Body,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::shop::Shop;

/// Between the autoscaler and the API server: the next write of a `/scale` comes just after another's.
struct Meddler {
    client: Client,
    deployments: Api<Deployment>,
    /// What the other writes, once.
    other: Mutex<Option<u32>>,
    /// The writes that went by.
    seen: Mutex<Vec<Value>>,
}

impl Meddler {
    fn new(shop: &Shop) -> Arc<Self> {
        Arc::new(Self {
            client: shop.namespace.cluster().client(),
            deployments: shop.namespace.api(),
            other: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    /// Serves as long as the tasks are kept.
    async fn serve(self: Arc<Self>) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let this = Arc::clone(&self);
                let service = service_fn(move |request| Arc::clone(&this).pass(request));
                connections.spawn(async move {
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        (at, tasks)
    }

    async fn pass(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, kube::Error> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if head.method == Method::PATCH && head.uri.path().ends_with("/deployments/cart/scale") {
            let other = self.other.lock().unwrap().take();
            if let Some(replicas) = other {
                let scale = Patch::Merge(json!({"spec": {"replicas": replicas}}));
                self.deployments
                    .patch_scale("cart", &PatchParams::default(), &scale)
                    .await
                    .unwrap();
            }
            let write = serde_json::from_slice(&body).unwrap();
            self.seen.lock().unwrap().push(write);
        }
        // The client adds its own.
        head.uri = head.uri.path_and_query().unwrap().as_str().parse().unwrap();
        head.headers.remove(http::header::HOST);
        let body = Body::from(body.to_vec());
        self.client.send(Request::from_parts(head, body)).await
    }

    fn counts(&self) -> Vec<(u64, u64)> {
        let seen = self.seen.lock().unwrap();
        let count = |write: &Value, at: &str| write.pointer(at).and_then(Value::as_u64);
        seen.iter()
            // A count of 0 is tested as an empty object.
            .map(|write| {
                (
                    count(write, "/0/value").unwrap_or(0),
                    count(write, "/1/value").unwrap(),
                )
            })
            .collect()
    }
}

#[tokio::test]
async fn a_stale_write_is_refused_read_again_and_decided_again() {
    let Some(shop) = Shop::open("stale").await else {
        return;
    };
    let scaling =
        json!({"min": 1, "max": 6, "target": 10, "stableWindow": "6s", "panicWindow": "2s"});
    shop.revision("cart", scaling).await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 1)
        .await;
    let pods = shop.pods(1).await;
    let meddler = Meddler::new(&shop);
    let (at, _tasks) = Arc::clone(&meddler).serve().await;
    let config = Config::new(format!("http://{at}").parse().unwrap());
    let until = Some(std::time::Instant::now() + Duration::from_secs(3600));
    let (_kept, leads) = watch::channel(Leadership {
        leader: None,
        until,
    });
    let client = Client::try_from(config).unwrap();
    let scaler = shop.scaler_of(client, shop.config("a"), leads).await;
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let mut speaker = shop.speaker(&scaler, cart, &pods[0]).await;
    speaker.report(1.0).await.unwrap();

    // More than is wanted: without the test the other's count would be lost unseen, and go down in the middle of a burst.
    *meddler.other.lock().unwrap() = Some(5);
    eventually("somebody else's count is in the way", async || {
        speaker.burst(25.0).await.unwrap();
        let writes = scaler.running.view().metrics().scale_writes;
        (writes.get("conflict") == Some(&1)).then_some(())
    })
    .await;
    let (known, wanted) = meddler.counts()[0];
    assert_eq!(known, 1, "the stale count");
    assert!(wanted > 1, "{wanted}");
    assert_eq!(shop.replicas("cart").await, 5, "it is not overwritten");

    // What is decided next is of the count that is there: more is written from it, and not from the stale one.
    let all = eventually("a greater burst is written over it", async || {
        speaker.burst(90.0).await.unwrap();
        (shop.replicas("cart").await == 6).then(|| meddler.counts())
    })
    .await;
    println!("writes, as (tested, wanted): {all:?}");
    assert_eq!(all.last(), Some(&(5, 6)));
    assert!(all[1..].iter().all(|(tested, _)| *tested != 1), "{all:?}");
    let writes = scaler.running.view().metrics().scale_writes;
    assert_eq!(writes.get("conflict"), Some(&1), "{writes:?}");
}
