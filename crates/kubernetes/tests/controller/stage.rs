// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use cheerful_kubernetes::{
    certificates::{Authority, Lifetimes},
    controller::{Controller, ControllerConfig, ControllerMetrics, Policy},
    lease::{Lease, LeaseConfig},
    names,
    resources::{PathNow, Revision, RevisionStatus},
};
use cheerful_rig::cluster::{self, Namespace};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A namespace, and a controller of its own that serves it alone.
pub(crate) struct Stage {
    pub(crate) space: Namespace,
    pub(crate) metrics: Arc<ControllerMetrics>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// How long the gateway stays after the pods are back.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

impl Stage {
    pub(crate) async fn new(test: &str) -> Option<Self> {
        Self::with(test, Lifetimes::default()).await
    }

    pub(crate) async fn with(test: &str, lifetimes: Lifetimes) -> Option<Self> {
        let space = cluster::connect().await?.namespace(test).await;
        let client = space.cluster().client();
        let home = space.name().to_owned();
        Some(Self::of(client, space, &home, lifetimes))
    }

    /// A controller that lives in the namespace `home`.
    pub(crate) fn of(client: Client, space: Namespace, home: &str, lifetimes: Lifetimes) -> Self {
        let (metrics, stop) = (Arc::default(), CancellationToken::new());
        let pod = "stage".to_owned();
        let lease = Lease::run(
            client.clone(),
            home,
            names::CONTROLLER,
            &pod,
            LeaseConfig::default(),
        );
        let (authority, bundle) = Authority::new(client.clone(), home, lifetimes);
        let config = ControllerConfig {
            watch_namespace: Some(space.name().to_owned()),
            pod,
            policy: Policy {
                queue_image: cluster::image(),
                autoscaler: format!("cheerful-autoscaler.{home}.svc:8443"),
                grace: GRACE,
                system: home.to_owned(),
                namespaced: true,
                dedicated: true,
            },
            namespace: home.to_owned(),
        };
        let controller = Controller::new(client, config, Arc::clone(&metrics));
        let authority = authority.also_for(controller.dedicated());
        let mut tasks = JoinSet::new();
        tasks.spawn(authority.run(lease.leadership(), stop.clone()));
        tasks.spawn(controller.run(lease.leadership(), bundle, stop.clone()));
        let ending = stop.clone();
        tasks.spawn(async move {
            ending.cancelled().await;
            lease.release().await;
        });
        Self {
            space,
            metrics,
            stop,
            tasks,
        }
    }

    /// A Revision `hello` of the echo app.
    pub(crate) async fn hello(&self, scaling: &str) {
        self.revision("docker.io/local/echo:1", scaling).await;
    }

    pub(crate) async fn revision(&self, image: &str, scaling: &str) {
        self.space
            .apply(&format!(
                "{{apiVersion: cheerful.dev/v1alpha1, kind: Revision, \
                 metadata: {{name: hello, labels: {{team: a}}}}, \
                 spec: {{scaling: {{{scaling}}}, template: {{spec: {{terminationGracePeriodSeconds: 3, \
                 containers: [{{name: app, image: '{image}', imagePullPolicy: Never, \
                 ports: [{{containerPort: 8080}}]}}]}}}}}}}}"
            ))
            .await;
    }

    pub(crate) async fn status(&self) -> RevisionStatus {
        let found = self.space.api::<Revision>().get_opt("hello").await.unwrap();
        found.and_then(|hello| hello.status).unwrap_or_default()
    }

    /// A condition: its status, reason and message.
    pub(crate) async fn condition(&self, name: &str) -> Option<(String, String, String)> {
        let conditions = self.status().await.conditions;
        let found = conditions
            .into_iter()
            .find(|condition| condition.type_ == name)?;
        Some((found.status, found.reason, found.message))
    }

    /// Says what the autoscaler would.
    pub(crate) async fn wish(&self, path: &str) {
        let status = json!({
            "apiVersion": "cheerful.dev/v1alpha1",
            "kind": "Revision",
            "status": {"scale": {
                "ready": 1, "starting": 0, "wanted": 1, "mode": "stable", "reason": "", "path": path,
            }},
        });
        let parameters = PatchParams::apply(names::AUTOSCALER_MANAGER).force();
        let api: Api<Revision> = self.space.api();
        api.patch_status("hello", &parameters, &Patch::Apply(&status))
            .await
            .unwrap();
    }

    /// As Kubernetes would write it for two gateways.
    pub(crate) async fn gateways(&self) {
        self.space
            .apply(&format!(
                "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: gateways, \
                 labels: {{kubernetes.io/service-name: {}}}}}, addressType: IPv4, \
                 ports: [{{name: http, port: 8080}}], endpoints: [\
                 {{addresses: [10.9.9.1], conditions: {{ready: true}}}}, \
                 {{addresses: [10.9.9.2], conditions: {{ready: true}}}}]}}",
                names::GATEWAY
            ))
            .await;
    }

    /// How many endpoints a way of the public Service has.
    pub(crate) async fn endpoints(&self, path: &str) -> Option<usize> {
        let api: Api<EndpointSlice> = self.space.api();
        let slice = api
            .get_opt(&names::public_slice("hello", path))
            .await
            .unwrap()?;
        Some(slice.endpoints.len())
    }

    pub(crate) async fn path(&self) -> Option<PathNow> {
        Some(self.status().await.path?.now)
    }

    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
