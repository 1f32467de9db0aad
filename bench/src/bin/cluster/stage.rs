// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// A namespace of our own in a cluster where cheerful is installed.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) image: String,
}

/// So long a thing that should come soon may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

impl Stage {
    pub(crate) async fn set(name: &str, image: String) -> anyhow::Result<Self> {
        let client = Client::try_default().await.context("no cluster")?;
        let namespace = format!("bench-{name}-{}", std::process::id());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
        Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &object)
            .await
            .context("the namespace cannot be made")?;
        Ok(Self {
            client,
            namespace,
            image,
        })
    }

    pub(crate) async fn clear(&self) {
        let api: Api<Namespace> = Api::all(self.client.clone());
        if let Err(error) = api.delete(&self.namespace, &DeleteParams::default()).await {
            println!("namespace {} stays: {error}", self.namespace);
        }
    }

    pub(crate) fn revisions(&self) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("cheerful.dev", "v1alpha1", "Revision");
        Api::namespaced_with(
            self.client.clone(),
            &self.namespace,
            &ApiResource::from_gvk(&kind),
        )
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Makes a Revision of the sample app, whose answers take `latency`.
    pub(crate) async fn revision(
        &self,
        name: &str,
        latency: &str,
        scaling: Value,
    ) -> anyhow::Result<()> {
        let object = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision", "metadata": {"name": name},
            "spec": {"scaling": scaling, "template": {"spec": self.pod_spec(latency)}},
        });
        self.revisions()
            .create(&PostParams::default(), &serde_json::from_value(object)?)
            .await
            .with_context(|| format!("revision {name} is refused"))?;
        Ok(())
    }

    pub(crate) fn pod_spec(&self, latency: &str) -> Value {
        json!({"containers": [{
            "name": "app", "image": self.image, "imagePullPolicy": "IfNotPresent",
            "args": ["sample", "--port", "8080", "--latency", latency],
        }]})
    }

    /// Waits until a Revision says that it is ready.
    pub(crate) async fn ready(&self, name: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        let revisions = self.revisions();
        loop {
            let object = revisions.get(name).await?;
            let conditions = object.data.pointer("/status/conditions");
            let ready = conditions.and_then(Value::as_array).is_some_and(|all| {
                all.iter()
                    .any(|one| one["type"] == "Ready" && one["status"] == "True")
            });
            if ready {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                bail!("revision {name} is not ready: {}", object.data["status"]);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for so many ready pods of a Revision.
    pub(crate) async fn ready_pods(&self, name: &str, count: usize) -> anyhow::Result<Vec<Pod>> {
        let since = Instant::now();
        let of = ListParams::default().labels(&format!("cheerful.dev/revision={name}"));
        loop {
            let pods = self.pods().list(&of).await?.items;
            if pods.iter().filter(|pod| is_ready(pod)).count() >= count {
                return Ok(pods);
            }
            if since.elapsed() > PATIENCE {
                bail!("{name} has not {count} ready pods");
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where the public Service of a Revision is.
    pub(crate) async fn service(&self, name: &str) -> anyhow::Result<SocketAddr> {
        address_of(&self.client, &self.namespace, name).await
    }
}

/// The cluster address of a Service, port 80.
pub(crate) async fn address_of(
    client: &Client,
    namespace: &str,
    name: &str,
) -> anyhow::Result<SocketAddr> {
    let service = Api::<Service>::namespaced(client.clone(), namespace)
        .get(name)
        .await?;
    let address = service.spec.and_then(|spec| spec.cluster_ip);
    let address = address.with_context(|| format!("service {name} has no address"))?;
    Ok(SocketAddr::new(address.parse()?, 80))
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one.type_ == "Ready" && one.status == "True")
    })
}
