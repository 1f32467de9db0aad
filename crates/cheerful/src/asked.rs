// SPDX-License-Identifier: Apache-2.0
//! Who is asked what goes on: an instance on this machine, or the autoscaler that leads in a cluster.
use std::path::PathBuf;

use cheerful_kubernetes::{ApiServer, scaler::LeaderPages};

use crate::{api::Client, exit::Failure, instance};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Asked {
    /// The instance's socket [default: the only one]
    #[arg(long, value_name = "PATH", env = "CHEERFUL_SOCKET", hide_env = true)]
    socket: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// One of these asks a cluster in place of an instance on this machine.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "In a cluster, if one of these is given")]
struct ClusterArgs {
    /// About this namespace [default: the context's]
    #[arg(long, short, value_name = "NAME", conflicts_with = "socket")]
    namespace: Option<String>,
    /// About all namespaces
    #[arg(long, short = 'A', conflicts_with_all = ["socket", "namespace"])]
    all_namespaces: bool,
    /// By this context of the kubeconfig
    #[arg(long, value_name = "NAME", conflicts_with = "socket")]
    context: Option<String>,
    /// By this kubeconfig [default: kubectl's]
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    kubeconfig: Option<PathBuf>,
    /// Where cheerful is installed in the cluster
    #[arg(long, hide = true, value_name = "NAMESPACE", default_value = cheerful_kubernetes::names::SYSTEM_NAMESPACE)]
    system_namespace: String,
}

/// What in a cluster is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About<'a> {
    /// Everything in the namespaces that are meant.
    All,
    /// The Revision of that name.
    Revision(&'a str),
    /// What the Autoscaler of that name scales.
    Autoscaler(&'a str),
}

/// Who answers, and by which names that one knows what is asked about.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(crate) client: Client,
    /// The one that is asked about.
    pub(crate) one: Option<String>,
    /// What all that is asked about begins with.
    prefix: String,
}

impl Answering {
    /// Whether a revision is among what is asked about.
    pub(crate) fn is_about(&self, revision: &str) -> bool {
        match &self.one {
            Some(one) => one == revision,
            None => revision.starts_with(&self.prefix),
        }
    }
}

impl Asked {
    /// Finds who answers. An [`About::Autoscaler`] is of a cluster always.
    ///
    /// # Errors
    /// No instance is found, or no autoscaler leads in the cluster.
    pub(crate) async fn find(self, about: About<'_>) -> Result<Answering, Failure> {
        let cluster = self.cluster;
        let is_cluster = matches!(about, About::Autoscaler(_))
            || cluster.all_namespaces
            || cluster.namespace.is_some()
            || cluster.context.is_some()
            || cluster.kubeconfig.is_some();
        if is_cluster {
            return cluster.find(about).await;
        }
        Ok(Answering {
            client: Client::new(&instance::socket(self.socket)?),
            one: match about {
                About::All | About::Autoscaler(_) => None,
                About::Revision(name) => Some(name.to_owned()),
            },
            prefix: String::new(),
        })
    }
}

impl ClusterArgs {
    async fn find(self, about: About<'_>) -> Result<Answering, Failure> {
        let server = ApiServer {
            kubeconfig: self.kubeconfig,
            context: self.context,
        };
        let api = server.client().await.map_err(Failure::bad_input)?;
        let namespace = self
            .namespace
            .unwrap_or_else(|| api.default_namespace().to_owned());
        let (leads, one) = match about {
            About::All => (None, None),
            About::Revision(name) => (
                Some((namespace.as_str(), name)),
                Some(format!("{namespace}/{name}")),
            ),
            About::Autoscaler(name) => (None, Some(format!("{namespace}/autoscaler/{name}"))),
        };
        let leader = LeaderPages::find(api, &self.system_namespace, leads)
            .await
            .map_err(Failure::later)?;
        Ok(Answering {
            client: Client::of_leader(leader),
            one,
            prefix: if self.all_namespaces {
                String::new()
            } else {
                format!("{namespace}/")
            },
        })
    }
}
