// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::{
    ByteString,
    api::{discovery::v1::EndpointSlice, rbac::v1::ClusterRole},
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use super::answer::{GROUP, VERSION};
use crate::{lease::Leadership, names};

/// Registers the API at the API server while one leads, and keeps its certificates as they are. Where it is somebody
/// else's it stays so, for a cluster has it once.
pub struct Registration {
    client: Client,
    namespace: String,
    /// The ClusterRole that the registration goes with: a registration that is left behind would break the discovery of
    /// the whole cluster.
    owner: String,
    authorities: watch::Receiver<Option<Arc<str>>>,
    state: watch::Sender<RegistrationState>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// It is ours, and as it should be.
    Registered,
    /// It is not, and why.
    Waits(String),
    /// It is somebody else's, and whose.
    Taken(String),
}

/// Between two looks: somebody may have deleted it, or let it go.
const LOOK: Duration = Duration::from_secs(10);
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

impl Registration {
    /// For the autoscalers in `namespace`. `namespaced`: the installation is for that namespace alone. `authorities`: the
    /// certificates that vouch for them, PEM. The receiver tells how far it is.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        namespaced: bool,
        authorities: watch::Receiver<Option<Arc<str>>>,
    ) -> (Self, watch::Receiver<RegistrationState>) {
        let (state, told) = watch::channel(RegistrationState::Waits("it does not lead".to_owned()));
        let this = Self {
            client,
            namespace: namespace.to_owned(),
            owner: names::cluster_role(names::EXTERNAL_METRICS, namespaced.then_some(namespace)),
            authorities,
            state,
        };
        (this, told)
    }

    /// Until `stop`.
    pub async fn run(
        mut self,
        mut leadership: watch::Receiver<Leadership>,
        stop: CancellationToken,
    ) {
        loop {
            if leadership.borrow().leads(now()) {
                let state = self.look().await.unwrap_or_else(|error| {
                    RegistrationState::Waits(format!("the API server: {error}"))
                });
                self.tell(state);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = leadership.changed() => {}
                Ok(()) = self.authorities.changed() => {}
                () = time::sleep(LOOK) => {}
            }
        }
    }

    fn tell(&self, state: RegistrationState) {
        let api = names::EXTERNAL_METRICS_API;
        let is_new = self.state.send_if_modified(|before| {
            let is_new = *before != state;
            before.clone_from(&state);
            is_new
        });
        match state {
            _ if !is_new => {}
            RegistrationState::Registered => tracing::info!("APIService {api} is registered"),
            RegistrationState::Waits(why) => {
                tracing::info!("APIService {api} is not registered: {why}");
            }
            RegistrationState::Taken(whose) => tracing::warn!(
                "APIService {api} is served by {whose} and stays so, for a cluster has it once: HPAs cannot go by our figures. \
                 Delete it to have ours"
            ),
        }
    }

    async fn look(&self) -> kube::Result<RegistrationState> {
        let waits = |why: String| Ok(RegistrationState::Waits(why));
        let Some(authorities) = self.authorities.borrow().clone() else {
            return waits("there is no certificate yet".to_owned());
        };
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        let owner = roles.get_opt(&self.owner).await?;
        let Some(owner) = owner.and_then(|role| role.metadata.uid) else {
            let owner = &self.owner;
            return waits(format!(
                "there is no ClusterRole {owner}; it is among what `cheerful manifests --external-metrics` prints"
            ));
        };
        let services: Api<APIService> = Api::all(self.client.clone());
        let found = services.get_opt(names::EXTERNAL_METRICS_API).await?;
        let right = self.right(&authorities, &owner);
        match due(found.as_ref(), &right, &self.namespace) {
            Due::Nothing => {}
            Due::Taken(whose) => return Ok(RegistrationState::Taken(whose)),
            // One that nobody answers makes all discovery slow.
            Due::Create if !self.answers().await? => {
                let service = names::EXTERNAL_METRICS;
                return waits(format!("nobody is ready behind Service {service}"));
            }
            Due::Create => {
                // Somebody else may come first, and is seen at the next look.
                let made = serde_json::from_value(right).map_err(kube::Error::SerdeError)?;
                services.create(&PostParams::default(), &made).await?;
            }
            Due::Change(change) => {
                let name = names::EXTERNAL_METRICS_API;
                let parameters = PatchParams::default();
                let change = Patch::Merge(&change);
                services.patch(name, &parameters, &change).await?;
            }
        }
        Ok(RegistrationState::Registered)
    }

    async fn answers(&self) -> kube::Result<bool> {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), &self.namespace);
        let of = format!("{SERVICE_LABEL}={}", names::EXTERNAL_METRICS);
        let slices = slices.list(&ListParams::default().labels(&of)).await?;
        let mut endpoints = slices.items.iter().flat_map(|slice| &slice.endpoints);
        Ok(endpoints.any(|endpoint| {
            let conditions = endpoint.conditions.as_ref();
            conditions.and_then(|conditions| conditions.ready) == Some(true)
        }))
    }

    fn right(&self, authorities: &str, owner: &str) -> Value {
        json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {
                "name": names::EXTERNAL_METRICS_API,
                "labels": {names::MANAGED_BY_LABEL: names::MANAGED_BY},
                "ownerReferences": [{
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                    "name": self.owner, "uid": owner,
                }],
            },
            "spec": {
                "group": GROUP,
                "version": VERSION,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": false,
                "caBundle": ByteString(authorities.as_bytes().to_vec()),
                "service": {"name": names::EXTERNAL_METRICS, "namespace": self.namespace, "port": 443},
            },
        })
    }
}

