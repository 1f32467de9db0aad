// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_kubernetes::{names, resources::crds};
use k8s_openapi::{
    api::core::v1::Namespace,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{conditions, wait::await_condition},
};
use serde_json::{Value, json};

/// The API server of a test cluster, with our definitions and a namespace for one test.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Server {
    /// `None` where there is no cluster to test with.
    pub(crate) async fn connect() -> Option<Self> {
        std::env::var_os("CHEERFUL_TEST_CLUSTER")?;
        let client = Client::try_default()
            .await
            .expect("KUBECONFIG should lead to the cluster");
        define(&client).await;
        let namespace = format!("manifest-schema-{}", std::process::id());
        let made: Namespace =
            serde_json::from_value(json!({"metadata": {"generateName": format!("{namespace}-")}}))
                .unwrap();
        let made = Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &made)
            .await
            .unwrap();
        Some(Self {
            client,
            namespace: made.name_any(),
        })
    }

    pub(crate) async fn end(self) {
        let namespaces = Api::<Namespace>::all(self.client);
        namespaces
            .delete(&self.namespace, &DeleteParams::background())
            .await
            .unwrap();
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
        self.client.request(request).await.unwrap()
    }

    /// Merges into what is at a path of the namespace.
    pub(crate) async fn merge(&self, path: &str, change: &Value) -> Value {
        let request = http::Request::patch(self.at(path))
            .header("content-type", "application/merge-patch+json")
            .body(change.to_string().into_bytes())
            .unwrap();
        self.client.request(request).await.unwrap()
    }

    fn at(&self, path: &str) -> String {
        let (group, version) = (names::GROUP, names::VERSION);
        format!(
            "/apis/{group}/{version}/namespaces/{}/{path}",
            self.namespace
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
            self.namespace
        );
        let request = http::Request::post(path)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap();
        self.client
            .request::<Value>(request)
            .await
            .map_err(|error| match error {
                kube::Error::Api(status) => status.message,
                error => panic!("{error}"),
            })
    }
}

/// Puts the definitions there, and waits until objects are taken.
async fn define(client: &Client) {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    for definition in crds() {
        let name = definition.name_any();
        let apply = PatchParams::apply(names::CONTROLLER_MANAGER).force();
        definitions
            .patch(&name, &apply, &Patch::Apply(&definition))
            .await
            .unwrap();
        let established =
            await_condition(definitions.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(Duration::from_secs(30), established)
            .await
            .unwrap()
            .unwrap();
    }
}
