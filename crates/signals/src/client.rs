// SPDX-License-Identifier: Apache-2.0
//! One request over HTTP or HTTPS, and its whole answer.
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::Unread;
pub use crate::tls::Trust;

/// What is read at most, and for how long is waited.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the answer.
    pub bytes: usize,
    /// For all of it.
    pub time: Duration,
}

/// Sends one request over a connection of its own: what is asked every few seconds gains nothing from one that is kept.
/// Redirects are refused. The status is the caller's.
///
/// # Errors
/// No whole answer in time, one that is too long, a redirect, a certificate that is not accepted.
pub async fn send(
    request: Request<Full<Bytes>>,
    trust: &Trust,
    limits: Limits,
) -> Result<(StatusCode, Bytes), Unread> {
    let all = exchange(request, trust, limits.bytes);
    timeout(limits.time, all)
        .await
        .unwrap_or_else(|_| Err(Unread::Silent(format!("none in {:?}", limits.time))))
}

async fn exchange(
    mut request: Request<Full<Bytes>>,
    trust: &Trust,
    most: usize,
) -> Result<(StatusCode, Bytes), Unread> {
    let uri = request.uri().clone();
    let is_secure = uri.scheme_str() == Some("https");
    let no_host = || Unread::Setup(format!("{uri} names no host"));
    let host = uri.host().ok_or_else(no_host)?;
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let authority = uri.authority().ok_or_else(no_host)?.as_str();
    let value = header::HeaderValue::from_str(authority).map_err(|_| no_host())?;
    request.headers_mut().insert(header::HOST, value);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(|_| no_host())?;
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((address, port)).await.map_err(silent)?;
    stream.set_nodelay(true).map_err(silent)?;
    if is_secure {
        talk(trust.connect(host, stream).await?, request, most).await
    } else {
        talk(stream, request, most).await
    }
}

async fn talk<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<(StatusCode, Bytes), Unread>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(silent)?;
    // It ends with this function.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let answer = sender.send_request(request).await.map_err(silent)?;
    let status = answer.status();
    if status.is_redirection() {
        let to = answer
            .headers()
            .get(header::LOCATION)
            .and_then(|to| to.to_str().ok());
        return Err(Unread::Redirect(
            to.unwrap_or("somewhere").chars().take(200).collect(),
        ));
    }
    Ok((status, body(answer.into_body(), most).await?))
}

async fn body(body: Incoming, most: usize) -> Result<Bytes, Unread> {
    match Limited::new(body, most).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLong(most)),
        Err(error) => Err(silent(error)),
    }
}

fn silent(error: impl std::fmt::Display) -> Unread {
    Unread::Silent(error.to_string())
}
