// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use super::{Due, Issued, Lifetimes, MakeError, Root, make, step};
use crate::{controller::DedicatedAutoscalers, lease::Leadership, names};

/// Keeps the authority and the autoscalers' certificate as they should be, while one leads.
pub struct Authority {
    client: Client,
    namespace: String,
    secrets: Api<Secret>,
    dedicated: Option<watch::Receiver<DedicatedAutoscalers>>,
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
    #[error("Secret {0} is somebody else's, for it does not have our labels: it is left alone")]
    Taken(&'static str),
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
            // Those that serve one Revision alone, in this very namespace.
            format!("*.{namespace}.svc"),
        ];
        let this = Self {
            secrets: Api::namespaced(client.clone(), namespace),
            client,
            namespace: namespace.to_owned(),
            dedicated: None,
            names,
            lifetimes,
            bundle,
        };
        (this, receiver)
    }

    /// With a certificate in each namespace with an autoscaler that serves one Revision alone.
    #[must_use]
    pub fn also_for(mut self, dedicated: watch::Receiver<DedicatedAutoscalers>) -> Self {
        self.dedicated = Some(dedicated);
        self
    }

    /// Until `stop`.
    pub async fn run(
        mut self,
        mut leadership: watch::Receiver<Leadership>,
        stop: CancellationToken,
    ) {
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
            let dedicated = self.dedicated.as_mut();
            let more = async {
                match dedicated {
                    Some(dedicated) => dedicated.changed().await.is_ok(),
                    None => false,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = leadership.changed() => {}
                true = more => {}
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
        let mut issued = served.and_then(|secret| Some(Served::of(&secret)?.issued));
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
                    let new = Served::sign(root, self.names.clone(), now, ends)?;
                    new.apply(&self.secrets, &[]).await?;
                    issued = Some(new.issued);
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
        self.look_at_dedicated(&roots).await;
        Ok(())
    }

    /// The same in each namespace with autoscalers that serve one Revision alone. One that fails does not stop the others.
    async fn look_at_dedicated(&self, roots: &[Root]) {
        let all = self.dedicated.as_ref();
        let all = all.map(|all| all.borrow().clone()).unwrap_or_default();
        for (namespace, owners) in all.iter().filter(|(name, _)| **name != self.namespace) {
            if let Err(error) = self.look_at(namespace, owners, roots).await {
                tracing::warn!(namespace, %error, "its autoscalers' certificate cannot be kept");
            }
        }
    }

    /// One certificate for all of a namespace, for what is created cannot be granted by name. It goes with the last of
    /// their Services.
    async fn look_at(
        &self,
        namespace: &str,
        owners: &[OwnerReference],
        roots: &[Root],
    ) -> Result<(), Trouble> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let served = secrets.get_opt(names::AUTOSCALER_TLS_SECRET).await?;
        let labelled = |secret: &Secret| secret.labels().get(names::MANAGED_BY_LABEL).cloned();
        if served
            .as_ref()
            .is_some_and(|secret| labelled(secret).as_deref() != Some(names::MANAGED_BY))
        {
            return Err(Trouble::Taken(names::AUTOSCALER_TLS_SECRET));
        }
        let is_owned = served
            .as_ref()
            .is_some_and(|secret| secret.owner_references() == owners);
        let names = vec![format!("*.{namespace}.svc")];
        let kept = served.as_ref().and_then(Served::of);
        let now = wall_clock();
        let issued = kept.as_ref().map(|kept| &kept.issued);
        let signed = match step(roots, issued, &names, &self.lifetimes, now) {
            Some(Due::Sign { by, ends }) => roots
                .iter()
                .find(|root| root.made == by)
                .map(|root| Served::sign(root, names, now, ends))
                .transpose()?,
            _ => kept.filter(|_| !is_owned),
        };
        let Some(served) = signed else { return Ok(()) };
        served.apply(&secrets, owners).await?;
        tracing::info!(namespace, "its own autoscalers have a new certificate");
        Ok(())
    }

    async fn keep(&self, roots: &[Root]) -> Result<(), Trouble> {
        let bundle: String = roots.iter().map(|root| root.certificate.as_str()).collect();
        let data = json!({ROOTS: bytes(&serde_json::to_string(roots)?), "ca.crt": bytes(&bundle)});
        let metadata = json!({
            "name": names::CA_SECRET,
            "labels": {names::MANAGED_BY_LABEL: names::MANAGED_BY},
        });
        apply(&self.secrets, "Opaque", metadata, data).await
    }
}

/// A certificate with its key as its Secret has it.
struct Served {
    issued: Issued,
    certificate: ByteString,
    key: ByteString,
}

impl Served {
    fn of(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let issued = secret.annotations().get(ISSUED_ANNOTATION)?;
        Some(Self {
            issued: serde_json::from_str(issued).ok()?,
            certificate: data.get("tls.crt")?.clone(),
            key: data.get("tls.key")?.clone(),
        })
    }

    fn sign(
        root: &Root,
        names: Vec<String>,
        now: Duration,
        ends: Duration,
    ) -> Result<Self, MakeError> {
        let (certificate, key) = make::server(root, &names, now, ends)?;
        Ok(Self {
            issued: Issued {
                names,
                made: now,
                ends,
                signed_by: root.made,
            },
            certificate: bytes(&certificate),
            key: bytes(&key),
        })
    }

    async fn apply(&self, secrets: &Api<Secret>, owners: &[OwnerReference]) -> Result<(), Trouble> {
        let metadata = json!({
            "name": names::AUTOSCALER_TLS_SECRET,
            "labels": {names::MANAGED_BY_LABEL: names::MANAGED_BY},
            "annotations": {ISSUED_ANNOTATION: serde_json::to_string(&self.issued)?},
            "ownerReferences": owners,
        });
        let data = json!({"tls.crt": self.certificate, "tls.key": self.key});
        apply(secrets, "kubernetes.io/tls", metadata, data).await
    }
}

async fn apply(
    secrets: &Api<Secret>,
    kind: &str,
    metadata: serde_json::Value,
    data: serde_json::Value,
) -> Result<(), Trouble> {
    let name = metadata["name"].as_str().unwrap_or_default().to_owned();
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": kind,
        "data": data,
    });
    let parameters = PatchParams::apply(names::CONTROLLER_MANAGER).force();
    secrets
        .patch(&name, &parameters, &Patch::Apply(&object))
        .await?;
    Ok(())
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
