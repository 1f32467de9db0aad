// SPDX-License-Identifier: Apache-2.0
use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::{fd::OwnedFd, unix::net::UnixListener},
    sync::Arc,
};

use cheerful_proxy::Listener;

use crate::exit::Failure;

/// The gateway's socket, before a runtime has it.
#[derive(Debug)]
pub(crate) enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Door {
    /// The first of systemd's sockets if there is one, else a new one.
    pub(crate) fn open(handed_over: Vec<OwnedFd>, address: SocketAddr) -> Result<Self, Failure> {
        let mut handed_over = handed_over.into_iter();
        let Some(fd) = handed_over.next() else {
            return Ok(Self::Tcp(bind(address, "--port")?));
        };
        if handed_over.next().is_some() {
            return Err(Failure::bad_input(
                "LISTEN_FDS: more than one socket was handed over; one is right",
            ));
        }
        let unusable = |error: io::Error| {
            Failure::bad_input(format!(
                "LISTEN_FDS: the socket handed over cannot be used: {error}"
            ))
        };
        let family = rustix::net::getsockname(&fd)
            .map_err(|error| unusable(error.into()))?
            .address_family();
        if family == rustix::net::AddressFamily::UNIX {
            Ok(Self::Unix(UnixListener::from(fd)))
        } else {
            Ok(Self::Tcp(TcpListener::from(fd)))
        }
    }

    /// The port, where there is one.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(_) => None,
        }
    }

    /// For people: `http://127.0.0.1:8080`.
    pub(crate) fn url(&self, tls: bool) -> String {
        let scheme = if tls { "https" } else { "http" };
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("{scheme}://{address}"),
                Err(error) => format!("a socket without an address: {error}"),
            },
            Self::Unix(_) => "a unix socket".to_owned(),
        }
    }

    /// One more handle on the same socket; to be called inside the runtime that is to have it.
    pub(crate) fn listener(&self, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<Listener> {
        match self {
            Self::Tcp(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                Ok(match tls {
                    Some(tls) => Listener::Tls(listener, tls),
                    None => Listener::Tcp(listener),
                })
            }
            Self::Unix(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                Ok(Listener::Unix(tokio::net::UnixListener::from_std(
                    listener,
                )?))
            }
        }
    }
}

/// Binds a TCP socket that a flag asks for.
pub(crate) fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let port = address.port();
        Failure::bad_input(match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "{flag}: port {port} of {} is taken by another program; stop that, or give another port (0: any free one)",
                address.ip()
            ),
            io::ErrorKind::PermissionDenied => {
                format!("{flag}: port {port} may not be opened by this user; a port from 1024 up is right")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("{flag}: {} is no address of this machine", address.ip())
            }
            _ => format!("{flag}: cannot listen on {address}: {error}"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let failure = bind(address, "--port").unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert!(failure.message.contains("--port"), "{}", failure.message);
        assert!(
            failure.message.contains(&address.port().to_string()),
            "{}",
            failure.message
        );
    }
}
