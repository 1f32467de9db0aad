// SPDX-License-Identifier: Apache-2.0
//! What happens when an upstream does not answer.
#![allow(clippy::unwrap_used, reason = "test code")]
mod hop;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use cheerful_proxy::{
    Answer, Attempt, Choose, Drain, Failure, Listener, Place, ServerConfig, TimeLimits, Upstream,
    UpstreamConfig, serve,
};
use cheerful_rig::{App, Peer, Script, read_head};
use hop::{Hop, nobody};
use http::request::Parts;
use tokio::{io::AsyncWriteExt, net::TcpListener, task::JoinSet};

/// Sends each try to the next upstream.
struct InTurn {
    upstreams: Vec<Arc<Upstream>>,
    failures: Arc<Mutex<Vec<Failure>>>,
}

struct Turn {
    upstream: Arc<Upstream>,
    failures: Arc<Mutex<Vec<Failure>>>,
}

impl Choose for InTurn {
    type Place = Turn;

    async fn choose(&self, _: &Parts, attempt: Attempt<'_>) -> Result<Turn, Answer> {
        let number = usize::try_from(attempt.number).unwrap();
        assert_eq!(attempt.failed.len(), number);
        let upstream = Arc::clone(&self.upstreams[number % self.upstreams.len()]);
        Ok(Turn {
            upstream,
            failures: Arc::clone(&self.failures),
        })
    }
}

impl Place for Turn {
    fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }
    fn time_limits(&self) -> TimeLimits {
        TimeLimits::default()
    }
    fn waited(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_millis(123))
    }
    fn failed(&self, failure: &Failure) {
        self.failures.lock().unwrap().push(*failure);
    }
}

/// Asks through a hop before these upstreams; the reply and the failures that were told.
async fn ask(
    addresses: &[std::net::SocketAddr],
    request: &str,
) -> (cheerful_rig::Reply, Vec<Failure>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = Arc::default();
    let choose = Arc::new(InTurn {
        upstreams: addresses
            .iter()
            .map(|address| {
                Upstream::new(UpstreamConfig {
                    address: *address,
                    max_idle: 8,
                })
            })
            .collect(),
        failures: Arc::clone(&failures),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(
        Listener::Tcp(listener),
        choose,
        ServerConfig::default(),
        Drain::new(),
    ));
    let reply = Peer::ask(address, request).await;
    let failures = failures.lock().unwrap().clone();
    (reply, failures)
}

async fn closing() -> Script {
    Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
    })
    .await
}

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

#[tokio::test]
async fn a_refused_request_goes_to_another_replica() {
    let app = App::start().await;
    let addresses = [nobody().await, nobody().await, app.address()];
    for (request, body) in [(GET, "hello"), (POST, "abc")] {
        let (reply, failures) = ask(&addresses, request).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, body));
        assert_eq!(failures, [Failure::Refused; 2]);
        assert_eq!(reply.header("server-timing"), Some("cold-start;dur=123"));
    }
}

#[tokio::test]
async fn three_attempts_are_all() {
    let app = App::start().await;
    let addresses = [
        nobody().await,
        nobody().await,
        nobody().await,
        app.address(),
    ];
    let (reply, failures) = ask(&addresses, GET).await;
    assert_eq!(reply.status, 502);
    assert_eq!(failures, [Failure::Refused; 3]);
    assert!(
        !reply.body.contains("127.0.0.1") && reply.body.ends_with('\n'),
        "{reply:?}"
    );
}

#[tokio::test]
async fn closed_before_a_byte_is_tried_again_if_that_is_harmless() {
    let (app, gone) = (App::start().await, closing().await);
    let addresses = [gone.address(), app.address()];
    let (reply, failures) = ask(&addresses, GET).await;
    assert_eq!(
        (reply.status, failures.as_slice()),
        (200, [Failure::Closed].as_slice())
    );

    for request in [
        POST,
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (reply, failures) = ask(&addresses, request).await;
        assert_eq!(
            (reply.status, failures.as_slice()),
            (502, [Failure::Closed].as_slice())
        );
    }
}

#[tokio::test]
async fn what_is_no_http_is_502_and_not_tried_again() {
    let app = App::start().await;
    let odd = Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"SSH-2.0-x\r\n\r\n").await.unwrap();
    })
    .await;
    let (reply, failures) = ask(&[odd.address(), app.address()], GET).await;
    assert_eq!(
        (reply.status, failures.as_slice()),
        (502, [Failure::NotHttp].as_slice())
    );
}

#[tokio::test]
async fn a_stale_connection_is_replaced_by_a_new_one() {
    let served = Arc::new(AtomicUsize::new(0));
    let app = {
        let served = Arc::clone(&served);
        // Answers once on each connection, then takes one more request and closes without a word.
        Script::start(move |_, mut stream| {
            let served = Arc::clone(&served);
            async move {
                read_head(&mut stream).await;
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await
                    .unwrap();
                served.fetch_add(1, SeqCst);
                read_head(&mut stream).await;
            }
        })
        .await
    };
    let hop = Hop::to(app.address()).await;
    for _ in 0..5 {
        let reply = Peer::ask(hop.address, GET).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    }
    assert_eq!(served.load(SeqCst), 5);
}

#[tokio::test]
async fn an_early_answer_to_an_upload_passes() {
    let app = Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let reply = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
        stream.write_all(reply).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    })
    .await;
    let hop = Hop::to(app.address()).await;
    let request = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc";
    let reply = Peer::ask(hop.address, request).await;
    assert_eq!((reply.status, reply.body.as_str()), (413, "no"));
}
