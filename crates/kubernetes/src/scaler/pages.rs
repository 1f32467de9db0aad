// SPDX-License-Identifier: Apache-2.0
use http::{Request, Response, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, client::Body};

use crate::names;

/// The pages of the autoscaler that leads, asked through the API server with a person's own rights.
#[derive(Clone)]
pub struct LeaderPages {
    client: Client,
    namespace: String,
    pod: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// Nobody leads.
    #[error(
        "no autoscaler leads in namespace {namespace:?}: Lease {lease} {why}; is cheerful installed there?"
    )]
    NoLeader {
        /// Where was looked.
        namespace: String,
        /// For what.
        lease: String,
        /// What was found.
        why: String,
    },
    /// The API server does not answer, or refuses.
    #[error("the API server: {0}")]
    Api(#[from] Box<kube::Error>),
    /// A path that is none.
    #[error("{0:?} is no path")]
    Path(String),
}

impl LeaderPages {
    /// Finds who leads: the autoscaler of the one Revision (namespace, name) if it has its own, or else that of all.
    ///
    /// # Errors
    /// When nobody leads, and when the API server does not say so.
    pub async fn find(
        client: Client,
        system: &str,
        revision: Option<(&str, &str)>,
    ) -> Result<Self, LeaderError> {
        if let Some((namespace, name)) = revision {
            let lease = names::dedicated_autoscaler(name);
            if let Ok(pod) = holder(&client, namespace, &lease).await? {
                return Ok(Self {
                    client,
                    namespace: namespace.to_owned(),
                    pod,
                });
            }
        }
        let lease = names::autoscaler_lease(0);
        match holder(&client, system, &lease).await? {
            Ok(pod) => Ok(Self {
                client,
                namespace: system.to_owned(),
                pod,
            }),
            Err(why) => Err(LeaderError::NoLeader {
                namespace: system.to_owned(),
                lease,
                why: why.to_owned(),
            }),
        }
    }

    /// Its name.
    #[must_use]
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// Asks for a page, such as `/v1/revisions`.
    ///
    /// # Errors
    /// When the API server does not answer. What it or the pod answers is given as it is.
    pub async fn get(&self, path: &str) -> Result<Response<Body>, LeaderError> {
        let (namespace, pod, port) = (&self.namespace, &self.pod, names::ADMIN_PORT);
        let whole = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}");
        let request = Request::get(whole)
            .body(Body::empty())
            .map_err(|_| LeaderError::Path(path.to_owned()))?;
        Ok(self.client.send(request).await.map_err(Box::new)?)
    }
}

impl std::fmt::Debug for LeaderPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaderPages")
            .field("pod", &self.pod)
            .finish_non_exhaustive()
    }
}

async fn holder(
    client: &Client,
    namespace: &str,
    lease: &str,
) -> Result<Result<String, &'static str>, LeaderError> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let found = match leases.get_opt(lease).await {
        Err(kube::Error::Api(status)) if status.code == StatusCode::NOT_FOUND.as_u16() => None,
        found => found.map_err(Box::new)?,
    };
    let Some(found) = found else {
        return Ok(Err("is not there"));
    };
    let holder = found.spec.and_then(|spec| spec.holder_identity);
    Ok(holder
        .filter(|holder| !holder.is_empty())
        .ok_or("is held by nobody"))
}
