// SPDX-License-Identifier: Apache-2.0
//! The one file of this room that names rustls.
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// How gRPC names itself in a handshake.
const H2: &[u8] = b"h2";
/// How WebSocket does.
const HTTP_1: &[u8] = b"http/1.1";

/// A connection of a server after its handshake. It is large: boxed, it is not copied into each future that passes it on.
pub(crate) type Secured = server::TlsStream<TcpStream>;

/// A server's certificate, which can be replaced while it serves. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct ServerTls {
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

/// Certificates or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum TlsError {
    #[error("{}: {why}", file.display())]
    File { file: PathBuf, why: String },
    #[error("{what}: {why}")]
    Pem { what: &'static str, why: String },
}

impl ServerTls {
    /// From a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// When they cannot be read or do not fit each other.
    pub fn new(chain_pem: &str, key_pem: &str) -> Result<Self, TlsError> {
        let key = certified_key(chain_pem, key_pem)?;
        let current = Arc::new(Current(ArcSwap::from_pointee(key)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| pem("TLS versions", error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![H2.to_vec(), HTTP_1.to_vec()];
        // A resumed session would not look at the certificate, and streams live long.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// Takes others for connections to come; those that are up go on.
    ///
    /// # Errors
    /// When they cannot be read or do not fit each other: the ones before stay.
    pub fn replace(&self, chain_pem: &str, key_pem: &str) -> Result<(), TlsError> {
        let key = certified_key(chain_pem, key_pem)?;
        self.current.0.store(Arc::new(key));
        Ok(())
    }

    /// The handshake. Also says whether the other side wants HTTP/2.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(Box<Secured>, bool)> {
        let stream = self.acceptor.accept(stream).await?;
        let http_2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        Ok((Box::new(stream), http_2))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

/// The certificate that the next handshake shows.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certified_key(chain_pem: &str, key_pem: &str) -> Result<CertifiedKey, TlsError> {
    let chain = certificates("the certificate chain", chain_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|error| pem("the private key", error))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| pem("the certificate chain and its key", error))
}

fn certificates(what: &'static str, text: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| pem(what, error))?;
    if certificates.is_empty() {
        return Err(pem(what, "there is no certificate in it"));
    }
    Ok(certificates)
}

fn pem(what: &'static str, why: impl fmt::Display) -> TlsError {
    TlsError::Pem {
        what,
        why: why.to_string(),
    }
}

/// How a client proves its server: by certificates in a file, which is read again for each connection.
pub(crate) struct ClientTls {
    name: ServerName<'static>,
    ca_file: PathBuf,
    http_2: bool,
    /// The file's text as it was last usable, and what was made of it.
    last: Mutex<(String, TlsConnector)>,
}

impl ClientTls {
    /// # Errors
    /// When the name is none, or the file cannot be used.
    pub(crate) fn new(name: &str, ca_file: &Path, http_2: bool) -> Result<Self, TlsError> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| pem("the server's name", format!("{name:?}: {error}")))?;
        let text = read(ca_file)?;
        let connector = connector(ca_file, &text, http_2)?;
        Ok(Self {
            name,
            ca_file: ca_file.to_owned(),
            http_2,
            last: Mutex::new((text, connector)),
        })
    }

    /// The handshake.
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let connector = self.newest();
        connector.connect(self.name.clone(), stream).await
    }

    /// By the file as it is now; as it was, while it cannot be used.
    fn newest(&self) -> TlsConnector {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(&self.ca_file).and_then(|text| {
            if text == last.0 {
                return Ok(None);
            }
            let connector = connector(&self.ca_file, &text, self.http_2)?;
            Ok(Some((text, connector)))
        });
        match read {
            Ok(None) => {}
            Ok(Some(newer)) => *last = newer,
            Err(error) => {
                tracing::warn!(%error, "the certificates to trust cannot be read; the last ones are used");
            }
        }
        last.1.clone()
    }
}

fn read(file: &Path) -> Result<String, TlsError> {
    std::fs::read_to_string(file).map_err(|error| in_file(file, error))
}

fn connector(file: &Path, text: &str, http_2: bool) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in
        certificates("the certificates to trust", text).map_err(|error| in_file(file, error))?
    {
        roots
            .add(certificate)
            .map_err(|error| in_file(file, error))?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| in_file(file, error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![if http_2 { H2 } else { HTTP_1 }.to_vec()];
    // Each connection looks at the certificate anew.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn in_file(file: &Path, why: impl fmt::Display) -> TlsError {
    TlsError::File {
        file: file.to_owned(),
        why: why.to_string(),
    }
}
