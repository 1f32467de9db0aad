// SPDX-License-Identifier: Apache-2.0
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use cheerful_manifest::Revision;
use cheerful_scaling::Policy;

use super::listen::bind;
use crate::{exit::Failure, otlp::OtlpOptions};

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
    /// Whether the console may do more than show.
    pub allow_actions: bool,
    /// The local API's Unix socket; by default one named for the port in the user's runtime folder.
    pub socket: Option<PathBuf>,
    /// The folder in which is kept what was learned; `None`: it is not kept.
    pub state: Option<PathBuf>,
    /// The policy beside each revision that names none itself.
    pub shadow: Option<Beside>,
    /// Where metrics and decisions are sent.
    pub otlp: Option<OtlpOptions>,
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
    const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8800);

    /// Listens there; `None` if not at all. `flag`: what says where.
    ///
    /// # Errors
    /// Names the flag, the address, and what would be right.
    pub(crate) fn listen(self, flag: &str) -> Result<Option<TcpListener>, Failure> {
        let listener = match self {
            Self::Off => return Ok(None),
            Self::Usual => bind(Self::USUAL, flag)
                .or_else(|_| bind(SocketAddr::new(Self::USUAL.ip(), 0), flag))?,
            Self::At(address) if !address.ip().is_loopback() => {
                return Err(Failure::bad_input(format!(
                    "{flag}: {address} can be reached from other machines, and the API asks nobody who they are; \
                     127.0.0.1:{} is right",
                    address.port()
                )));
            }
            Self::At(address) => bind(address, flag)?,
        };
        listener.set_nonblocking(true).map_err(Failure::later)?;
        Ok(Some(listener))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_is_refused() {
        let place = Admin::At("0.0.0.0:9000".parse().unwrap());
        let failure = place.listen("--admin").unwrap_err();
        assert_eq!(failure.exit_code, 2);
        let right = "0.0.0.0:9000 can be reached";
        assert!(failure.message.contains(right), "{}", failure.message);
    }

    #[test]
    fn a_port_that_is_taken_is_no_reason_not_to_start() {
        let first = Admin::Usual.listen("--admin").unwrap().unwrap();
        let second = Admin::Usual.listen("--admin").unwrap().unwrap();
        let [first, second] = [first, second].map(|one| one.local_addr().unwrap());
        assert_ne!(first, second);
        assert!(Admin::Off.listen("--admin").unwrap().is_none());
    }
}
