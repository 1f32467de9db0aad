// SPDX-License-Identifier: Apache-2.0
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpStream, task::JoinSet, time::sleep};

use crate::{
    Choose, Drain,
    connection::{Accepted, Connection},
};

/// A listening socket: bound by us or handed over by systemd.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(tokio::net::TcpListener),
    /// TCP with TLS; ALPN offers h2 and http/1.1.
    Tls(tokio::net::TcpListener, Arc<rustls::ServerConfig>),
    /// A Unix socket.
    Unix(tokio::net::UnixListener),
}

/// Bounds of the server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Connections at once; over it the newest is not accepted until one ends.
    pub max_connections: usize,
    /// A request's head: over it 431.
    pub max_head_bytes: usize,
    /// For the whole head to arrive: over it 408 and close. It is looked at four times in that time, so it is
    /// late by a quarter at most.
    pub head_timeout: Duration,
    /// Streams at once in one HTTP/2 connection.
    pub max_streams: u32,
    /// An HTTP/1.1 connection without a request is closed after this long, or up to a quarter of
    /// `head_timeout` later.
    pub keep_alive: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_head_bytes: 64 * 1024,
            head_timeout: Duration::from_secs(30),
            max_streams: 256,
            keep_alive: Duration::from_secs(300),
        }
    }
}

/// After a failed accept, mostly for want of file descriptors: so long nothing is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until drained; returns when the last connection has ended. Runs on a current-thread tokio runtime
/// or any other; all per-connection tasks are owned by it and end when it is dropped.
///
/// Draining has no deadline of its own: connections that do not end by themselves (an upgraded one, a client
/// that does not read) are cut by dropping this future, which is for the caller to do at the deadline.
///
/// # Errors
/// Only what makes accepting impossible for good.
pub async fn serve<C: Choose>(
    listener: Listener,
    choose: Arc<C>,
    config: ServerConfig,
    drain: Drain,
) -> io::Result<()> {
    let config = Arc::new(config);
    let acceptor = Acceptor::new(listener);
    let mut connections = JoinSet::new();
    let mut begun = std::pin::pin!(drain.begun());
    loop {
        tokio::select! {
            biased;
            () = &mut begun => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = acceptor.accept(), if connections.len() < config.max_connections => {
                match accepted {
                    Ok((accepted, address)) => {
                        let connection = Connection {
                            choose: Arc::clone(&choose),
                            config: Arc::clone(&config),
                            drain: drain.clone(),
                            address,
                        };
                        connections.spawn(connection.run(accepted));
                    }
                    Err(error) if is_passing(&error) => {
                        tracing::warn!(%error, "could not accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    // New clients are refused from here on.
    drop(acceptor);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// `EBADF`, `EINVAL`, `ENOTSOCK`, `EOPNOTSUPP` do not pass: this is no listening socket.
fn is_passing(error: &io::Error) -> bool {
    !matches!(error.raw_os_error(), Some(9 | 22 | 88 | 95))
}

enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Tls(tokio::net::TcpListener, tokio_rustls::TlsAcceptor),
    Unix(tokio::net::UnixListener),
}

impl Acceptor {
    fn new(listener: Listener) -> Self {
        match listener {
            Listener::Tcp(listener) => Self::Tcp(listener),
            Listener::Unix(listener) => Self::Unix(listener),
            Listener::Tls(listener, config) => {
                let mut config = (*config).clone();
                config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                Self::Tls(listener, Arc::new(config).into())
            }
        }
    }

    async fn accept(&self) -> io::Result<(Accepted, Option<SocketAddr>)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Accepted::Tcp(without_delay(stream)), Some(address))
            }
            Self::Tls(listener, tls) => {
                let (stream, address) = listener.accept().await?;
                (
                    Accepted::Tls(without_delay(stream), tls.clone()),
                    Some(address),
                )
            }
            Self::Unix(listener) => (Accepted::Unix(listener.accept().await?.0), None),
        })
    }
}

fn without_delay(stream: TcpStream) -> TcpStream {
    // Fails only on a dead socket, which the first read will tell.
    drop(stream.set_nodelay(true));
    stream
}
