// SPDX-License-Identifier: Apache-2.0
use std::{fmt, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tokio::{sync::watch, time::sleep};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// By what the API server proves itself to those to whom it passes requests on.
#[derive(Clone, PartialEq, Eq)]
pub struct FrontProxy {
    /// The authority of its certificate, PEM.
    pub authority: String,
    /// The common names that it may have; empty: any.
    pub names: Vec<String>,
}

/// Where Kubernetes says so, in the namespace `kube-system`.
const CONFIG_MAP: &str = "extension-apiserver-authentication";
/// An authority is changed once in years.
const LOOK: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_secs(2);

impl FrontProxy {
    /// # Errors
    /// Which of the fields is missing or no right one.
    pub fn read(config_map: &ConfigMap) -> Result<Self, String> {
        let field = |name: &str| {
            let data = config_map.data.as_ref();
            let text = data.and_then(|data| data.get(name));
            text.ok_or_else(|| format!("{name} is missing: the API server has no front proxy"))
        };
        let names = field("requestheader-allowed-names")?;
        let names = serde_json::from_str(names).map_err(|error| {
            format!("requestheader-allowed-names should be a list of texts: {error}")
        })?;
        Ok(Self {
            authority: field("requestheader-client-ca-file")?.clone(),
            names,
        })
    }

    /// The certificates of the authority.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let read = CertificateDer::pem_slice_iter(self.authority.as_bytes());
        match read.collect::<Result<Vec<_>, _>>() {
            Ok(some) if !some.is_empty() => Ok(some),
            Ok(_) => Err("there is no certificate in it".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether a certificate that the authority has signed is the front proxy's.
    pub(super) fn is(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok((_, read)) = X509Certificate::from_der(certificate) else {
            return false;
        };
        let mut names = read.subject().iter_common_name();
        let name = names.next().and_then(|name| name.as_str().ok());
        self.names.is_empty()
            || name.is_some_and(|name| self.names.iter().any(|known| known == name))
    }
}

/// The certificates are public, and long.
impl fmt::Debug for FrontProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontProxy")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Says it now and later; what was known stays while it cannot be read. Ends when the receiver is dropped.
pub async fn follow_front_proxy(client: Client, to: watch::Sender<Option<FrontProxy>>) {
    let config_maps: Api<ConfigMap> = Api::namespaced(client, "kube-system");
    let mut told = String::new();
    while !to.is_closed() {
        let read = match config_maps.get(CONFIG_MAP).await {
            Ok(config_map) => FrontProxy::read(&config_map),
            Err(error) => Err(error.to_string()),
        };
        let wait = match read {
            Ok(seen) => {
                told.clear();
                to.send_if_modified(|known| {
                    let is_new = known.as_ref() != Some(&seen);
                    *known = Some(seen);
                    is_new
                });
                LOOK
            }
            Err(why) => {
                if why != told {
                    tracing::warn!("external metrics: ConfigMap kube-system/{CONFIG_MAP}: {why}");
                    told = why;
                }
                RETRY
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = to.closed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    use serde_json::json;

    use super::*;

    fn config_map(data: serde_json::Value) -> ConfigMap {
        serde_json::from_value(json!({"data": data})).unwrap()
    }

    fn certificate(name: &str) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn only_the_names_that_are_allowed_are_let_in() {
        let of = |names: &str| {
            let data = json!({
                "requestheader-client-ca-file": "x", "requestheader-allowed-names": names,
            });
            FrontProxy::read(&config_map(data)).unwrap()
        };
        let one = of(r#"["front-proxy"]"#);
        assert!(one.is(&certificate("front-proxy")) && !one.is(&certificate("admin")));
        assert!(!one.is(&CertificateDer::from(b"garbage".to_vec())));
        assert!(of("[]").is(&certificate("admin")));
        assert!(one.authorities().is_err());
    }

    #[test]
    fn what_is_missing_is_told() {
        let told = FrontProxy::read(&config_map(json!({}))).unwrap_err();
        assert!(
            told.contains("requestheader-allowed-names is missing"),
            "{told}"
        );
        let data = json!({"requestheader-allowed-names": "front-proxy"});
        let told = FrontProxy::read(&config_map(data)).unwrap_err();
        assert!(told.contains("should be a list of texts"), "{told}");
    }
}
