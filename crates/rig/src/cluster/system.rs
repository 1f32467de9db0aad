// SPDX-License-Identifier: Apache-2.0
use std::process::Stdio;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};

use super::{Cluster, cheerful, eventually, image};

/// For what cheerful is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For every namespace.
    Cluster,
    /// For its own namespace alone; beside others.
    Namespace,
}

/// cheerful, installed as a person does it: what `cheerful manifests install` prints is applied.
pub struct System {
    cluster: Cluster,
    namespace: String,
    scope: Scope,
    manifest: String,
}

const ROLES: [&str; 3] = [
    "cheerful-controller",
    "cheerful-autoscaler",
    "cheerful-gateway",
];

impl System {
    /// Installs it into a namespace, and waits until all of it is ready. `more` is given to `manifests install`.
    pub async fn install(cluster: &Cluster, namespace: &str, scope: Scope, more: &[&str]) -> Self {
        Self::install_image(&image(), cluster, namespace, scope, more).await
    }

    /// The same, of another image.
    pub async fn install_image(
        image: &str,
        cluster: &Cluster,
        namespace: &str,
        scope: Scope,
        more: &[&str],
    ) -> Self {
        let mut args = vec!["manifests", "install", "--namespace", namespace];
        args.extend(["--image", image, "--image-pull-policy", "Never"]);
        args.extend(more);
        let mut manifest = String::new();
        if scope == Scope::Namespace {
            args.extend(["--scope", "namespace"]);
            let mut whole = vec!["manifests", "crds", "--for-namespace", namespace];
            let both = ["--dedicated", "--external-metrics"];
            whole.extend(more.iter().filter(|one| both.contains(one)));
            manifest = cheerful(&whole).await.unwrap() + "\n---\n";
        }
        manifest += &cheerful(&args).await.unwrap();
        let system = Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            scope,
            manifest,
        };
        system.apply().await;
        for role in ROLES {
            system.ready(role).await;
        }
        system
    }

    /// Right after a definition is made its first object may be refused, so it is tried again.
    async fn apply(&self) {
        let mut refusals = Vec::new();
        let taken = eventually(
            "what `manifests install` prints is taken",
            async || match self.cluster.apply(&self.manifest).await {
                Ok(_) => Some(refusals.len()),
                Err(why) => {
                    refusals.push(why);
                    assert!(refusals.len() < 60, "{:?}", refusals.last());
                    None
                }
            },
        );
        taken.await;
    }

    /// Where it is.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What was applied.
    #[must_use]
    pub fn manifest(&self) -> &str {
        &self.manifest
    }

    /// Waits until a role has all its pods, ready.
    pub async fn ready(&self, role: &str) {
        let api = Api::<Deployment>::namespaced(self.cluster.client(), &self.namespace);
        eventually(&format!("{role} has all its pods ready"), async || {
            let deployment = api.get_opt(role).await.unwrap()?;
            let (spec, status) = (deployment.spec?, deployment.status?);
            let wanted = spec.replicas.unwrap_or(1);
            let current = status.observed_generation == deployment.metadata.generation;
            let ready = status.ready_replicas.unwrap_or(0) == wanted;
            let updated = status.updated_replicas.unwrap_or(0) == wanted;
            (current && ready && updated).then_some(())
        })
        .await;
    }

    /// The pods of a role (`controller`, `autoscaler`, `gateway`) that are not on their way out.
    pub async fn pods(&self, component: &str) -> Vec<Pod> {
        let of = ListParams::default().labels(&format!("app.kubernetes.io/component={component}"));
        let api = Api::<Pod>::namespaced(self.cluster.client(), &self.namespace);
        let mut pods = api.list(&of).await.unwrap().items;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        pods
    }

    /// Takes a pod away without a warning, as the death of its node would. In a cluster that is not one's own it is
    /// deleted without a grace period, and may have two seconds.
    pub async fn kill(&self, pod: &Pod) {
        if let Some(own) = self.cluster.own() {
            own.kill(pod).await;
        }
        let api = Api::<Pod>::namespaced(self.cluster.client(), &self.namespace);
        let at_once = DeleteParams::default().grace_period(0);
        api.delete(pod.metadata.name.as_deref().unwrap(), &at_once)
            .await
            .unwrap();
    }

    /// The logs of a role's pods, of the last minutes.
    pub async fn logs(&self, component: &str) -> String {
        let mut all = String::new();
        for pod in self.pods(component).await {
            let name = pod.metadata.name.unwrap_or_default();
            let args = ["logs", "-n", &self.namespace, &name, "--tail=200"];
            let text = self.cluster.kubectl(&args).await;
            all += &format!("== {name}\n{}\n", text.unwrap_or_else(|error| error));
        }
        all
    }
}

/// What is in no namespace does not go with one.
impl Drop for System {
    fn drop(&mut self) {
        if self.scope == Scope::Namespace {
            let names = [
                "autoscaler",
                "autoscaler-dedicated",
                "controller",
                "external-metrics",
                "token-review",
            ]
            .map(|role| format!("cheerful-{role}-{}", self.namespace));
            std::process::Command::new("kubectl")
                .args(["delete", "clusterrole,clusterrolebinding"])
                .args(names)
                .args(["--wait=false", "--ignore-not-found"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .ok();
        }
    }
}
