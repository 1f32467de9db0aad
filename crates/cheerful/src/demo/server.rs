// SPDX-License-Identifier: Apache-2.0
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{CONCURRENCY, LATENCY, MOST_REPLICAS, Pace, REVISION, START_UP, TARGET};
use crate::{api::Client, exit::Failure};

/// How long it may take to start, and to stop once nothing is in flight.
const PATIENCE: Duration = Duration::from_secs(20);

/// `cheerful run` as a child of the demo, with its files in a folder that goes with it.
pub(super) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    /// Where requests go.
    pub(super) address: SocketAddr,
    /// Where it is asked.
    pub(super) client: Client,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(super) async fn start(program: &Path, pace: &Pace) -> Result<Self, Failure> {
        let begin =
            |error: io::Error| Failure::later(format_args!("the demo cannot start: {error}"));
        let folder = tempfile::Builder::new()
            .prefix("cheerful-demo-")
            .tempdir()
            .map_err(begin)?;
        let manifest = folder.path().join("hello.yaml");
        fs::write(&manifest, manifest_text(program, pace)).map_err(begin)?;
        let log = fs::File::create(folder.path().join("log")).map_err(begin)?;
        let socket = folder.path().join("api.sock");
        let address = free_address().map_err(begin)?;
        let child = Command::new(program)
            .arg("run")
            .args(["--port", &address.port().to_string()])
            .arg("--socket")
            .arg(&socket)
            .arg("--file")
            .arg(&manifest)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // What it learns is of no use to anyone else.
            .env("CHEERFUL_STATE", folder.path())
            // A Ctrl-C is for the demo, which then stops this one in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(begin)?;
        let mut server = Self {
            child,
            folder,
            address,
            client: Client::new(&socket),
        };
        let ready = async {
            while !server.is_ready().await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(PATIENCE, ready).await.is_err() {
            return Err(server.fault("did not get ready"));
        }
        Ok(server)
    }

    async fn is_ready(&mut self) -> bool {
        let views = self.client.revisions().await;
        views.is_ok_and(|views| {
            views
                .iter()
                .any(|view| view.revision == REVISION && view.ready > 0)
        })
    }

    /// Stops it as Ctrl-C would, and waits until it and its replicas have ended.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        let pid = self
            .child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        let Some(pid) = pid else {
            return Err(self.fault("ended on its own"));
        };
        kill_process(pid, Signal::TERM).map_err(|error| self.fault(&error.to_string()))?;
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.fault(&format!("ended with {status}"))),
            Ok(Err(error)) => Err(self.fault(&error.to_string())),
            Err(_) => Err(self.fault("did not stop")),
        }
    }

    /// With what it said last.
    fn fault(&self, what: &str) -> Failure {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(10));
        let last: String = last.flat_map(|line| ["\n  ", line]).collect();
        Failure::later(format_args!("`cheerful run` {what}; its last lines:{last}"))
    }
}

fn manifest_text(program: &Path, pace: &Pace) -> String {
    let Pace {
        stable_window,
        panic_window,
        idle_delay,
        ..
    } = pace;
    // JSON is YAML too, and quotes any path.
    let program = serde_json::Value::from(program.to_string_lossy().into_owned());
    format!(
        "apiVersion: cheerful.dev/v1alpha1\n\
         kind: Revision\n\
         metadata: {{name: {REVISION}}}\n\
         spec:\n  \
           command: [{program}, sample, --port, \"{{port}}\", --latency, {LATENCY}, --concurrency, \"{CONCURRENCY}\", \
                     --start-up, {START_UP}]\n  \
           readiness: {{path: /healthz}}\n  \
           scaling: {{target: {TARGET}, max: {MOST_REPLICAS}, stableWindow: {}s, panicWindow: {}s, idleDelay: {}s, \
                     scaleDownDelay: {}s}}\n",
        stable_window.as_secs(),
        panic_window.as_secs(),
        idle_delay.as_secs(),
        idle_delay.as_secs(),
    )
}

/// An address that was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_right_whatever_the_path() {
        for program in ["/usr/bin/cheerful", "/a b/\"quoted\": #x"] {
            let text = manifest_text(Path::new(program), &Pace::FULL);
            let loaded = cheerful_manifest::load(&text, "demo").unwrap();
            let [revision] = loaded.as_slice() else {
                panic!("{loaded:?}")
            };
            assert_eq!(
                revision.spec.command.first().map(String::as_str),
                Some(program)
            );
        }
    }
}
