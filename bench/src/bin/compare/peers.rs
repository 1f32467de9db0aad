// SPDX-License-Identifier: Apache-2.0
//! The upstream and what stands before it, each a process pinned to its core.
use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, bail};

/// The core of the proxy that is measured.
const PROXY_CORE: &str = "0";
/// The core of upstream and load.
pub(crate) const LOAD_CORE: &str = "1";

/// Something that requests can be sent to.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) http1: SocketAddr,
    pub(crate) h2c: SocketAddr,
    /// The processes whose CPU and memory count.
    pub(crate) pids: Vec<u32>,
}

/// All of them, ended when dropped.
pub(crate) struct Peers {
    all: Vec<Peer>,
    children: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl Peers {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut peers = Self {
            all: Vec::new(),
            children: Vec::new(),
            _folder: folder,
        };
        let folder = peers._folder.path().to_owned();
        let [up1, up2, n1, n2, h1, h2, hop] = free_ports()?;
        peers.nginx(
            "direct",
            &folder,
            LOAD_CORE,
            &upstream_config(&folder, up1, up2)?,
            (up1, up2),
        )?;
        peers.nginx(
            "nginx",
            &folder,
            PROXY_CORE,
            &nginx_config(&folder, up1, n1, n2),
            (n1, n2),
        )?;
        let haproxy = folder.join("haproxy.cfg");
        fs::write(&haproxy, haproxy_config(up1, h1, h2))?;
        peers.add(
            "haproxy",
            PROXY_CORE,
            Command::new("haproxy").arg("-f").arg(haproxy),
            (h1, h2),
        )?;
        let binary = std::env::current_exe()?.with_file_name("hop");
        peers.add(
            "cheerful",
            PROXY_CORE,
            Command::new(binary)
                .arg(local(hop).to_string())
                .arg(local(up1).to_string()),
            (hop, hop),
        )?;
        Ok(peers)
    }

    pub(crate) fn all(&self) -> &[Peer] {
        &self.all
    }

    fn nginx(
        &mut self,
        name: &'static str,
        folder: &Path,
        core: &str,
        config: &str,
        ports: (u16, u16),
    ) -> anyhow::Result<()> {
        let file = folder.join(format!("{name}.conf"));
        fs::write(&file, config)?;
        self.add(
            name,
            core,
            Command::new("nginx")
                .arg("-p")
                .arg(folder)
                .arg("-c")
                .arg(file),
            ports,
        )
    }

    fn add(
        &mut self,
        name: &'static str,
        core: &str,
        command: &Command,
        ports: (u16, u16),
    ) -> anyhow::Result<()> {
        let child = Command::new("taskset")
            .args(["-c", core])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("{name}: {:?} cannot be started", command.get_program()))?;
        let pid = child.id();
        self.children.push(child);
        let (http1, h2c) = (local(ports.0), local(ports.1));
        wait_for(http1).with_context(|| name.to_owned())?;
        let workers = children_of(pid)?;
        let pids = if workers.is_empty() {
            vec![pid]
        } else {
            workers
        };
        self.all.push(Peer {
            name,
            http1,
            h2c,
            pids,
        });
        Ok(())
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        for child in &mut self.children {
            // nginx's master ends its worker on TERM; a KILL would leave it.
            let ended = Command::new("kill").arg(child.id().to_string()).status();
            if ended.is_ok_and(|status| status.success()) {
                drop(child.wait());
            }
        }
    }
}

fn upstream_config(folder: &Path, http1: u16, h2c: u16) -> anyhow::Result<String> {
    fs::write(folder.join("large"), vec![b'x'; 10 * 1024])?;
    fs::write(folder.join("small"), vec![b'x'; 100])?;
    let root = folder.display();
    Ok(nginx_frame(
        "direct",
        &format!(
            "server {{ listen 127.0.0.1:{http1} backlog=4096; listen 127.0.0.1:{h2c} http2 backlog=4096; root {root}; \
         open_file_cache max=10; keepalive_requests 1000000000; }}"
        ),
    ))
}

fn nginx_config(_folder: &Path, upstream: u16, http1: u16, h2c: u16) -> String {
    nginx_frame(
        "nginx",
        &format!(
            "upstream app {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }} \
         server {{ listen 127.0.0.1:{http1} backlog=4096; listen 127.0.0.1:{h2c} http2 backlog=4096; \
         keepalive_requests 1000000000; \
         location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}"
        ),
    )
}

fn nginx_frame(name: &str, server: &str) -> String {
    format!(
        "daemon off; user root; worker_processes 1; pid {name}.pid; error_log stderr crit; \
         events {{ worker_connections 8192; }} \
         http {{ access_log off; client_body_temp_path {name}-body; proxy_temp_path {name}-proxy; \
         fastcgi_temp_path {name}-f; uwsgi_temp_path {name}-u; scgi_temp_path {name}-s; {server} }}\n"
    )
}

fn haproxy_config(upstream: u16, http1: u16, h2c: u16) -> String {
    format!(
        "global\n  nbthread 1\n  maxconn 8192\ndefaults\n  mode http\n  http-reuse always\n  option forwardfor\n  \
         timeout connect 5s\n  timeout client 300s\n  timeout server 300s\n\
         frontend plain\n  bind 127.0.0.1:{http1}\n  default_backend app\n\
         frontend h2\n  bind 127.0.0.1:{h2c} proto h2\n  default_backend app\n\
         backend app\n  server one 127.0.0.1:{upstream}\n"
    )
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn wait_for(address: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("nothing listens on {address} after 5 s")
}

fn children_of(pid: u32) -> anyhow::Result<Vec<u32>> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    children
        .split_whitespace()
        .map(|pid| Ok(pid.parse()?))
        .collect()
}
