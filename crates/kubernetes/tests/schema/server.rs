// SPDX-License-Identifier: Apache-2.0
use cheerful_kubernetes::{names, resources::crds};
use cheerful_rig::cluster::{Namespace, connect, eventually};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::Value;

/// The API server of a test cluster, with our definitions and a namespace for one test.
pub(crate) struct Server {
    pub(crate) namespace: Namespace,
}

impl Server {
    /// `None` where there is no cluster to test with.
    pub(crate) async fn connect(test: &str) -> Option<Self> {
        let namespace = connect().await?.namespace(test).await;
        let server = Self { namespace };
        server.define().await;
        Some(server)
    }

    /// Puts the definitions there, and waits until objects are taken.
    async fn define(&self) {
        let client = self.namespace.cluster().client();
        let definitions = Api::<CustomResourceDefinition>::all(client);
        for definition in crds() {
            let apply = PatchParams::apply(names::CONTROLLER_MANAGER).force();
            let name = definition.name_any();
            let patch = Patch::Apply(&definition);
            definitions.patch(&name, &apply, &patch).await.unwrap();
        }
        eventually("the API server takes a Revision", async || {
            self.dry_run(crate::specs::REVISION).await.ok()
        })
        .await;
    }

    /// What the API server says to a document that `kubectl create` would send, without keeping it.
    pub(crate) async fn dry_run(&self, yaml: &str) -> Result<(), String> {
        let body: Value = serde_saphyr::from_str(yaml).unwrap();
        self.post(&body, "dryRun=All&fieldValidation=Strict")
            .await
            .map(drop)
    }

    /// What is at a path of the namespace.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = http::Request::get(self.at(path)).body(Vec::new()).unwrap();
        self.namespace
            .cluster()
            .client()
            .request(request)
            .await
            .unwrap()
    }

    /// Merges into what is at a path of the namespace.
    pub(crate) async fn merge(&self, path: &str, change: &Value) -> Value {
        let request = http::Request::patch(self.at(path))
            .header("content-type", "application/merge-patch+json")
            .body(change.to_string().into_bytes())
            .unwrap();
        self.namespace
            .cluster()
            .client()
            .request(request)
            .await
            .unwrap()
    }

    fn at(&self, path: &str) -> String {
        let (group, version) = (names::GROUP, names::VERSION);
        format!(
            "/apis/{group}/{version}/namespaces/{}/{path}",
            self.namespace.name()
        )
    }

    pub(crate) async fn post(&self, body: &Value, query: &str) -> Result<Value, String> {
        let version = body["apiVersion"].as_str().unwrap();
        let group = if version.contains('/') { "apis" } else { "api" };
        let plural = match body["kind"].as_str().unwrap() {
            "Ingress" => "ingresses".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        let path = format!(
            "/{group}/{version}/namespaces/{}/{plural}?{query}",
            self.namespace.name()
        );
        let request = http::Request::post(path)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap();
        self.namespace
            .cluster()
            .client()
            .request::<Value>(request)
            .await
            .map_err(|error| match error {
                kube::Error::Api(status) => status.message,
                error => panic!("{error}"),
            })
    }
}
