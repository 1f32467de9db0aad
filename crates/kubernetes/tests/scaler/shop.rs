// SPDX-License-Identifier: Apache-2.0
//! A namespace with a Revision, its Deployment and pods, and an autoscaler that runs in the test.
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use cheerful_kubernetes::{
    lease::Leadership,
    names,
    scaler::{ClusterAutoscaler, ScalerConfig, Stream},
};
use cheerful_rig::cluster::{Cluster, Namespace, eventually};
use cheerful_scaling::Report;
use cheerful_wire::{
    Admit, Downward, Hello, Holding, Refusal, ReplicaReport, Session, Upward, Who, Workload,
    WorkloadKind,
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    authentication::v1::TokenRequest,
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Client, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

pub(crate) struct Shop {
    pub(crate) namespace: Namespace,
}

/// An autoscaler in this process.
pub(crate) struct Scaler {
    pub(crate) running: ClusterAutoscaler,
    /// As long as it is there, whether it leads does not change.
    kept: Option<watch::Sender<Leadership>>,
}

/// A pod that has proved who it is, and speaks.
pub(crate) struct Speaker {
    pub(crate) stream: Stream,
    /// What comes down.
    pub(crate) down: mpsc::Receiver<Downward>,
    sequence: u64,
}

impl Shop {
    pub(crate) async fn open(test: &str) -> Option<Self> {
        let cluster: Cluster = cheerful_rig::cluster::connect().await?;
        let namespace = cluster.namespace(test).await;
        Some(Self { namespace })
    }

    /// A Revision as a person writes it; nobody but the test makes something of it.
    pub(crate) async fn revision(&self, name: &str, scaling: serde_json::Value) {
        let revision = json!({
            "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision",
            "metadata": {"name": name},
            "spec": {
                "template": {"spec": {"containers": [{"name": "app", "image": "docker.io/local/echo:1"}]}},
                "scaling": scaling,
            },
        });
        self.namespace.apply(&revision.to_string()).await;
    }

    /// A Deployment with the labels of the controller's, whose pods are real but for their queue.
    pub(crate) async fn deployment(&self, name: &str, label: (&str, &str), replicas: u32) {
        self.deployment_of(name, label, replicas, "docker.io/local/echo:1")
            .await;
    }

    pub(crate) async fn deployment_of(
        &self,
        name: &str,
        (label, value): (&str, &str),
        replicas: u32,
        image: &str,
    ) {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "labels": {label: value}},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {label: value}},
                "template": {
                    "metadata": {"labels": {label: value, names::QUEUE_LABEL: "true"}},
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "containers": [{"name": "app", "image": image,
                            "imagePullPolicy": "Never"}],
                    },
                },
            },
        });
        self.namespace.apply(&deployment.to_string()).await;
    }

    /// The pods that are ready, by name, once there are so many.
    pub(crate) async fn pods(&self, count: usize) -> Vec<Pod> {
        let api = self.namespace.api::<Pod>();
        eventually("so many pods are there", async || {
            let mut pods = api.list(&ListParams::default()).await.unwrap().items;
            pods.retain(|pod| {
                let status = pod.status.as_ref();
                pod.metadata.deletion_timestamp.is_none()
                    && status.is_some_and(|status| status.pod_ip.is_some())
                    && status
                        .and_then(|status| status.conditions.as_ref())
                        .is_some_and(|conditions| {
                            conditions
                                .iter()
                                .any(|is| is.type_ == "Ready" && is.status == "True")
                        })
            });
            pods.sort_by_key(ResourceExt::name_any);
            (pods.len() == count).then_some(pods)
        })
        .await
    }

    /// `spec.replicas` of a Deployment.
    pub(crate) async fn replicas(&self, name: &str) -> i32 {
        let deployment = self.namespace.api::<Deployment>().get(name).await.unwrap();
        deployment.spec.unwrap().replicas.unwrap()
    }

    pub(crate) async fn scaled_to(&self, name: &str, replicas: i32) {
        eventually("the Deployment is scaled", async || {
            (self.replicas(name).await == replicas).then_some(())
        })
        .await;
    }

    /// A token that is bound to a pod, as the kubelet projects it.
    pub(crate) async fn token(&self, pod: &Pod, audience: &str) -> String {
        let request: TokenRequest = serde_json::from_value(json!({
            "spec": {
                "audiences": [audience], "expirationSeconds": 600,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod",
                    "name": pod.name_any(), "uid": pod.uid().unwrap()},
            },
        }))
        .unwrap();
        let accounts = self.namespace.api::<ServiceAccount>();
        let made = accounts
            .create_token_request("default", &PostParams::default(), &request)
            .await
            .unwrap();
        made.status.unwrap().token
    }

    pub(crate) fn workload(&self, kind: WorkloadKind, name: &str) -> Workload {
        Workload {
            namespace: self.namespace.name().to_owned(),
            kind,
            name: name.to_owned(),
        }
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace.name())
    }

    /// An autoscaler for this namespace.
    pub(crate) async fn scaler(&self, pod: &str, leads: bool) -> Scaler {
        let until = leads.then(|| Instant::now() + Duration::from_secs(3600));
        let leader = None;
        let (kept, receiver) = watch::channel(Leadership { leader, until });
        let mut scaler = self.scaler_led_by(pod, receiver).await;
        scaler.kept = Some(kept);
        scaler
    }

    /// The same, that leads when that says so.
    pub(crate) async fn scaler_led_by(
        &self,
        pod: &str,
        leads: watch::Receiver<Leadership>,
    ) -> Scaler {
        let client = self.namespace.cluster().client();
        self.scaler_of(client, self.config(pod), leads).await
    }

    pub(crate) fn config(&self, pod: &str) -> ScalerConfig {
        ScalerConfig {
            gateway_namespace: self.namespace.name().to_owned(),
            pod: pod.to_owned(),
            watch_namespace: Some(self.namespace.name().to_owned()),
            only: None,
            tick: Duration::from_millis(500),
            record: None,
            writes_per_second: 50.0,
            writes_burst: 200.0,
        }
    }

    /// The same, with a way of its own to the API server.
    pub(crate) async fn scaler_of(
        &self,
        client: Client,
        config: ScalerConfig,
        leads: watch::Receiver<Leadership>,
    ) -> Scaler {
        let running = ClusterAutoscaler::start(client, config, vec![leads]).unwrap();
        let scaler = Scaler {
            running,
            kept: None,
        };
        let view = scaler.running.view();
        eventually("the watches have told everything", async || {
            view.ready().ok()
        })
        .await;
        scaler
    }

    /// A queue in that pod, with a good token.
    pub(crate) fn hello(&self, workload: Workload, pod: &Pod, token: String) -> Hello {
        let ip = pod.status.clone().unwrap().pod_ip.unwrap();
        Hello {
            version: 1,
            software: "test".to_owned(),
            token,
            who: Who::Queue {
                workload,
                pod: pod.name_any(),
                address: SocketAddr::new(ip.parse().unwrap(), names::QUEUE_PORT),
            },
        }
    }

    pub(crate) async fn speaker(&self, scaler: &Scaler, workload: Workload, pod: &Pod) -> Speaker {
        let token = self.token(pod, names::TOKEN_AUDIENCE).await;
        let hello = self.hello(workload, pod, token);
        scaler.admit(hello).await.unwrap()
    }
}

