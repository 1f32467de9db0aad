// SPDX-License-Identifier: Apache-2.0
//! Takes cheerful out of a cluster. Nothing that can be reached before is out of reach for a moment: Kubernetes' own
//! endpoints are there before ours go, and the gateway goes last.
use std::time::Duration;

use cheerful_manifest::AutoscalerChoice;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
    core::NamespaceResourceScope,
};
use serde_json::json;

use super::{InstallOptions, Role, Scope};
use crate::{api_server::api_in, names, resources::Revision};

mod definitions;
mod leave;
mod registration;
mod rest;
mod target;
mod wait;

/// By then each node's proxy has heard where a Service leads. Nobody tells when it has.
const HEARD: Duration = Duration::from_secs(10);

/// What is to be taken out, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UninstallOptions {
    /// Where the three roles run.
    pub namespace: String,
    /// Only says what it would do.
    pub dry_run: bool,
    /// How long one workload may take to have a replica that answers.
    pub patience: Duration,
    /// Goes on when a workload has none that answers.
    pub abandon: bool,
}

/// Why it stopped. What was done before stays done; called again it goes on from there.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum UninstallError {
    #[error("{what}: {error}")]
    Api {
        what: String,
        #[source]
        error: Box<kube::Error>,
    },
    #[error(
        "{} would be left without a replica that answers ({}); the gateway and the definitions are still there: see to \
         them and call it again, or give --abandon to leave them as they are", .0.len(), .0.join(", ")
    )]
    Unready(Vec<String>),
    #[error("{what} after {seconds} s; call it again")]
    Late { what: String, seconds: u64 },
}

/// Takes everything out, and tells each step by `say`, before it is done. Workloads keep at least one replica and their
/// Services.
///
/// # Errors
/// When the API server refuses something, or a workload has no replica that answers.
pub async fn uninstall(
    client: &Client,
    options: &UninstallOptions,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<(), UninstallError> {
    let scope = scope(client, &options.namespace).await?;
    let mut leaving = Leaving {
        client,
        options,
        scope,
        say,
    };
    leaving.stop_role(Role::Controller).await?;
    leaving.unregister().await?;
    leaving.stop_role(Role::Autoscaler).await?;
    let revisions = leaving.revisions().await?;
    for revision in &revisions {
        leaving.stop_dedicated(revision).await?;
    }
    let mut unready = Vec::new();
    for revision in &revisions {
        leaving.wake(revision).await?;
    }
    for revision in &revisions {
        if let Err(name) = leaving.leave(revision).await? {
            unready.push(name);
        }
    }
    leaving.wake_targets().await?;
    if !unready.is_empty() && !options.abandon {
        return Err(UninstallError::Unready(unready));
    }
    for revision in &revisions {
        leaving.disown(revision).await?;
    }
    if !revisions.is_empty() && leaving.step("waits until every node sends requests to the pods") {
        tokio::time::sleep(HEARD).await;
    }
    leaving.definitions().await?;
    leaving.rest(&revisions).await
}

/// What each step has at hand.
struct Leaving<'a> {
    client: &'a Client,
    options: &'a UninstallOptions,
    scope: Scope,
    say: &'a mut (dyn FnMut(&str) + Send),
}

impl Leaving<'_> {
    /// The objects of a kind wherever the roles look after them.
    fn everywhere<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let own = (self.scope == Scope::Namespace).then_some(&*self.options.namespace);
        api_in(self.client, own)
    }

    /// Tells a step, and whether to do it.
    fn step(&mut self, sentence: &str) -> bool {
        (self.say)(sentence);
        !self.options.dry_run
    }

    /// None of its pods is left when this returns: what they would still write would undo what comes next.
    async fn stop_role(&mut self, role: Role) -> Result<(), UninstallError> {
        let pods = format!(
            "{}={},{}={}",
            names::MANAGED_BY_LABEL,
            names::MANAGED_BY,
            names::COMPONENT_LABEL,
            role.component()
        );
        let namespace = self.options.namespace.clone();
        self.stop(&namespace, role.name(), &pods).await
    }

    /// The same of the autoscaler that serves this Revision alone. It goes with the Revision, but for its Lease.
    async fn stop_dedicated(&mut self, revision: &Revision) -> Result<(), UninstallError> {
        if revision.spec.autoscaler != Some(AutoscalerChoice::Dedicated) {
            return Ok(());
        }
        let name = revision.name_any();
        let pods = format!("{}={name}", names::DEDICATED_LABEL);
        let namespace = revision.namespace().unwrap_or_default();
        let autoscaler = names::dedicated_autoscaler(&name);
        self.stop(&namespace, &autoscaler, &pods).await?;
        self.delete(&rest::lease(&namespace, &autoscaler)).await
    }

    async fn stop(
        &mut self,
        namespace: &str,
        name: &str,
        selector: &str,
    ) -> Result<(), UninstallError> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("Deployment {namespace}/{name}");
        let found = api.get_opt(name).await.map_err(failed(&what))?;
        if found.is_none() {
            (self.say)(&format!("{what} is not there"));
            return Ok(());
        }
        if !self.step(&format!(
            "{what}: to 0 replicas, so that it writes nothing any more"
        )) {
            return Ok(());
        }
        let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
        api.patch(name, &PatchParams::default(), &none)
            .await
            .map_err(failed(&what))?;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let ours = ListParams::default().labels(selector);
        let late = format!("{what} still has pods");
        wait::until(&late, Duration::from_secs(120), async || {
            let left = pods.list(&ours).await.map_err(failed(&what))?;
            Ok(left.items.is_empty())
        })
        .await
    }

    /// What an installation like this one was made of, and may have been.
    fn install_options(&self) -> InstallOptions {
        InstallOptions {
            namespace: self.options.namespace.clone(),
            scope: self.scope,
            external_metrics: true,
            ..InstallOptions::default()
        }
    }
}

/// As the controller was told. When it has gone already: the cluster's, if that has our roles.
async fn scope(client: &Client, namespace: &str) -> Result<Scope, UninstallError> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let what = format!("Deployment {namespace}/{}", names::CONTROLLER);
    let controller = api
        .get_opt(names::CONTROLLER)
        .await
        .map_err(failed(&what))?;
    let Some(controller) = controller else {
        let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> =
            Api::all(client.clone());
        let binding = bindings
            .get_opt(names::CONTROLLER)
            .await
            .map_err(failed("ClusterRoleBinding"))?;
        let is_here = binding.is_some_and(|binding| {
            let mut subjects = binding.subjects.iter().flatten();
            subjects.any(|subject| subject.namespace.as_deref() == Some(namespace))
        });
        return Ok(if is_here {
            Scope::Cluster
        } else {
            Scope::Namespace
        });
    };
    let pod = controller.spec.and_then(|spec| spec.template.spec);
    let mut args = pod.iter().flat_map(|pod| {
        let containers = pod.containers.iter();
        containers.flat_map(|container| container.args.iter().flatten())
    });
    Ok(if args.any(|arg| arg.starts_with("--watch-namespace")) {
        Scope::Namespace
    } else {
        Scope::Cluster
    })
}

fn failed(what: &str) -> impl FnOnce(kube::Error) -> UninstallError {
    let what = what.to_owned();
    move |error| UninstallError::Api {
        what,
        error: Box::new(error),
    }
}

/// `namespace/name`.
fn full_name(object: &impl kube::ResourceExt) -> String {
    let namespace = object.namespace().unwrap_or_default();
    format!("{namespace}/{}", object.name_any())
}
