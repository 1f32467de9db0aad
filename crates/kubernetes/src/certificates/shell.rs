// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use super::{Due, Issued, Lifetimes, MakeError, Root, make, step};
use crate::{lease::Leadership, names};

/// Keeps the authority and the autoscalers' certificate as they should be, while one leads.
pub struct Authority {
    secrets: Api<Secret>,
    names: Vec<String>,
    lifetimes: Lifetimes,
    bundle: watch::Sender<Option<Arc<str>>>,
}

/// In the authority's Secret: all [`Root`]s, as JSON.
const ROOTS: &str = "authorities.json";
/// On the certificate's Secret: [`Issued`], as JSON.
const ISSUED_ANNOTATION: &str = "cheerful.dev/issued";

/// Why they are not as they should be.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Api(#[from] kube::Error),
    #[error("{0}")]
    Make(#[from] MakeError),
    #[error("the authorities that are kept cannot be read: {0}")]
    Read(#[from] serde_json::Error),
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("names", &self.names)
            .field("lifetimes", &self.lifetimes)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// For the autoscalers in `namespace`; the receiver has all certificates to trust, one after the other, as PEM.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        lifetimes: Lifetimes,
    ) -> (Self, watch::Receiver<Option<Arc<str>>>) {
        let (bundle, receiver) = watch::channel(None);
        let service = names::AUTOSCALER;
        let names = vec![
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc.cluster.local"),
            // Those that serve one Revision alone.
            format!("*.{namespace}.svc"),
        ];
        let this = Self {
            secrets: Api::namespaced(client, namespace),
            names,
            lifetimes,
            bundle,
        };
        (this, receiver)
    }

    /// Until `stop`.
    pub async fn run(self, mut leadership: watch::Receiver<Leadership>, stop: CancellationToken) {
        loop {
            if leadership.borrow().leads(now())
                && let Err(error) = self.look().await
            {
                tracing::warn!(%error, "the certificates cannot be kept");
            }
            let wait = if self.bundle.borrow().is_some() {
                self.lifetimes.look
            } else {
                RETRY
            };
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = leadership.changed() => {}
                () = time::sleep(wait) => {}
            }
        }
    }

    /// Does all that is due. Each thing is stored before the next one hangs on it.
    async fn look(&self) -> Result<(), Trouble> {
        let kept = self.secrets.get_opt(names::CA_SECRET).await?;
        // One that cannot be read is not thrown away: a person has to look.
        let mut roots: Vec<Root> = match kept
            .as_ref()
            .and_then(|secret| secret.data.as_ref()?.get(ROOTS))
        {
            Some(json) => serde_json::from_slice(&json.0)?,
            None => Vec::new(),
        };
        let served = self.secrets.get_opt(names::AUTOSCALER_TLS_SECRET).await?;
        let mut issued: Option<Issued> = served.and_then(|secret| {
            let data = secret.data.as_ref()?;
            let whole = data.contains_key("tls.crt") && data.contains_key("tls.key");
            let text = secret
                .annotations()
                .get(ISSUED_ANNOTATION)
                .filter(|_| whole)?;
            serde_json::from_str(text).ok()
        });
        let now = wall_clock();
        while let Some(due) = step(&roots, issued.as_ref(), &self.names, &self.lifetimes, now) {
            match due {
                Due::Forget(made) => {
                    roots.retain(|root| !made.contains(&root.made));
                    if !roots.is_empty() {
                        self.keep(&roots).await?;
                    }
                }
                Due::MakeRoot { ends } => {
                    roots.push(make::root(now, ends)?);
                    self.keep(&roots).await?;
                    tracing::info!("a new certificate authority is trusted from now on");
                }
                Due::Sign { by, ends } => {
                    let Some(root) = roots.iter().find(|root| root.made == by) else {
                        break;
                    };
                    let (certificate, key) = make::server(root, &self.names, now, ends)?;
                    let new = Issued {
                        names: self.names.clone(),
                        made: now,
                        ends,
                        signed_by: by,
                    };
                    self.serve(&new, &certificate, &key).await?;
                    issued = Some(new);
                    tracing::info!("the autoscalers have a new certificate");
                }
            }
        }
        let bundle: String = roots.iter().map(|root| root.certificate.as_str()).collect();
        self.bundle.send_if_modified(|told| {
            let changed = told.as_deref() != Some(&bundle);
            if changed {
                *told = Some(bundle.into());
            }
            changed
        });
        Ok(())
    }

    async fn keep(&self, roots: &[Root]) -> Result<(), Trouble> {
        let bundle: String = roots.iter().map(|root| root.certificate.as_str()).collect();
        let data = json!({ROOTS: bytes(&serde_json::to_string(roots)?), "ca.crt": bytes(&bundle)});
        self.apply(names::CA_SECRET, "Opaque", json!({}), data)
            .await
    }

    async fn serve(&self, issued: &Issued, certificate: &str, key: &str) -> Result<(), Trouble> {
        let annotations = json!({ISSUED_ANNOTATION: serde_json::to_string(issued)?});
        let data = json!({"tls.crt": bytes(certificate), "tls.key": bytes(key)});
        self.apply(
            names::AUTOSCALER_TLS_SECRET,
            "kubernetes.io/tls",
            annotations,
            data,
        )
        .await
    }

    async fn apply(
        &self,
        name: &str,
        kind: &str,
        annotations: serde_json::Value,
        data: serde_json::Value,
    ) -> Result<(), Trouble> {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": {names::MANAGED_BY_LABEL: names::MANAGED_BY},
                "annotations": annotations,
            },
            "type": kind,
            "data": data,
        });
        let parameters = PatchParams::apply(names::CONTROLLER_MANAGER).force();
        self.secrets
            .patch(name, &parameters, &Patch::Apply(&object))
            .await?;
        Ok(())
    }
}

/// As a Secret keeps it.
fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

/// While there is nothing to trust yet, nothing else can begin.
const RETRY: Duration = Duration::from_secs(1);

#[expect(
    clippy::disallowed_methods,
    reason = "whether one leads is asked of the monotonic clock"
)]
fn now() -> Instant {
    Instant::now()
}

/// Certificates are about the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the shell reads the clock that the rule is given"
)]
fn wall_clock() -> Duration {
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