impl Scaler {
    pub(crate) async fn admit(&self, hello: Hello) -> Result<Speaker, Refusal> {
        let (sender, down) = mpsc::channel(256);
        let stream = self.running.door().admit(hello, sender).await?;
        Ok(Speaker {
            stream,
            down,
            sequence: 0,
        })
    }
}

impl Speaker {
    /// A second with so many requests in flight.
    pub(crate) async fn report(&mut self, in_flight: f64) -> Result<(), Refusal> {
        self.send(in_flight, None).await
    }

    /// So many requests at once, now.
    pub(crate) async fn burst(&mut self, in_flight: f64) -> Result<(), Refusal> {
        self.send(in_flight, Some(in_flight)).await
    }

    async fn send(&mut self, requests: f64, in_flight: Option<f64>) -> Result<(), Refusal> {
        let report = Report {
            replica: String::new(),
            sequence: Some(self.sequence),
            age_seconds: 0.0,
            seconds: 1.0,
            request_seconds: requests,
            waiting_seconds: 0.0,
            requests: 1,
            refused: 0,
            in_flight,
            latency: None,
        };
        self.sequence += 1;
        let report = ReplicaReport {
            report,
            ready: true,
            draining: false,
        };
        self.stream.take(Upward::Report(report)).await
    }

    pub(crate) async fn take(&mut self, message: Upward) -> Result<(), Refusal> {
        self.stream.take(message).await
    }
}

/// So many requests held, as a gateway tells it.
pub(crate) fn holding(workload: Workload, held: u64) -> Upward {
    Upward::Holding(Holding {
        workload,
        held,
        arrived: held,
        woken_by: Some("GET /".to_owned()),
        last_request: None,
    })
}
