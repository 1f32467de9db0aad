// SPDX-License-Identifier: Apache-2.0
//! The one file of this room that names rustls.
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::{fs, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::Unread;

/// The files are larger than this only by mistake.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Whom to trust by https, and who we are there. The files are read for each connection, so that a change holds at once.
#[derive(Debug, Default)]
pub struct Trust {
    /// PEM certificates of the authorities; `None`: those that the machine trusts.
    pub(crate) ca_file: Option<PathBuf>,
    /// Our PEM certificate chain and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Nothing is verified.
    unverified: bool,
    last: Last,
}

impl Trust {
    /// Takes any certificate: by a person's word alone.
    pub(crate) fn unverified() -> Self {
        Self {
            unverified: true,
            ..Self::default()
        }
    }

    pub(crate) fn new(ca_file: Option<PathBuf>, identity: Option<(PathBuf, PathBuf)>) -> Self {
        Self {
            ca_file,
            identity,
            ..Self::default()
        }
    }

    /// The handshake.
    ///
    /// # Errors
    /// When a file cannot be used, and when the other side's certificate is not accepted.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Unread> {
        let name = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| Unread::Setup(format!("{host} is no name that a certificate can have")))?;
        let connector = self.connector().await?;
        (connector.connect(name, stream).await).map_err(|error| handshake(&error))
    }

    async fn connector(&self) -> Result<TlsConnector, Unread> {
        let mut texts = Vec::new();
        let (chain, key) = self
            .identity
            .as_ref()
            .map(|(chain, key)| (chain, key))
            .unzip();
        for file in [self.ca_file.as_ref(), chain, key] {
            texts.push(match file {
                Some(file) => text(file).await?,
                None => String::new(),
            });
        }
        if let Some((before, connector)) = &*self.last.lock()
            && *before == texts
        {
            return Ok(connector.clone());
        }
        let config = self.config(&texts)?;
        let connector = TlsConnector::from(Arc::new(config));
        *self.last.lock() = Some((texts, connector.clone()));
        Ok(connector)
    }

    fn config(&self, texts: &[String]) -> Result<ClientConfig, Unread> {
        let [ca, chain, key] = texts else {
            return Err(Unread::Setup("its files were not read".to_owned()));
        };
        let provider = Arc::new(ring::default_provider());
        if self.unverified {
            return any(provider);
        }
        let roots = match &self.ca_file {
            Some(file) => given(file, ca)?,
            None => trusted_here()?,
        };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| Unread::Setup(format!("whom to trust: {error}")))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Unread::Setup(format!("TLS versions: {error}")))?
            .with_webpki_verifier(verifier);
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain_file, key_file)) => {
                let chain = certificates(chain_file, chain)?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                    .map_err(|error| wrong(key_file, error))?;
                config
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| wrong(chain_file, error))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn any(provider: Arc<CryptoProvider>) -> Result<ClientConfig, Unread> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Unread::Setup(format!("TLS versions: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Believes whoever holds the key of the certificate that it shows.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What the files said last, and what was made of it.
#[derive(Default)]
struct Last(Mutex<Option<(Vec<String>, TlsConnector)>>);

impl Last {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Vec<String>, TlsConnector)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Last")
    }
}

/// A file's text, of at most a megabyte.
///
/// # Errors
/// Names the file.
pub(crate) async fn text(file: &Path) -> Result<String, Unread> {
    let size = fs::metadata(file)
        .await
        .map_err(|error| wrong(file, error))?
        .len();
    if size > LARGEST_FILE {
        return Err(wrong(
            file,
            format!("{size} bytes; should be at most {LARGEST_FILE}"),
        ));
    }
    fs::read_to_string(file)
        .await
        .map_err(|error| wrong(file, error))
}

fn wrong(file: &Path, why: impl fmt::Display) -> Unread {
    Unread::Setup(format!("{}: {why}", file.display()))
}

fn certificates(file: &Path, text: &str) -> Result<Vec<CertificateDer<'static>>, Unread> {
    let found = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(file, error))?;
    if found.is_empty() {
        return Err(wrong(file, "there is no certificate in it; should be PEM"));
    }
    Ok(found)
}

fn given(file: &Path, text: &str) -> Result<RootCertStore, Unread> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, text)? {
        roots.add(certificate).map_err(|error| wrong(file, error))?;
    }
    Ok(roots)
}

fn trusted_here() -> Result<RootCertStore, Unread> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let why = "this machine has no certificates of authorities: name a file of them by caFile";
        return Err(Unread::Setup(why.to_owned()));
    }
    Ok(roots)
}

fn handshake(error: &io::Error) -> Unread {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(why)) => Unread::Certificate(why.to_string()),
        _ => Unread::Silent(format!("no handshake: {error}")),
    }
}
