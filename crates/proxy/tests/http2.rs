// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 in front, behind, and translated.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
mod hop;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use cheerful_proxy::{
    Drain, Listener, ServerConfig, SingleUpstream, TimeLimits, Upstream, UpstreamConfig, serve,
};
use cheerful_rig::{App, Peer, Script, read_head};
use h2::{Reason, client::SendRequest};
use hop::{Hop, Setting, until};
use http::{HeaderMap, Method, Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

struct Client {
    sender: SendRequest<Bytes>,
    connection: JoinSet<Result<(), h2::Error>>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap()).await
    }

    async fn on(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = h2::client::handshake(io).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Self {
            sender,
            connection: tasks,
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
async fn an_app_of_http1_gets_http1() {
    let app = Script::start(|_, mut stream| async move {
        loop {
            let head = read_head(&mut stream).await;
            if head.is_empty() {
                return;
            }
            if head.starts_with("PRI") {
                stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    .await
                    .unwrap();
                return;
            }
            let reply = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
                head.len()
            );
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let mut client = Client::connect(hop.address).await;
    let (head, _) = read(client.ask("/p?q", None).await.unwrap()).await.unwrap();
    assert!(head.starts_with("GET /p?q HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: a.example\r\n"), "{head}");
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
async fn many_streams_of_one_connection_and_one_that_is_cancelled() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut client = Client::connect(hop.address).await;
    read(client.ask("/x", None).await.unwrap()).await.unwrap();
    let request = Request::get("http://a/wait/60000").body(()).unwrap();
    let (response, _) = client.sender.clone().send_request(request, true).unwrap();
    let mut others = Vec::new();
    for _ in 0..50 {
        let request = Request::get("http://a/wait/50").body(()).unwrap();
        let mut sender = client.sender.clone().ready().await.unwrap();
        others.push(sender.send_request(request, true).unwrap().0);
    }
    for other in others {
        assert_eq!(read(other.await.unwrap()).await.unwrap().0, "waited");
    }
    until(|| hop.in_flight() == 1).await;
    drop(response);
    until(|| hop.in_flight() == 0 && app.cancelled() == 1).await;
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

#[tokio::test]
async fn draining_says_goaway_and_finishes() {
    let app = App::start().await;
    let hop = Hop::to(app.address()).await;
    let mut client = Client::connect(hop.address).await;
    let request = Request::get("http://a/wait/500").body(()).unwrap();
    let (response, _) = client.sender.clone().send_request(request, true).unwrap();
    until(|| app.in_flight() == 1).await;
    hop.drain.begin();
    assert_eq!(read(response.await.unwrap()).await.unwrap().0, "waited");
    client
        .connection
        .join_next()
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(client.ask("/x", None).await.is_err());
    hop.ended().await;
}

#[tokio::test]
async fn tls_offers_both_by_alpn() {
    let app = App::start().await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = Upstream::new(UpstreamConfig {
        address: app.address(),
        max_idle: 8,
    });
    let choose = Arc::new(SingleUpstream::new(upstream, None, TimeLimits::default()));
    let mut tasks = JoinSet::new();
    let listener = Listener::Tls(listener, Arc::new(server));
    tasks.spawn(serve(
        listener,
        choose,
        ServerConfig::default(),
        Drain::new(),
    ));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    for protocol in ["h2", "http/1.1"] {
        let mut config = config.clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let head = if protocol == "h2" {
            let mut client = Client::on(stream).await;
            read(client.ask("/head", None).await.unwrap())
                .await
                .unwrap()
                .0
        } else {
            let request = b"GET /head HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut text = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text)
                .await
                .unwrap();
            text
        };
        assert!(
            head.contains("x-forwarded-proto: https\n"),
            "{protocol}: {head}"
        );
    }
}
