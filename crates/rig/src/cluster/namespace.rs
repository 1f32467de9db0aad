// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt::Debug,
    process,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use k8s_openapi::api::core::v1;
use kube::{Api, Resource, api::PostParams};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Cluster, eventually};

/// A namespace for one test. Dropping it has it deleted, without waiting for the end of that.
pub struct Namespace {
    cluster: Cluster,
    name: String,
}

impl Namespace {
    pub(super) async fn create(cluster: &Cluster, test: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", test.replace('_', "-"), process::id());
        let object = json!({"metadata": {"name": name, "labels": {"cheerful.dev/test": "true"}}});
        Api::<v1::Namespace>::all(cluster.client())
            .create(
                &PostParams::default(),
                &serde_json::from_value(object).unwrap(),
            )
            .await
            .unwrap();
        let namespace = Self {
            cluster: cluster.clone(),
            name,
        };
        let accounts = namespace.api::<v1::ServiceAccount>();
        eventually(
            "the namespace has its default service account",
            async || accounts.get_opt("default").await.unwrap(),
        )
        .await;
        namespace
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The objects of a kind in it.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType: Default>
            + Clone
            + Debug
            + DeserializeOwned,
    {
        Api::namespaced(self.cluster.client(), &self.name)
    }

    /// `kubectl apply -n <it> -f -`, as a person would.
    ///
    /// # Errors
    /// What kubectl wrote to stderr when it failed.
    pub async fn try_apply(&self, yaml: &str) -> Result<String, String> {
        super::run("kubectl", &["apply", "-n", &self.name, "-f", "-"], yaml).await
    }

    /// The same, for what should be taken.
    pub async fn apply(&self, yaml: &str) -> String {
        self.try_apply(yaml)
            .await
            .unwrap_or_else(|error| panic!("kubectl apply: {error}"))
    }

    /// `kubectl -n <it> ARGS`.
    ///
    /// # Errors
    /// What kubectl wrote to stderr when it failed.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        let mut all = vec!["-n", self.name.as_str()];
        all.extend(args);
        self.cluster.kubectl(&all).await
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What failed is looked at afterwards.
        if std::thread::panicking() && std::env::var_os("CHEERFUL_TEST_KEEP").is_some() {
            return;
        }
        process::Command::new("kubectl")
            .args(["delete", "namespace", &self.name, "--wait=false"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok();
    }
}