/// Whether a registration leads to the autoscaler in this namespace.
pub(crate) fn is_ours(found: &APIService, namespace: &str) -> bool {
    let service = found.spec.as_ref().and_then(|spec| spec.service.as_ref());
    service.is_some_and(|service| {
        service.namespace.as_deref() == Some(namespace)
            && service.name.as_deref() == Some(names::EXTERNAL_METRICS)
    })
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq)]
enum Due {
    Nothing,
    Create,
    Change(Value),
    Taken(String),
}

fn due(found: Option<&APIService>, right: &Value, namespace: &str) -> Due {
    let Some(found) = found else {
        return Due::Create;
    };
    if !is_ours(found, namespace) {
        let service = found.spec.as_ref().and_then(|spec| spec.service.as_ref());
        return Due::Taken(match service {
            Some(service) => format!(
                "Service {}/{}",
                service.namespace.as_deref().unwrap_or_default(),
                service.name.as_deref().unwrap_or_default()
            ),
            None => "the API server itself".to_owned(),
        });
    }
    let spec = found.spec.as_ref();
    let authorities = spec.and_then(|spec| spec.ca_bundle.as_ref());
    let is_secure = spec.is_some_and(|spec| spec.insecure_skip_tls_verify != Some(true));
    let mut owners = found.owner_references().iter();
    let owner = &right["metadata"]["ownerReferences"][0]["uid"];
    if is_secure
        && authorities.map(|given| json!(given)).as_ref() == Some(&right["spec"]["caBundle"])
        && owners.any(|one| one.uid.as_str() == owner)
    {
        return Due::Nothing;
    }
    let mut change = right.clone();
    // Refused where somebody has changed it since.
    change["metadata"]["resourceVersion"] = json!(found.resource_version());
    Due::Change(change)
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether one leads is asked of the monotonic clock"
)]
fn now() -> Instant {
    Instant::now()
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kube::Config;

    use super::*;

    fn right(authorities: &str) -> Value {
        let nowhere = Config::new("http://127.0.0.1:1".parse().unwrap());
        let client = Client::try_from(nowhere).unwrap();
        let (_, none) = watch::channel(None);
        let (this, _) = Registration::new(client, "home", false, none);
        this.right(authorities, "uid-1")
    }

    fn registered(change: impl FnOnce(&mut Value)) -> APIService {
        let mut object = right("old and new");
        object["metadata"]["resourceVersion"] = json!("7");
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    #[tokio::test]
    async fn ours_is_kept_as_it_should_be() {
        let right = right("old and new");
        assert_eq!(due(None, &right, "home"), Due::Create);
        let found = registered(|_| {});
        assert_eq!(due(Some(&found), &right, "home"), Due::Nothing);
        for spoilt in [
            registered(|found| found["spec"]["caBundle"] = json!("b2xk")),
            registered(|found| found["spec"]["caBundle"] = Value::Null),
            registered(|found| found["spec"]["insecureSkipTLSVerify"] = json!(true)),
            registered(|found| found["metadata"]["ownerReferences"] = json!([])),
        ] {
            let Due::Change(change) = due(Some(&spoilt), &right, "home") else {
                panic!("{spoilt:?}");
            };
            assert_eq!(change["metadata"]["resourceVersion"], "7");
            assert_eq!(change["spec"], right["spec"]);
        }
    }

    #[tokio::test]
    async fn somebody_elses_is_named_and_left_alone() {
        let right = right("old and new");
        for (service, whose) in [
            (
                json!({"name": "keda-operator-metrics-apiserver", "namespace": "keda"}),
                "Service keda/keda-operator-metrics-apiserver",
            ),
            // Ours by name, of another installation.
            (
                json!({"name": names::EXTERNAL_METRICS, "namespace": "other"}),
                "Service other/cheerful-external-metrics",
            ),
            (Value::Null, "the API server itself"),
        ] {
            let found = registered(|found| found["spec"]["service"] = service);
            let expected = Due::Taken(whose.to_owned());
            assert_eq!(due(Some(&found), &right, "home"), expected);
        }
    }
}
