// SPDX-License-Identifier: Apache-2.0
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! How a server is asked: who we are, whom we trust, and what is refused of an answer.
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_signals::{
    Unread,
    asking::Ask as _,
    query::{Access, Query},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

const ONE: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}"#;

/// Answers each request with the same bytes and keeps what it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answer: Vec<u8>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                match &tls {
                    None => talk(stream, &answer, &kept).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            talk(stream, &answer, &kept).await;
                        }
                    }
                }
            }
        });
        Self {
            address,
            asked,
            _tasks: tasks,
        }
    }

    fn last(&self) -> String {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    kept: &Mutex<Vec<String>>,
) {
    let mut request = [0; 8192];
    let Ok(read) = stream.read(&mut request).await else {
        return;
    };
    kept.lock()
        .unwrap()
        .push(String::from_utf8_lossy(&request[..read]).into_owned());
    let _written = stream.write_all(answer).await;
    let _ended = stream.shutdown().await;
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn ask(server: &str, access: Access) -> Result<f64, Unread> {
    let server = server.parse().unwrap();
    Query::new(server, "up", access, Duration::from_secs(2))
        .ask()
        .await
}

#[tokio::test]
async fn what_is_no_answer_says_why() {
    let huge = "x".repeat(1024 * 1024 + 1);
    let away = "Location: http://elsewhere/\r\n";
    let cases = [
        (answer("200 OK", "", ONE), Ok(7.0)),
        (
            answer("302 Found", away, ""),
            Err("redirects to http://elsewhere/, which is not followed"),
        ),
        (
            answer("503 Service Unavailable", "", "<html>"),
            Err("answered 503"),
        ),
        (
            answer("200 OK", "", &huge),
            Err("longer than 1048576 bytes"),
        ),
        (
            answer("200 OK", "Content-Type: text/html\r\n", "<html>"),
            Err("cannot be read: no answer of Prometheus: expected value at line 1 column 1"),
        ),
    ];
    for (bytes, expected) in cases {
        let server = Server::start(bytes, None).await;
        let found = ask(&format!("http://{}", server.address), Access::default()).await;
        assert_eq!(
            found.as_ref().copied().map_err(ToString::to_string),
            expected.map_err(str::to_owned)
        );
    }
    let garbage = Server::start(b"SSH-2.0-x\r\n".to_vec(), None).await;
    let found = ask(&format!("http://{}", garbage.address), Access::default()).await;
    assert_eq!(found.unwrap_err().name(), "silent");
}

#[tokio::test]
async fn an_answer_that_never_ends_costs_its_time() {
    let mut endless = answer("200 OK", "", ONE);
    endless.pop();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&endless).await.unwrap();
        std::future::pending::<()>().await;
    });
    let found = ask(&format!("http://{address}"), Access::default()).await;
    assert_eq!(found, Err(Unread::Silent("none in 2s".to_owned())));
}

#[tokio::test]
async fn a_token_is_read_again_each_time() {
    let server = Server::start(answer("200 OK", "", ONE), None).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let access = Access {
        token_file: Some(file.clone()),
        ..Access::default()
    };
    let address = format!("http://{}/prometheus/", server.address)
        .parse()
        .unwrap();
    let mut query = Query::new(address, "up", access, Duration::from_secs(2));
    let why = query.ask().await.unwrap_err();
    assert_eq!(why.name(), "setup");
    assert!(why.to_string().contains("token: No such file"), "{why}");
    for token in ["first", "second"] {
        fs::write(&file, format!("{token}\n")).unwrap();
        assert_eq!(query.ask().await, Ok(7.0));
        let asked = server.last();
        assert!(
            asked.starts_with("GET /prometheus/api/v1/query?query=up&timeout=2s HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(
            asked.contains(&format!("authorization: Bearer {token}\r\n")),
            "{asked}"
        );
        assert!(
            asked.contains(&format!("host: {}\r\n", server.address)),
            "{asked}"
        );
    }
    fs::write(&file, "a\nb").unwrap();
    assert!(
        query
            .ask()
            .await
            .unwrap_err()
            .to_string()
            .contains("should be a token of one line")
    );
}

/// An authority and a server that asks for a certificate of it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    fn client(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["client".to_owned()])
            .unwrap()
            .signed_by(&key, &self.0)
            .unwrap();
        let files = (folder.join("tls.crt"), folder.join("tls.key"));
        fs::write(&files.0, certificate.pem()).unwrap();
        fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_and_we_by_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new(), Authority::new());
    let server = Server::start(answer("200 OK", "", ONE), Some(ours.acceptor())).await;
    let address = format!("https://{}", server.address);
    let ca_file = folder.path().join("ca.crt");
    fs::write(&ca_file, ours.0.pem()).unwrap();
    let access = Access {
        token_file: None,
        ca_file: Some(ca_file.clone()),
        identity: Some(ours.client(folder.path())),
    };
    let server = address.parse().unwrap();
    let mut query = Query::new(server, "up", access.clone(), Duration::from_secs(2));
    assert_eq!(query.ask().await, Ok(7.0));
    // The authority changes while we ask.
    fs::write(&ca_file, other.0.pem()).unwrap();
    assert_eq!(query.ask().await.unwrap_err().name(), "certificate");
    fs::write(&ca_file, "none").unwrap();
    let why = query.ask().await.unwrap_err();
    assert!(
        why.to_string()
            .contains("ca.crt: there is no certificate in it; should be PEM"),
        "{why}"
    );
    fs::write(&ca_file, ours.0.pem()).unwrap();
    assert_eq!(query.ask().await, Ok(7.0));
    // Who shows no certificate is not answered.
    let nobody = Access {
        identity: None,
        ..access.clone()
    };
    assert_eq!(ask(&address, nobody).await.unwrap_err().name(), "silent");
    // The machine's own authorities do not know this server.
    let machine = Access {
        ca_file: None,
        ..access
    };
    let why = ask(&address, machine).await.unwrap_err();
    assert!(matches!(why.name(), "certificate" | "setup"), "{why}");
}
