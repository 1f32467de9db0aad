// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 to the app, and what ends a single stream.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
mod hop;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use cheerful_proxy::TimeLimits;
use cheerful_rig::{App, Peer, Script};
use h2::{Reason, client::SendRequest};
use hop::{Hop, Setting, until};
use http::{HeaderMap, Method, Request, Response};
use tokio::{net::TcpStream, task::JoinSet};

struct Client {
    sender: SendRequest<Bytes>,
    _connection: JoinSet<Result<(), h2::Error>>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Self {
            sender,
            _connection: tasks,
        }
    }

    /// Sends a request; with a body and a trailer if there is one.
    async fn ask(
        &mut self,
        path: &str,
        body: Option<&'static str>,
    ) -> Result<Response<h2::RecvStream>, h2::Error> {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("http://a.example{path}"))
            .header("te", "trailers")
            .header("trailer", "x-sum")
            .body(())
            .unwrap();
        let mut sender = self.sender.clone().ready().await?;
        let (response, mut stream) = sender.send_request(request, body.is_none())?;
        if let Some(body) = body {
            stream.send_data(Bytes::from_static(body.as_bytes()), false)?;
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "6".parse().unwrap());
            stream.send_trailers(trailers)?;
        }
        response.await
    }
}

/// Body and trailers.
async fn read(
    response: Response<h2::RecvStream>,
) -> Result<(String, Option<HeaderMap>), h2::Error> {
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        text.extend_from_slice(&data);
    }
    Ok((String::from_utf8(text).unwrap(), body.trailers().await?))
}

#[tokio::test]
async fn an_app_that_speaks_http2_is_spoken_to_in_http2_with_trailers_both_ways() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut client = Client::connect(hop.address).await;
    let (head, _) = read(client.ask("/head/x?y=%zz", None).await.unwrap())
        .await
        .unwrap();
    assert!(
        head.starts_with("GET http://a.example/head/x?y=%zz HTTP/2.0\n"),
        "{head}"
    );
    for line in [
        "te: trailers",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: a.example",
    ] {
        assert!(head.lines().any(|seen| seen == line), "{line} in {head}");
    }
    let (body, trailers) = read(client.ask("/echo", Some("abc")).await.unwrap())
        .await
        .unwrap();
    assert_eq!(
        (body.as_str(), &trailers.unwrap()["x-sum"]),
        ("abc", &"6".parse().unwrap())
    );
    until(|| hop.in_flight() == 0).await;
    // One connection to find out, one to use; HTTP/1.1 clients go on in HTTP/1.1.
    assert_eq!(app.connections(), 2);
    let reply = Peer::ask(hop.address, "GET /head HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(reply.body.starts_with("GET /head HTTP/1.1\n"), "{reply:?}");
}

#[tokio::test]
async fn an_app_of_http2_only_is_found_out_by_an_http1_request() {
    let app = Script::start(|_, stream| async move {
        let Ok(mut connection) = h2::server::handshake(stream).await else {
            return;
        };
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            assert_eq!(request.uri().authority().unwrap(), "a");
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"two"), true).unwrap();
        }
    })
    .await;
    let hop = Hop::to(app.address()).await;
    for _ in 0..2 {
        let reply = Peer::ask(hop.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "two"));
    }
}

#[tokio::test]
async fn a_limit_that_passes_in_a_response_resets_the_stream_alone() {
    let app = App::start().await;
    let limits = TimeLimits {
        idle: Duration::from_millis(400),
        ..TimeLimits::default()
    };
    let hop = Hop::with(
        app.address(),
        Setting {
            limits,
            ..Setting::default()
        },
    )
    .await;
    let mut client = Client::connect(hop.address).await;
    let response = client.ask("/drip/2/60000", None).await.unwrap();
    let error = read(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
    let late = client.ask("/wait/60000", None).await.unwrap();
    assert_eq!(late.status(), 504);
    let (body, _) = read(client.ask("/x", None).await.unwrap()).await.unwrap();
    assert_eq!(body, "hello");
}
