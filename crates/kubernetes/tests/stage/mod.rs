// SPDX-License-Identifier: Apache-2.0
//! A namespace with cheerful installed for it alone, and Revisions of the sample app in it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file takes what it needs of it"
)]
use std::{net::SocketAddr, time::Duration};

use cheerful_kubernetes::resources::{PathNow, Revision, ScaleStatus};
use cheerful_rig::{
    Tally, Traffic,
    cluster::{Cluster, Namespace, PATIENCE, Scope, System, eventually, image},
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
};
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::time::timeout;

/// The namespace goes first: a system that lost its rights would ask in vain.
pub struct Stage {
    pub namespace: Namespace,
    pub system: System,
}

impl Stage {
    pub async fn set(cluster: &Cluster, test: &str) -> Self {
        let namespace = cluster.namespace(test).await;
        let system = System::install(cluster, namespace.name(), Scope::Namespace, &[]).await;
        Self { system, namespace }
    }

    /// A Revision of the sample app.
    pub async fn revision(&self, name: &str, args: &[&str], scaling: Value) {
        let mut all = vec!["sample", "--port", "8080"];
        all.extend(args);
        self.revision_of(name, json!({"args": all}), scaling).await;
    }

    /// A Revision with these fields in its one container.
    pub async fn revision_of(&self, name: &str, container: Value, scaling: Value) {
        let mut app = json!({"name": "app", "image": image(), "imagePullPolicy": "Never"});
        let fields = container.as_object().unwrap().clone();
        app.as_object_mut().unwrap().extend(fields);
        let object = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision", "metadata": {"name": name},
            "spec": {"scaling": scaling, "template": {"spec": {"containers": [app]}}},
        });
        self.namespace.apply(&object.to_string()).await;
    }

    /// A Revision `app` with so many replicas at least, whose answers take so long; they are there.
    pub async fn app_of_at_least(&self, min: usize, latency: &str) {
        let mut scaling = quick();
        scaling["min"] = json!(min);
        self.revision("app", &["--latency", latency], scaling).await;
        self.at("app", min).await;
    }

    pub async fn scaling(&self, name: &str, scaling: Value) {
        let patch = json!({"spec": {"scaling": scaling}}).to_string();
        let args = ["patch", "revision", name, "--type=merge", "-p", &patch];
        self.namespace.kubectl(&args).await.unwrap();
    }

    pub async fn object(&self, name: &str) -> Revision {
        self.namespace.api::<Revision>().get(name).await.unwrap()
    }

    pub async fn scale(&self, name: &str) -> ScaleStatus {
        let status = self.object(name).await.status.unwrap_or_default();
        status.scale.unwrap_or_default()
    }

    /// The count that was written last; 0 before there is a Deployment.
    pub async fn written(&self, name: &str) -> i32 {
        let deployments = self.namespace.api::<Deployment>();
        let found = deployments.get_opt(name).await.unwrap();
        found.map_or(0, |found| found.spec.unwrap().replicas.unwrap_or(1))
    }

    /// Its pods that are not on their way out.
    pub async fn pods(&self, name: &str) -> Vec<Pod> {
        let of = ListParams::default().labels(&format!("cheerful.dev/revision={name}"));
        let mut pods = self.namespace.api::<Pod>().list(&of).await.unwrap().items;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        pods
    }

    /// Waits until nothing of it runs and the gateway is the way.
    pub async fn at_zero(&self, name: &str) {
        eventually(
            &format!("{name} rests at zero behind the gateway"),
            async || {
                let status = self.object(name).await.status?;
                let path = status.path?.now;
                let none = self.pods(name).await.is_empty() && self.written(name).await == 0;
                (path == PathNow::Gateway && none).then_some(())
            },
        )
        .await;
    }

    /// Waits for so many pods that answer, straight from the Service.
    pub async fn at(&self, name: &str, replicas: usize) {
        eventually(
            &format!("{name} has {replicas} replicas that answer"),
            async || {
                let ready = self
                    .pods(name)
                    .await
                    .iter()
                    .filter(|pod| is_ready(pod))
                    .count();
                (ready >= replicas).then_some(())
            },
        )
        .await;
    }

    /// Where its public Service is, and the Host by which the gateway knows it.
    pub async fn address(&self, name: &str) -> (SocketAddr, String) {
        let address = self.service(name).await;
        (address, format!("{name}.{}", self.namespace.name()))
    }

    /// The cluster address of a Service, port 80.
    pub async fn service(&self, name: &str) -> SocketAddr {
        let api = self.namespace.api::<Service>();
        let ip = eventually(&format!("Service {name} has an address"), async || {
            api.get_opt(name).await.unwrap()?.spec?.cluster_ip
        })
        .await;
        SocketAddr::new(ip.parse().unwrap(), 80)
    }

    /// Clients of its public Service.
    pub async fn traffic(&self, name: &str, path: &str) -> Traffic {
        let (address, host) = self.address(name).await;
        Traffic::new(address, &host, path)
    }

    /// One request.
    pub async fn ask(&self, name: &str) -> Tally {
        let mut traffic = self.traffic(name, "/").await;
        traffic.once(1);
        traffic.finish().await
    }

    /// Waits for something of a Revision.
    pub async fn until(&self, what: &str, name: &str, is: impl Fn(&Revision) -> bool) -> Revision {
        let what = format!("{name}: {what}");
        let look = eventually(&what, async || {
            let found = self.object(name).await;
            is(&found).then_some(found)
        });
        match timeout(PATIENCE - Duration::from_secs(5), look).await {
            Ok(found) => found,
            Err(_) => panic!("{what}: {:?}", self.object(name).await.status),
        }
    }
}

pub fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one.type_ == "Ready" && one.status == "True")
    })
}

pub fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap()
}

pub fn ip(pod: &Pod) -> &str {
    pod.status.as_ref().unwrap().pod_ip.as_deref().unwrap()
}

/// Windows and delays short enough for a test, but all else as it is without settings; the Service leads straight to the pods while there are some.
pub fn quick() -> Value {
    json!({
        "target": 4, "max": 6, "stableWindow": "10s", "panicWindow": "2s", "idleDelay": "3s", "gracePeriod": "1s",
        "scaleDownDelay": "0s", "burstCapacity": 0,
    })
}
