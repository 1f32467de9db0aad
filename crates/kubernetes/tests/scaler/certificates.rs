// SPDX-License-Identifier: Apache-2.0
//! The certificate of the reports' port and its authority are renewed under a stream.
use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cheerful_kubernetes::{
    certificates::{Authority, Lifetimes},
    lease::Leadership,
    names,
    scaler::{Certificate, Door, Stream, follow_certificate},
};
use cheerful_rig::cluster::eventually;
use cheerful_scaling::Report;
use cheerful_wire::{
    Admit, Downward, Hello, Link, LinkConfig, Refusal, ReplicaReport, ServerConfig, ServerMetrics,
    ServerTls, Session, Transport, Upward, WorkloadKind,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::shop::Shop;

/// Sequences of the reports that arrived, in their order.
type Arrived = Arc<Mutex<Vec<u64>>>;

/// The autoscaler's own door, with what goes through written down.
struct Watched(Door, Arrived);
struct WatchedStream(Stream, Arrived);

impl Admit for Watched {
    type Session = WatchedStream;
    async fn admit(
        &self,
        hello: Hello,
        down: mpsc::Sender<Downward>,
    ) -> Result<WatchedStream, Refusal> {
        let stream = self.0.admit(hello, down).await?;
        Ok(WatchedStream(stream, Arc::clone(&self.1)))
    }
    fn interval(&self) -> Duration {
        self.0.interval()
    }
}

impl Session for WatchedStream {
    async fn take(&mut self, message: Upward) -> Result<(), Refusal> {
        let sequence = match &message {
            Upward::Report(report) => report.report.sequence,
            _ => None,
        };
        self.0.take(message).await?;
        self.1.lock().unwrap().extend(sequence);
        Ok(())
    }
}

fn report(sequence: u64) -> Upward {
    Upward::Report(ReplicaReport {
        report: Report {
            replica: String::new(),
            sequence: Some(sequence),
            age_seconds: 0.0,
            seconds: 0.02,
            request_seconds: 0.02,
            waiting_seconds: 0.0,
            requests: 1,
            refused: 0,
            in_flight: None,
            latency: None,
        },
        ready: true,
        draining: false,
    })
}

/// A handshake of somebody who knows these authorities: the certificate that is shown.
fn shown(at: SocketAddr, server: &str, ca: &Path) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(server.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut stream).unwrap();
    }
    client.peer_certificates().unwrap()[0].to_vec()
}

fn same(certificate: &Certificate) -> Vec<u8> {
    CertificateDer::from_pem_slice(certificate.chain.as_bytes())
        .unwrap()
        .to_vec()
}

