// SPDX-License-Identifier: Apache-2.0
use std::{env, io::SeekFrom, path::PathBuf};

use k8s_openapi::api::core::v1::Pod;
use tokio::{
    fs,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};

/// A cluster that belongs to the tests alone, so that its parts may be stopped and its audit log be read.
pub struct Own {
    command: PathBuf,
}

impl Own {
    pub(super) fn find() -> Option<Self> {
        env::var_os("CHEERFUL_TEST_CLUSTER_OWN").map(|command| Self {
            command: command.into(),
        })
    }

    /// Lets a part such as `kube-apiserver` stand still until what this gives is dropped.
    pub async fn stop(&self, part: &str) -> Stopped {
        self.run("stop", part).await;
        Stopped {
            command: self.command.clone(),
            part: part.to_owned(),
        }
    }

    /// Ends a pod's first container with SIGKILL. The kubelet starts it again, unless the pod is deleted.
    pub async fn kill(&self, pod: &Pod) {
        let statuses = pod.status.as_ref().unwrap().container_statuses.as_ref();
        let id = statuses.unwrap()[0].container_id.as_deref().unwrap();
        self.run("kill", id.trim_start_matches("containerd://"))
            .await;
    }

    /// Gives the node two images of the binary beside the tests, and their names: the wall clock of the first is an hour
    /// ahead, that of the second an hour behind.
    pub async fn skewed(&self) -> [String; 2] {
        self.run("skew", super::binary().to_str().unwrap()).await;
        ["ahead", "behind"].map(|clock| format!("docker.io/local/cheerful:{clock}"))
    }

    /// What service accounts asked the API server for: an audit event a line.
    pub async fn audit(&self) -> String {
        fs::read_to_string(audit_log()).await.unwrap()
    }

    /// How many bytes of that there are by now.
    pub async fn audited(&self) -> u64 {
        fs::metadata(audit_log()).await.unwrap().len()
    }

    /// What is new of it after so many bytes, in whole lines; they are moved on.
    pub async fn audit_from(&self, from: &mut u64) -> String {
        let mut log = fs::File::open(audit_log()).await.unwrap();
        log.seek(SeekFrom::Start(*from)).await.unwrap();
        let mut new = Vec::new();
        log.read_to_end(&mut new).await.unwrap();
        let whole = new.iter().rposition(|byte| *byte == b'\n');
        new.truncate(whole.map_or(0, |end| end + 1));
        *from += new.len() as u64;
        String::from_utf8(new).unwrap()
    }

    async fn run(&self, verb: &str, what: &str) {
        super::run(self.command.to_str().unwrap(), &[verb, what], "")
            .await
            .unwrap_or_else(|error| panic!("cluster {verb} {what}: {error}"));
    }
}

fn audit_log() -> PathBuf {
    let file = env::var_os("CHEERFUL_TEST_CLUSTER_AUDIT");
    file.expect("set by `cluster test`").into()
}

/// A part that stands still.
pub struct Stopped {
    command: PathBuf,
    part: String,
}

impl Drop for Stopped {
    fn drop(&mut self) {
        std::process::Command::new(&self.command)
            .args(["continue", &self.part])
            .status()
            .unwrap();
    }
}
