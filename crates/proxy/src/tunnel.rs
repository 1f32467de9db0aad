// SPDX-License-Identifier: Apache-2.0
use std::{
    any::Any,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy, split},
    time::sleep,
};

/// The two sides of an upgraded connection.
pub(crate) struct Tunnel {
    pub(crate) client: OnUpgrade,
    pub(crate) upstream: OnUpgrade,
    /// Dropped when the tunnel ends.
    pub(crate) place: Box<dyn Any + Send + Sync>,
    /// Without a byte in either direction; zero: no limit.
    pub(crate) idle: Duration,
}

impl Tunnel {
    /// Carries bytes until the app has ended its side, or nothing has moved for the idle limit; a client that has
    /// ended its own may still read. What the client sent behind its request is the first that goes on.
    pub(crate) async fn run(self) {
        let Self {
            client,
            upstream,
            place,
            idle,
        } = self;
        if let Err(error) = carry(client, upstream, idle).await {
            tracing::debug!(%error, "upgraded connection ended");
        }
        drop(place);
    }
}

async fn carry(client: OnUpgrade, upstream: OnUpgrade, idle: Duration) -> io::Result<()> {
    let client = client.await.map_err(io::Error::other)?;
    let upstream = upstream.await.map_err(io::Error::other)?;
    let moved = Arc::new(AtomicU64::new(0));
    let mut client = Watched {
        inner: TokioIo::new(client),
        moved: Arc::clone(&moved),
    };
    let mut upstream = Watched {
        inner: TokioIo::new(upstream),
        moved: Arc::clone(&moved),
    };
    let (mut from_client, mut to_client) = split(&mut client);
    let (mut from_upstream, mut to_upstream) = split(&mut upstream);
    let up = async {
        copy(&mut from_client, &mut to_upstream).await?;
        // The client has said all; the app may still answer.
        to_upstream.shutdown().await?;
        std::future::pending::<io::Result<()>>().await
    };
    let down = async {
        copy(&mut from_upstream, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
        () = silence(&moved, idle), if !idle.is_zero() => Ok(()),
    }
}

/// Ends after nothing has moved for `idle`; it looks four times in that time, so it is late by a quarter
/// at most.
async fn silence(moved: &AtomicU64, idle: Duration) {
    let mut seen = moved.load(Relaxed);
    let mut quiet = 0;
    while quiet < 4 {
        sleep(idle / 4).await;
        let now = moved.load(Relaxed);
        quiet = if now == seen { quiet + 1 } else { 0 };
        seen = now;
    }
}

/// Counts that bytes came.
struct Watched<T> {
    inner: T,
    moved: Arc<AtomicU64>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if read.is_ready() {
            self.moved.fetch_add(1, Relaxed);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
