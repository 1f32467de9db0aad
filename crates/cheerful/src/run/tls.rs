// SPDX-License-Identifier: Apache-2.0
use std::{fs::File, io::BufReader, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::TlsFiles;
use crate::exit::Failure;

/// Reads the certificate and its key. The only file that names rustls' types.
///
/// # Errors
/// Names the flag and the file, and what is wrong with it.
pub(crate) fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, Failure> {
    let wrong = |flag: &str, path: &Path, why: String| {
        Failure::bad_input(format!(
            "{flag} {}: {why}; a PEM file is right",
            path.display()
        ))
    };
    let open = |flag: &str, path: &Path| {
        File::open(path)
            .map(BufReader::new)
            .map_err(|error| wrong(flag, path, error.to_string()))
    };
    let certificates = CertificateDer::pem_reader_iter(open("--tls-cert", &files.cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong("--tls-cert", &files.cert, error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong(
            "--tls-cert",
            &files.cert,
            "there is no certificate in it".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_reader(open("--tls-key", &files.key)?)
        .map_err(|error| wrong("--tls-key", &files.key, error.to_string()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| wrong("--tls-key", &files.key, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
