// SPDX-License-Identifier: Apache-2.0
use std::{any::Any, net::SocketAddr, time::Duration};

use axum::{Extension, Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::task::JoinSet;

/// Connections at once; a further one is accepted when one of them ends.
const MAX_CONNECTIONS: usize = 64;
const MAX_HEAD_BYTES: usize = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection, where that has an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) Option<SocketAddr>);

/// Serves the local API until dropped. Its connections, those that follow events among them, end with it, so that
/// nobody who only watches can hold up the end.
pub(crate) async fn serve<L: Listener>(mut listener: L, router: Router)
where
    L::Addr: Any,
{
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            (stream, peer) = listener.accept(), if has_room => {
                let peer = Peer((&peer as &dyn Any).downcast_ref().copied());
                let service = TowerToHyperService::new(router.clone().layer(Extension(peer)));
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .max_buf_size(MAX_HEAD_BYTES)
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!("a connection to the local API ended: {error}");
                    }
                });
            }
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                tracing::error!("a connection to the local API failed: {error}");
            },
        }
    }
}
