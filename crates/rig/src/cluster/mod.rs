// SPDX-License-Identifier: Apache-2.0
//! A real Kubernetes cluster to test against: that of `cluster/cluster`, or any other that `KUBECONFIG` leads to.
mod namespace;
mod own;
mod system;
mod wait;

use std::{env, path::PathBuf, process::Stdio};

use kube::{Client, config::KubeConfigOptions};
use tokio::{io::AsyncWriteExt, process::Command};

pub use namespace::Namespace;
pub use own::{Own, Stopped};
pub use system::{Scope, System};
pub use wait::{PATIENCE, eventually, holds_for};

/// The cluster that tests run against.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

/// The cluster, where the environment says that there is one (`CHEERFUL_TEST_CLUSTER=1` with `KUBECONFIG`, or as
/// `cluster/cluster test` sets them); elsewhere `None`, and a test ends there and then.
///
/// # Panics
/// When there should be one and it does not answer: a test must not be skipped silently.
pub async fn connect() -> Option<Cluster> {
    if env::var("CHEERFUL_TEST_CLUSTER").as_deref() != Ok("1") {
        return None;
    }
    let config = kube::Config::from_kubeconfig(&KubeConfigOptions::default())
        .await
        .expect("CHEERFUL_TEST_CLUSTER is 1, so KUBECONFIG should name a cluster's file");
    let client = Client::try_from(config).unwrap();
    client.apiserver_version().await.expect(
        "CHEERFUL_TEST_CLUSTER is 1, so the API server that KUBECONFIG names should answer",
    );
    Some(Cluster { client })
}

impl Cluster {
    /// A client with all rights.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Makes a namespace for one test. It is deleted when it is dropped.
    pub async fn namespace(&self, test: &str) -> Namespace {
        Namespace::create(self, test).await
    }

    /// What only a cluster of one's own may be asked for; `None` in somebody else's.
    #[must_use]
    pub fn own(&self) -> Option<Own> {
        Own::find()
    }

    /// Runs kubectl, and gives what it wrote.
    ///
    /// # Errors
    /// What it wrote to stderr when it failed.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        run("kubectl", args, "").await
    }

    /// `kubectl apply -f -`, as a person would.
    ///
    /// # Errors
    /// What it wrote to stderr when it failed.
    pub async fn apply(&self, yaml: &str) -> Result<String, String> {
        run("kubectl", &["apply", "-f", "-"], yaml).await
    }
}

/// Runs the binary `cheerful` that was built beside the tests.
///
/// # Errors
/// What it wrote to stderr when it failed.
pub async fn cheerful(args: &[&str]) -> Result<String, String> {
    cheerful_reads(args, "").await
}

/// The same, with something to read from stdin.
///
/// # Errors
/// What it wrote to stderr when it failed.
pub async fn cheerful_reads(args: &[&str], input: &str) -> Result<String, String> {
    run(binary().to_str().unwrap(), args, input).await
}

/// `CHEERFUL_BINARY`, or the one in the folder where cargo puts it.
#[must_use]
pub fn binary() -> PathBuf {
    env::var_os("CHEERFUL_BINARY").map_or_else(
        || {
            let test = env::current_exe().unwrap();
            let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
            folder.join("cheerful")
        },
        PathBuf::from,
    )
}

/// The image of cheerful that the cluster's node has: `CHEERFUL_IMAGE`, or `docker.io/local/cheerful:dev`.
#[must_use]
pub fn image() -> String {
    env::var("CHEERFUL_IMAGE").unwrap_or_else(|_| "docker.io/local/cheerful:dev".to_owned())
}

async fn run(program: &str, args: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let feed = async {
        // It may end before it has read all; what it says then counts.
        stdin.write_all(input.as_bytes()).await.ok();
        drop(stdin);
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output.unwrap();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
