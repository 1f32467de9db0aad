// SPDX-License-Identifier: Apache-2.0
use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    task::Poll,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::Target;
use crate::Unread;

/// A connection to one replica that is kept between reads. It has no task of its own: whoever reads drives it, and between
/// two reads it costs no more than its memory.
pub(super) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    driver: Option<Driver>,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Connection {
    pub(super) async fn open(address: SocketAddr, target: &Target) -> Result<Self, Unread> {
        let stream = TcpStream::connect(address).await.map_err(silent)?;
        stream.set_nodelay(true).map_err(silent)?;
        if target.endpoint.https.is_some() {
            let host = address.ip().to_string();
            Self::over(target.trust.connect(&host, stream).await?).await
        } else {
            Self::over(stream).await
        }
    }

    async fn over<S>(stream: S) -> Result<Self, Unread>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(silent)?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
        })
    }

    pub(super) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let answer = self.sender.send_request(request);
        drive(&mut self.driver, answer).await
    }

    /// The next bytes of a body; `None` at its end.
    pub(super) async fn next(&mut self, body: &mut Incoming) -> Option<Result<Bytes, Unread>> {
        loop {
            let frame = drive(&mut self.driver, body.frame()).await?;
            match frame.map_err(silent) {
                Ok(frame) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Some(Ok(bytes));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Whether it can take another request: once the last answer has been read to its end.
    pub(super) async fn is_reusable(&mut self) -> bool {
        if self.driver.is_none() {
            return false;
        }
        // One look: a connection that is not ready now is not worth waiting for.
        let mut looks = 0;
        let ready = poll_fn(|context| {
            looks += 1;
            match self.sender.poll_ready(context) {
                Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
                Poll::Pending if looks > 1 => Poll::Ready(false),
                Poll::Pending => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        });
        drive(&mut self.driver, ready).await
    }
}

/// Drives the connection while something waits for it.
async fn drive<F: Future>(driver: &mut Option<Driver>, wait: F) -> F::Output {
    let mut wait = std::pin::pin!(wait);
    poll_fn(|context| {
        if let Some(running) = driver
            && running.as_mut().poll(context).is_ready()
        {
            *driver = None;
        }
        wait.as_mut().poll(context)
    })
    .await
}

pub(super) fn silent(error: impl std::fmt::Display) -> Unread {
    Unread::Silent(error.to_string())
}
