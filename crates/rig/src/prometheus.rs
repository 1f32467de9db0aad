// SPDX-License-Identifier: Apache-2.0
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A real Prometheus (Debian's package `prometheus`) on loopback, which reads one page each second. It ends with this.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    /// Where it answers queries, some seconds after the start.
    pub address: SocketAddr,
}

impl Prometheus {
    /// Starts one that reads `/metrics` of `page` under the job `job` and keeps what it has in `folder`; `None` where
    /// there is none on this machine, which is told on standard error.
    ///
    /// # Panics
    /// When `folder` cannot be written.
    #[must_use]
    #[allow(clippy::print_stderr, reason = "a test that is left out says so")]
    pub fn start(folder: &Path, job: &str, page: SocketAddr) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let settings = folder.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: {job}\n  static_configs: [{{targets: ['{page}']}}]\n"
        );
        fs::write(&settings, text).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Self { child, address }),
            Err(error) => {
                eprintln!("left out: there is no prometheus here: {error}");
                None
            }
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
