// SPDX-License-Identifier: Apache-2.0
//! Over real sockets, with an authority of the test's own in place of a cluster's.
use std::net::SocketAddr;

use cheerful_wire::{Workload, WorkloadKind};
use http_body_util::{BodyExt as _, Empty};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio_rustls::TlsConnector;

use super::*;
use crate::external::Figures;

const SERVER: &str = "cheerful-external-metrics.cheerful-system.svc";

struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named("authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { params, key, pem }
    }

    /// A certificate and its key, PEM.
    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name = named(name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        Certificate {
            chain: params.signed_by(&key, &issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

fn named(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

/// One Autoscaler is known.
struct Fixed;

impl Knows for Fixed {
    async fn figures(&self, workload: &Workload) -> Result<Figures, Unknown> {
        match (&*workload.name, workload.kind) {
            ("cart", WorkloadKind::Autoscaler) => Ok(Figures {
                in_flight: Some(12.5),
                wanted: 4,
            }),
            ("gauges", _) => Ok(Figures {
                in_flight: None,
                wanted: 0,
            }),
            ("silent", _) => Err(Unknown::Now("all are silent".to_owned())),
            _ => Err(Unknown::NotThere(workload.to_string())),
        }
    }
}

struct Running {
    address: SocketAddr,
    authority: Authority,
    counts: Arc<ExternalMetricsCounts>,
    front_proxy: watch::Sender<Option<FrontProxy>>,
    _certificate: watch::Sender<Option<Certificate>>,
    _tasks: JoinSet<()>,
}

/// `knows`: whether it knows the front proxy's authority already.
async fn start(knows: bool) -> Running {
    let authority = Authority::new();
    let ours = authority.sign(SERVER, ExtendedKeyUsagePurpose::ServerAuth);
    let (certificate, follows) = watch::channel(Some(ours));
    let (front_proxy, followed) = watch::channel(None);
    if knows {
        front_proxy.send_replace(Some(FrontProxy {
            authority: authority.pem.clone(),
            names: vec!["front-proxy".to_owned()],
        }));
    }
    let counts = Arc::new(ExternalMetricsCounts::default());
    let server = ExternalMetrics {
        knows: Fixed,
        certificate: follows,
        front_proxy: followed,
        counts: Arc::clone(&counts),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(server.serve(listener, CancellationToken::new()));
    Running {
        address,
        authority,
        counts,
        front_proxy,
        _certificate: certificate,
        _tasks: tasks,
    }
}

impl Running {
    /// What is answered to who shows this certificate; `None`: who is not let in.
    async fn ask(&self, shown: Option<&Certificate>, path: &str) -> Option<(u16, Value)> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).unwrap();
        roots.add(root).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let chain = CertificateDer::from_pem_slice(shown.chain.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(SERVER).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let secured = connector.connect(name, stream).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(secured))
            .await
            .ok()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let request = Request::get(path)
            .header("host", SERVER)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = sender.send_request(request).await.ok()?;
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Some((code, serde_json::from_slice(&body).unwrap()))
    }
}

const WANTED: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/cheerful_wanted_replicas?labelSelector=autoscaler%3Dcart";

#[tokio::test]
async fn the_api_server_is_answered_and_nobody_else() {
    let running = start(true).await;
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let front_proxy = running.authority.sign("front-proxy", client.clone());
    let (code, list) = running.ask(Some(&front_proxy), WANTED).await.unwrap();
    assert_eq!(code, 200, "{list}");
    assert_eq!(list["kind"], "ExternalMetricValueList");
    let item = &list["items"][0];
    assert_eq!(item["value"], "4");
    assert_eq!(item["metricName"], "cheerful_wanted_replicas");
    assert_eq!(item["metricLabels"]["autoscaler"], "cart");
    let at = item["timestamp"].as_str().unwrap();
    assert!(at.len() == 20 && at.ends_with('Z'), "{at}");
    let in_flight = WANTED.replace("wanted_replicas", "requests_in_flight");
    let (_, list) = running.ask(Some(&front_proxy), &in_flight).await.unwrap();
    assert_eq!(list["items"][0]["value"], "12500m");
    let version = "/apis/external.metrics.k8s.io/v1beta1";
    let (_, list) = running.ask(Some(&front_proxy), version).await.unwrap();
    assert_eq!(list["resources"][1]["name"], "cheerful_wanted_replicas");

    let other = WANTED.replace("%3Dcart", "%3Dother");
    let (code, status) = running.ask(Some(&front_proxy), &other).await.unwrap();
    assert_eq!(
        (code, &status["reason"]),
        (404, &"NotFound".into()),
        "{status}"
    );

    // An error and not 0, by which an HPA would scale down.
    let silent = WANTED.replace("%3Dcart", "%3Dsilent");
    let (code, status) = running.ask(Some(&front_proxy), &silent).await.unwrap();
    assert_eq!((code, &status["message"]), (503, &"all are silent".into()));
    let gauges = in_flight.replace("%3Dcart", "%3Dgauges");
    let (code, status) = running.ask(Some(&front_proxy), &gauges).await.unwrap();
    assert_eq!(
        (code, &status["reason"]),
        (400, &"BadRequest".into()),
        "{status}"
    );

    // Who has another certificate of the same authority is somebody, and not the API server.
    let admin = running.authority.sign("admin", client.clone());
    let (code, status) = running.ask(Some(&admin), WANTED).await.unwrap();
    assert_eq!((code, &status["kind"]), (403, &"Status".into()), "{status}");
    let stranger = Authority::new().sign("front-proxy", client);
    assert_eq!(running.ask(Some(&stranger), WANTED).await, None);
    assert_eq!(running.ask(None, WANTED).await, None);
    let counts = running.counts.snapshot();
    assert_eq!(
        (counts["answered"], counts["unknown"]),
        (3, 1),
        "{counts:?}"
    );
    assert_eq!(
        (counts["not_known"], counts["bad_request"]),
        (1, 1),
        "{counts:?}"
    );
    assert_eq!(
        (counts["forbidden"], counts["handshake"]),
        (1, 2),
        "{counts:?}"
    );
}

#[tokio::test]
async fn before_it_is_known_who_the_api_server_is_nobody_is_let_in() {
    let running = start(false).await;
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let front_proxy = running.authority.sign("front-proxy", client);
    assert_eq!(running.ask(Some(&front_proxy), WANTED).await, None);
    // What becomes known later holds from the next connection on.
    running.front_proxy.send_replace(Some(FrontProxy {
        authority: running.authority.pem.clone(),
        names: Vec::new(),
    }));
    let (code, _) = running.ask(Some(&front_proxy), WANTED).await.unwrap();
    assert_eq!(code, 200);
}
