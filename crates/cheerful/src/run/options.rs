// SPDX-License-Identifier: Apache-2.0
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use cheerful_manifest::Revision;
use cheerful_scaling::Policy;

/// All that `cheerful run` needs to know.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// What to run.
    pub source: Source,
    /// Where the gateway listens, unless systemd hands a socket over. Port 0: a free one, told in the log.
    pub listen: SocketAddr,
    /// With a certificate the gateway speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Threads that serve requests, at least 1.
    pub threads: usize,
    /// Where to record what the autoscaler sees.
    pub record: Option<PathBuf>,
    /// The console and the local API on TCP.
    pub admin: Admin,
    /// Where StatsD is taken for the revisions that ask for it; a loopback address.
    pub statsd: SocketAddr,
    /// The local API's Unix socket; by default one named for the port in the user's runtime folder.
    pub socket: Option<PathBuf>,
    /// The folder in which is kept what was learned; `None`: it is not kept.
    pub state: Option<PathBuf>,
    /// The policy beside each revision that names none itself.
    pub shadow: Option<Beside>,
    /// Between two decisions when nothing urges.
    pub tick: Duration,
    /// How long requests in flight may take once we are told to end.
    pub drain: Duration,
}

/// Where the console and the local API are on TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admin {
    /// At [`Admin::USUAL`], or if that is taken at any free port of this machine.
    Usual,
    /// There, a loopback address, or not at all.
    At(SocketAddr),
    Off,
}

impl Admin {
    pub(crate) const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8800);
}

/// Which policy is beside the one that acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The other of the two.
    Other,
    /// This one, where another acts.
    Policy(Policy),
}

/// Where the revisions come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// One revision from the command line.
    Command(Box<Revision>),
    /// A file that is read again when it changes.
    Manifest(PathBuf),
}

/// PEM files.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate chain, the server's own first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}
