// SPDX-License-Identifier: Apache-2.0
use std::{pin::pin, time::Duration};

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt as _, watcher::watch_object},
};
use tokio::{sync::watch, time::sleep};

/// The certificate of the port for reports, as the controller made it.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
}

/// Follows the Secret of that name: the certificate that it has, now and later. Ends when the receiver is dropped.
pub async fn follow_certificate(
    client: Client,
    namespace: String,
    name: String,
    to: watch::Sender<Option<Certificate>>,
) {
    let secrets: Api<Secret> = Api::namespaced(client, &namespace);
    let mut seen = pin!(watch_object(secrets, &name).default_backoff());
    let mut missed = false;
    loop {
        let next = tokio::select! {
            next = seen.next() => next,
            () = to.closed() => return,
        };
        match next {
            Some(Ok(Some(secret))) => match certificate(&secret) {
                Some(certificate) => {
                    to.send_if_modified(|before| {
                        let changed = before.as_ref() != Some(&certificate);
                        *before = Some(certificate);
                        changed
                    });
                    missed = false;
                }
                None => tracing::warn!("Secret {namespace}/{name} lacks tls.crt or tls.key"),
            },
            // The one that is in use stays in use.
            Some(Ok(None)) if !missed => {
                tracing::info!("waits for Secret {namespace}/{name}, which the controller makes");
                missed = true;
            }
            Some(Ok(None)) => {}
            Some(Err(error)) => tracing::warn!("Secret {namespace}/{name}: {error}"),
            None => sleep(Duration::from_secs(1)).await,
        }
    }
}

fn certificate(secret: &Secret) -> Option<Certificate> {
    let data = secret.data.as_ref()?;
    let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
    Some(Certificate {
        chain: text("tls.crt")?,
        key: text("tls.key")?,
    })
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}
