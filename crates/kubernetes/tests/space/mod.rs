// SPDX-License-Identifier: Apache-2.0
use std::time::SystemTime;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

/// A namespace of a test's own at the API server that `KUBECONFIG` names.
pub(crate) struct Space {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Space {
    /// `None` where there is no cluster for tests.
    pub(crate) async fn new(test: &str) -> Option<Self> {
        if std::env::var_os("CHEERFUL_TEST_CLUSTER").is_none_or(|value| value != "1") {
            return None;
        }
        let client = Client::try_default().await.expect("KUBECONFIG");
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let name = format!("{test}-{}", since.as_millis());
        let object = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        Some(Self { client, name })
    }

    /// Tells the API server to delete it.
    pub(crate) async fn delete(self) {
        Api::<Namespace>::all(self.client)
            .delete(&self.name, &DeleteParams::default())
            .await
            .unwrap();
    }
}