/// What is known now replaces what was, whole, as the kubelet does it.
async fn write_authorities(mut told: watch::Receiver<Option<Arc<str>>>, ca: PathBuf) {
    loop {
        let bundle = told.borrow_and_update().clone();
        if let Some(bundle) = bundle {
            let next = ca.with_extension("next");
            fs::write(&next, &*bundle).unwrap();
            fs::rename(&next, &ca).unwrap();
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}

async fn renew(tls: ServerTls, mut certificate: watch::Receiver<Option<Certificate>>) {
    while certificate.changed().await.is_ok() {
        let seen = certificate.borrow_and_update().clone().unwrap();
        tls.replace(&seen.chain, &seen.key).unwrap();
    }
}

const LIFETIMES: Lifetimes = Lifetimes {
    root: Duration::from_secs(24),
    issued: Duration::from_secs(9),
    known_after: Duration::from_secs(4),
    look: Duration::from_millis(200),
};

#[tokio::test]
async fn the_certificate_and_its_authority_are_renewed_and_no_report_is_lost() {
    let Some(shop) = Shop::open("renewed").await else {
        return;
    };
    shop.revision("cart", serde_json::json!({"min": 1, "max": 1}))
        .await;
    shop.deployment("cart", (names::REVISION_LABEL, "cart"), 1)
        .await;
    let pods = shop.pods(1).await;
    let scaler = shop.scaler("a", true).await;
    let (client, space) = (
        shop.namespace.cluster().client(),
        shop.namespace.name().to_owned(),
    );
    let folder = tempfile::tempdir().unwrap();
    let (ca, token) = (folder.path().join("ca.crt"), folder.path().join("token"));
    fs::write(&token, shop.token(&pods[0], names::TOKEN_AUDIENCE).await).unwrap();
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();

    // The controller's part, the kubelet's, and the autoscaler's.
    let until = Some(Instant::now() + Duration::from_secs(3600));
    let (_kept, leads) = watch::channel(Leadership {
        leader: None,
        until,
    });
    let (authority, bundle) = Authority::new(client.clone(), &space, LIFETIMES);
    tasks.spawn(authority.run(leads, stop.clone()));
    tasks.spawn(write_authorities(bundle, ca.clone()));
    let (secured, mut certificate) = watch::channel(None);
    let secret = names::AUTOSCALER_TLS_SECRET.to_owned();
    tasks.spawn(follow_certificate(client, space.clone(), secret, secured));
    certificate.wait_for(Option::is_some).await.unwrap();
    let first = certificate.borrow_and_update().clone().unwrap();
    let tls = ServerTls::new(&first.chain, &first.key).unwrap();
    tasks.spawn(renew(tls.clone(), certificate.clone()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let arrived = Arrived::default();
    let door = Watched(scaler.running.door(), Arc::clone(&arrived));
    tasks.spawn({
        let (metrics, stop) = (Arc::new(ServerMetrics::default()), stop.clone());
        let config = ServerConfig::default();
        async move {
            cheerful_wire::serve(listener, Some(tls), Arc::new(door), config, metrics, stop)
                .await
                .unwrap();
        }
    });

    // The queue's.
    let server = format!("{}.{space}.svc", names::AUTOSCALER);
    let link = |who| LinkConfig {
        autoscaler: at.to_string(),
        server_name: Some(server.clone()),
        ca_file: Some(ca.clone()),
        token_file: Some(token.clone()),
        transport: Transport::Grpc,
        who,
        refresh: Duration::from_millis(200),
    };
    let cart = shop.workload(WorkloadKind::Revision, "cart");
    let who = shop.hello(cart, &pods[0], String::new()).who;
    eventually("the authority is known", async || ca.exists().then_some(())).await;
    let oldest = fs::read_to_string(&ca).unwrap();
    let (queue, mut down) = Link::start(link(who)).unwrap();
    down.recv().await.unwrap();

    let start = Instant::now();
    let mut beat = interval(Duration::from_millis(20));
    let (mut sent, mut served) = (0_u64, BTreeSet::new());
    loop {
        beat.tick().await;
        queue.send(report(sent));
        sent += 1;
        if sent.is_multiple_of(25) {
            let (server, ca) = (server.clone(), ca.clone());
            let known = certificate.borrow().clone().unwrap();
            // Whoever comes now trusts what it is shown, and that is the newest but for the moment of the change.
            let seen = tokio::task::spawn_blocking(move || shown(at, &server, &ca));
            let seen = seen.await.unwrap();
            let newest = certificate.borrow().clone().unwrap();
            assert!(seen == same(&known) || seen == same(&newest));
            served.insert(seen);
        }
        let is_new = !fs::read_to_string(&ca).unwrap().contains(oldest.trim());
        if is_new && served.len() >= 4 {
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(90),
            "{} certificates",
            served.len()
        );
    }
    println!(
        "{sent} reports in {:?}; {} certificates were shown, the last by another authority; the stream came up {} times",
        start.elapsed(),
        served.len(),
        queue.metrics().connects_total
    );
    eventually("the last report arrives", async || {
        sleep(Duration::from_millis(50)).await;
        (arrived.lock().unwrap().last() == Some(&(sent - 1))).then_some(())
    })
    .await;
    let all: Vec<u64> = (0..sent).collect();
    assert_eq!(*arrived.lock().unwrap(), all, "none is lost, none is twice");
    let counted = queue.metrics();
    assert_eq!((counted.dropped_total, counted.refused_total), (0, 0));
    stop.cancel();
}
