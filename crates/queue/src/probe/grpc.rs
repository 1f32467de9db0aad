// SPDX-License-Identifier: Apache-2.0
use std::net::SocketAddr;

use h2::{RecvStream, client};
use http::{HeaderMap, Method, Request, Version};
use tokio::net::TcpStream;

/// A message's beginning: not compressed, and its length.
const PREFIX: usize = 5;

/// An answer is a few bytes; more is no health check.
const MAX_ANSWER: usize = 1024;

/// `grpc.health.v1.HealthCheckResponse.SERVING`.
const SERVING: u64 = 1;

/// Asks `grpc.health.v1.Health/Check` for a service; empty: for all of the server.
pub(super) async fn check(
    stream: TcpStream,
    address: SocketAddr,
    service: &str,
) -> Result<(), String> {
    let (sender, connection) = client::handshake(stream)
        .await
        .map_err(|error| error.to_string())?;
    tokio::select! {
        answered = ask(sender, address, service) => answered,
        ended = connection => Err(match ended {
            Ok(()) => "the connection ended without an answer".to_owned(),
            Err(error) => error.to_string(),
        }),
    }
}

async fn ask(
    sender: client::SendRequest<bytes::Bytes>,
    address: SocketAddr,
    service: &str,
) -> Result<(), String> {
    let failed = |error: h2::Error| error.to_string();
    let request = Request::builder()
        .version(Version::HTTP_2)
        .method(Method::POST)
        .uri(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "cheerful-probe")
        .body(())
        .map_err(|error| error.to_string())?;
    let mut sender = sender.ready().await.map_err(failed)?;
    let (response, mut body) = sender.send_request(request, false).map_err(failed)?;
    body.send_data(message(service).into(), true)
        .map_err(failed)?;
    let response = response.await.map_err(failed)?;
    if response.status() != http::StatusCode::OK {
        return Err(format!("it answered {}", response.status().as_u16()));
    }
    // An error without a message has its status in the head.
    refused(response.headers())?;
    let (answer, trailers) = read(response.into_body()).await?;
    refused(&trailers)?;
    match status(&answer) {
        Some(SERVING) => Ok(()),
        Some(other) => Err(format!("its gRPC health status is {other}, not SERVING")),
        None => Err("its answer is no gRPC health check".to_owned()),
    }
}

async fn read(mut body: RecvStream) -> Result<(Vec<u8>, HeaderMap), String> {
    let mut answer = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|error| error.to_string())?;
        if answer.len() + piece.len() > MAX_ANSWER {
            return Err("its answer is no gRPC health check".to_owned());
        }
        answer.extend_from_slice(&piece);
    }
    let trailers = body.trailers().await.map_err(|error| error.to_string())?;
    Ok((answer, trailers.unwrap_or_default()))
}

/// An error by gRPC's own status.
fn refused(headers: &HeaderMap) -> Result<(), String> {
    match headers.get("grpc-status").map(http::HeaderValue::as_bytes) {
        None | Some(b"0") => Ok(()),
        Some(code) => Err(format!(
            "it answered with gRPC status {}",
            String::from_utf8_lossy(code)
        )),
    }
}

/// `HealthCheckRequest { service = 1 }` with its prefix. The name is at most 127 bytes.
fn message(service: &str) -> Vec<u8> {
    let name = service.as_bytes();
    let mut request = Vec::new();
    if let (Ok(length @ 1..=127), false) = (u8::try_from(name.len()), name.is_empty()) {
        request.extend([0x0a, length]);
        request.extend_from_slice(name);
    }
    let length = u32::try_from(request.len()).unwrap_or(0);
    let mut message = vec![0];
    message.extend(length.to_be_bytes());
    message.extend(request);
    message
}

/// `HealthCheckResponse { status = 1 }`; absent it is 0, UNKNOWN.
fn status(answer: &[u8]) -> Option<u64> {
    let (prefix, message) = answer.split_at_checked(PREFIX)?;
    let [0, length @ ..] = prefix else {
        return None;
    };
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let message = message.get(..usize::try_from(length).ok()?)?;
    match message {
        [] => Some(0),
        [0x08, value, ..] if *value < 0x80 => Some(u64::from(*value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_protobuf_has_them() {
        assert_eq!(message(""), [0, 0, 0, 0, 0]);
        assert_eq!(message("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(status(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(status(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(status(&[0, 0, 0, 0, 2, 8]), None);
        assert_eq!(status(&[1, 0, 0, 0, 2, 8, 1]), None);
        assert_eq!(status(&[]), None);
    }
}
