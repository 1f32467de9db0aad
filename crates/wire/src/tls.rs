// SPDX-License-Identifier: Apache-2.0
//! The one file of this room that names rustls.
use std::path::PathBuf;

/// A server's certificate, which can be replaced while it serves. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct ServerTls {}

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
    pub fn new(_chain_pem: &str, _key_pem: &str) -> Result<Self, TlsError> {
        todo!()
    }

    /// Takes others for connections to come; those that are up go on.
    ///
    /// # Errors
    /// When they cannot be read or do not fit each other: the ones before stay.
    pub fn replace(&self, _chain_pem: &str, _key_pem: &str) -> Result<(), TlsError> {
        todo!()
    }
}
