// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, time::Duration};

use kube::{
    Api, Client, Config, Resource,
    config::{KubeConfigOptions, Kubeconfig},
    core::NamespaceResourceScope,
};

/// Which API server is meant, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiServer {
    /// The file; `None`: as kubectl does it, or as the pod that we run in.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; `None`: the current one.
    pub context: Option<String>,
}

/// There is no API server to ask.
#[derive(Debug, thiserror::Error)]
#[error("no cluster is known: {0}")]
pub struct NoApiServer(String);

/// For a connection to the API server.
const CONNECT: Duration = Duration::from_secs(5);

impl ApiServer {
    /// A client for it. Nothing is sent yet.
    ///
    /// # Errors
    /// When the file cannot be read, or there is neither a file nor a pod's account.
    pub async fn client(&self) -> Result<Client, NoApiServer> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT);
        Client::try_from(config).map_err(|error| NoApiServer(error.to_string()))
    }

    async fn config(&self) -> Result<Config, NoApiServer> {
        if self.kubeconfig.is_none() && self.context.is_none() {
            return Config::infer()
                .await
                .map_err(|error| NoApiServer(error.to_string()));
        }
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let read = match &self.kubeconfig {
            None => Config::from_kubeconfig(&options).await,
            Some(file) => match Kubeconfig::read_from(file) {
                Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
                Err(error) => Err(error),
            },
        };
        read.map_err(|error| NoApiServer(error.to_string()))
    }
}

/// The objects of a kind in one namespace; `None`: in all.
pub(crate) fn api_in<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}
