// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 with and without TLS, as browsers and gRPC speak it.
#![allow(clippy::unwrap_used, reason = "test code")]
mod hop;

use std::sync::Arc;

use bytes::Bytes;
use cheerful_proxy::{
    Drain, Listener, ServerConfig, SingleUpstream, TimeLimits, Upstream, UpstreamConfig, serve,
};
use cheerful_rig::{App, Script, read_head};
use hop::{Hop, until};
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::{
    body::{Body, Frame, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A client's connection and the task that drives it.
async fn h2<B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> (http2::SendRequest<B>, JoinSet<()>)
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    (sender, driver)
}

async fn body_of(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

fn request(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://a{path}"))
        .body(Empty::new())
        .unwrap()
}

#[tokio::test]
async fn many_streams_share_one_connection_and_each_is_counted() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let (sender, _driver) = h2(TcpStream::connect(hop.address).await.unwrap()).await;
    let mut streams = JoinSet::new();
    for _ in 0..20 {
        let mut sender = sender.clone();
        streams.spawn(async move {
            let response = sender.send_request(request("/wait/100")).await.unwrap();
            assert_eq!(
                (response.status(), response.version()),
                (200.try_into().unwrap(), Version::HTTP_2)
            );
            body_of(response).await
        });
    }
    for body in streams.join_all().await {
        assert_eq!(body, "waited");
    }
    until(|| hop.in_flight() == 0).await;
    assert_eq!(hop.choose.accounting().counts().ended, 20);
}

#[tokio::test]
async fn a_grpc_call_keeps_its_te_header_its_body_and_its_trailers() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let (mut sender, _driver) = h2(TcpStream::connect(hop.address).await.unwrap()).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let frames = [
        Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from("message"))),
        Ok(Frame::trailers(trailers)),
    ];
    let call = Request::post("http://a/echo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(StreamBody::new(futures_util::stream::iter(frames)))
        .unwrap();
    let answer = sender
        .send_request(call)
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap();
    assert_eq!(answer.trailers().unwrap().get("grpc-status").unwrap(), "0");
    assert_eq!(answer.to_bytes(), "message");
}

#[tokio::test]
async fn an_app_that_speaks_http_1_only_is_reached_from_http_2() {
    let app = Script::start(|_, mut stream| async move {
        loop {
            let head = read_head(&mut stream).await;
            if head.is_empty() {
                return;
            }
            // What a client of HTTP/2 says first is no request to such an app.
            if !head.starts_with("GET /x HTTP/1.1\r\n") {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.ok();
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold").await.unwrap();
        }
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let (mut sender, _driver) = h2(TcpStream::connect(hop.address).await.unwrap()).await;
    for _ in 0..3 {
        let response = sender.send_request(request("/x")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(body_of(response).await, "old");
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_gives_its_place_back_and_leaves_the_others() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let (mut sender, _driver) = h2(TcpStream::connect(hop.address).await.unwrap()).await;
    let long = tokio::time::timeout(
        std::time::Duration::from_millis(200),
        sender.clone().send_request(request("/wait/60000")),
    );
    assert!(
        long.await.is_err(),
        "it is still waiting when the client leaves"
    );
    until(|| hop.in_flight() == 0).await;
    until(|| app.cancelled() == 1).await;
    assert_eq!(
        sender.send_request(request("/x")).await.unwrap().status(),
        200
    );
}

/// After `ends` what is in flight on a connection is finished, and the connection takes no more. The client keeps it.
async fn a_connection_goes_away(
    hop: &Hop,
    ends: impl FnOnce(&Drain),
) -> (http2::SendRequest<Empty<Bytes>>, JoinSet<()>) {
    let (mut sender, driver) = h2(TcpStream::connect(hop.address).await.unwrap()).await;
    let mut running = JoinSet::new();
    let mut first = sender.clone();
    running.spawn(async move {
        first
            .send_request(request("/wait/500"))
            .await
            .unwrap()
            .status()
    });
    until(|| hop.in_flight() == 1).await;
    ends(&hop.drain);
    assert_eq!(running.join_next().await.unwrap().unwrap(), 200);
    assert!(
        sender.send_request(request("/x")).await.is_err(),
        "the connection takes no more"
    );
    (sender, driver)
}

#[tokio::test]
async fn a_drain_says_go_away_and_finishes_what_is_in_flight() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let _kept = a_connection_goes_away(&hop, |drain| drain.begin()).await;
    hop.ended().await;
}

#[tokio::test]
async fn when_the_end_is_announced_clients_are_told_to_go_away_and_new_ones_are_still_served() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let _kept = a_connection_goes_away(&hop, |drain| drain.announce(true)).await;
    let (mut late, _driver) = h2(TcpStream::connect(hop.address).await.unwrap()).await;
    let answered = late.send_request(request("/x")).await.unwrap();
    assert_eq!(answered.status(), 200);
    assert!(
        answered.headers().get("connection").is_none(),
        "that is a word of HTTP/1.1"
    );
    until(|| late.is_closed()).await;
    hop.drain.begin();
    hop.ended().await;
}

#[tokio::test]
async fn tls_offers_both_protocols_by_alpn() {
    let app = App::start().await;
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(certified.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = Upstream::new(UpstreamConfig {
        address: app.address(),
        max_idle: 8,
    });
    let choose = Arc::new(SingleUpstream::new(upstream, None, TimeLimits::default()));
    let mut served = JoinSet::new();
    served.spawn(serve(
        Listener::Tls(listener, Arc::new(server)),
        choose,
        ServerConfig::default(),
        Drain::new(),
    ));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    for protocol in ["h2", "http/1.1"] {
        let mut client = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        client.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(client))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            Some(protocol.as_bytes())
        );
        let answer = if protocol == "h2" {
            let (mut sender, _driver) = h2(stream).await;
            let request = Request::get("https://localhost/head")
                .body(Full::new(Bytes::new()))
                .unwrap();
            body_of(sender.send_request(request).await.unwrap()).await
        } else {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            let mut driver = JoinSet::new();
            driver.spawn(async move { drop(connection.await) });
            let request = Request::get("/head")
                .header("host", "localhost")
                .body(Empty::<Bytes>::new())
                .unwrap();
            body_of(sender.send_request(request).await.unwrap()).await
        };
        let seen = String::from_utf8(answer.to_vec()).unwrap().to_lowercase();
        assert!(seen.contains("x-forwarded-proto: https"), "{seen}");
    }
}
