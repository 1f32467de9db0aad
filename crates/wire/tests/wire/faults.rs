// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_wire::{Link, Transport, Upward};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::peers::{
    Addresses, Authority, BOTH, Folder, NAME, Server, Wanted, config, lookup, report, soon, until,
    up,
};

fn addresses(servers: &[SocketAddr]) -> Addresses {
    Arc::new(Mutex::new(servers.to_vec()))
}

#[tokio::test]
async fn each_autoscaler_gets_everything_and_the_rest_goes_on_when_one_stops() {
    for transport in BOTH {
        let mut first = Server::start(Wanted::default()).await;
        let mut second = Server::start(Wanted {
            address: Some(([127, 0, 0, 2], 0).into()),
            ..Wanted::default()
        })
        .await;
        let found = addresses(&[first.address, second.address]);
        let config = config(first.address, transport, "cart-1");
        let (link, _down) = Link::start_with_lookup(config, lookup(&found)).unwrap();
        until(|| link.metrics().connected == 2).await;
        link.send(report(0));
        assert_eq!((first.sequence().await, second.sequence().await), (0, 0));

        // It stops, and says so: the stream is gone at once.
        first.stop.cancel();
        until(|| link.metrics().connected == 1).await;
        while first.tasks.join_next().await.is_some() {}
        link.send(report(1));
        assert_eq!(second.sequence().await, 1);

        // Another takes its place.
        let mut third = Server::start(Wanted::default()).await;
        *found.lock().unwrap() = vec![second.address, third.address];
        until(|| link.metrics().connected == 2).await;
        link.send(report(2));
        assert_eq!((second.sequence().await, third.sequence().await), (2, 2));
        assert_eq!(link.metrics().dropped_total, 0);
        // The one that is gone from the name is no longer tried.
        sleep(Duration::from_millis(300)).await;
        let failures = link.metrics().failures_total;
        sleep(Duration::from_millis(1000)).await;
        assert!(link.metrics().failures_total <= failures + 1);
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    for transport in BOTH {
        let first = Server::start(Wanted::default()).await;
        let address = first.address;
        let (link, _down) = up(config(address, transport, "cart-1")).await;
        // Killed: no goodbye.
        first.kill().await;
        until(|| link.metrics().connected == 0).await;
        link.send(report(0));
        let mut again = Server::start(Wanted {
            address: Some(address),
            ..Wanted::default()
        })
        .await;
        until(|| link.metrics().connected == 1).await;
        // What was said while nobody was there is old by now, and is not told.
        link.send(report(1));
        assert_eq!(again.sequence().await, 1);
    }
}

#[tokio::test]
async fn a_slow_server_delays_neither_the_sender_nor_the_others() {
    for transport in BOTH {
        let slow = Server::start(Wanted {
            take_time: Duration::from_secs(60),
            ..Wanted::default()
        })
        .await;
        let mut good = Server::start(Wanted::default()).await;
        let config = config(good.address, transport, "cart-1");
        let found = addresses(&[slow.address, good.address]);
        let (link, _down) = Link::start_with_lookup(config, lookup(&found)).unwrap();
        until(|| link.metrics().connected == 2).await;
        // More than what the sockets' buffers take in, too.
        let mut sequence = 0;
        while link.metrics().dropped_total == 0 {
            link.send(Upward::Token("x".repeat(16 * 1024)));
            link.send(report(sequence));
            soon(good.messages.recv()).await.unwrap();
            assert_eq!(good.sequence().await, sequence);
            sequence += 1;
            assert!(sequence < 100_000, "nothing is ever dropped");
        }
        assert_eq!(slow.counts().messages_total, 1);
    }
}

#[tokio::test]
async fn a_server_that_never_answers_delays_nobody() {
    for transport in BOTH {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent_address = silent.local_addr().unwrap();
        let mut good = Server::start(Wanted::default()).await;
        let config = config(good.address, transport, "cart-1");
        let found = addresses(&[silent_address, good.address]);
        let (link, _down) = Link::start_with_lookup(config, lookup(&found)).unwrap();
        until(|| link.metrics().connected == 1).await;
        link.send(report(0));
        assert_eq!(good.sequence().await, 0);
        drop(silent);
    }
}

/// Passes bytes on until it freezes: then nothing, not even an end, as when a node loses its power.
async fn freezing_relay(to: SocketAddr, freeze: CancellationToken) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut relayed = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let freeze = freeze.clone();
            relayed.spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    () = freeze.cancelled() => std::future::pending().await,
                }
            });
        }
    });
    (address, tasks)
}

async fn finds_out_that_it_is_dead(transport: Transport) {
    let server = Server::start(Wanted::default()).await;
    let freeze = CancellationToken::new();
    let (address, _tasks) = freezing_relay(server.address, freeze.clone()).await;
    let (link, _down) = up(config(address, transport, "cart-1")).await;
    freeze.cancel();
    let began = Instant::now();
    while link.metrics().connected == 1 {
        sleep(Duration::from_millis(50)).await;
        assert!(began.elapsed() < Duration::from_secs(40));
    }
    assert_eq!(link.metrics().failures_total, 1);
}

#[tokio::test]
async fn a_dead_server_is_given_up() {
    tokio::join!(
        finds_out_that_it_is_dead(Transport::Grpc),
        finds_out_that_it_is_dead(Transport::WebSocket),
    );
}

#[tokio::test]
async fn a_replaced_certificate_loses_no_message_and_is_seen_by_the_next_connection() {
    for transport in BOTH {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let folder = Folder::new();
        let tls = old.server_tls();
        let mut server = Server::start(Wanted {
            tls: Some(tls.clone()),
            ..Wanted::default()
        })
        .await;
        let mut config = config(server.address, transport, "cart-1");
        config.server_name = Some(NAME.to_owned());
        config.ca_file = Some(folder.write("ca.crt", &old.pem()));
        let (link, _down) = up(config.clone()).await;
        link.send(report(0));
        assert_eq!(server.sequence().await, 0);

        // First both are trusted everywhere, then the server shows the new one.
        folder.write("ca.crt", &(old.pem() + &new.pem()));
        let (chain, key) = new.issue(NAME);
        tls.replace(&chain, &key).unwrap();
        for sequence in 1..50 {
            link.send(report(sequence));
            assert_eq!(server.sequence().await, sequence);
        }
        let metrics = link.metrics();
        assert_eq!((metrics.connects_total, metrics.dropped_total), (1, 0));

        // One that starts now sees the new one, and so does a restarted server's old peer.
        let mut only_new = config.clone();
        only_new.ca_file = Some(folder.write("new.crt", &new.pem()));
        let (other, _down) = up(only_new).await;
        let address = server.address;
        server.kill().await;
        let mut server = Server::start(Wanted {
            tls: Some(tls),
            address: Some(address),
            ..Wanted::default()
        })
        .await;
        until(|| link.metrics().connects_total == 2 && other.metrics().connects_total == 2).await;
        until(|| link.metrics().connected == 1).await;
        link.send(report(50));
        assert_eq!(server.sequence().await, 50);

        // What does not fit each other is refused, and the old stays.
        let (_, other_key) = old.issue(NAME);
        let error = server_tls_error(&old, &other_key);
        assert!(error.contains("its key"), "{error}");
    }
}

fn server_tls_error(authority: &Authority, other_key: &str) -> String {
    let tls = authority.server_tls();
    let (chain, _) = authority.issue(NAME);
    tls.replace(&chain, other_key).unwrap_err().to_string()
}

#[tokio::test]
async fn who_is_not_trusted_gets_nothing() {
    for transport in BOTH {
        let (mine, theirs) = (Authority::new("mine"), Authority::new("theirs"));
        let folder = Folder::new();
        let server = Server::start(Wanted {
            tls: Some(theirs.server_tls()),
            ..Wanted::default()
        })
        .await;
        let mut config = config(server.address, transport, "cart-1");
        config.server_name = Some(NAME.to_owned());
        config.ca_file = Some(folder.write("ca.crt", &mine.pem()));
        let (link, _down) = Link::start(config.clone()).unwrap();
        until(|| link.metrics().failures_total >= 2).await;
        assert_eq!(link.metrics().connects_total, 0);
        assert!(server.counts().handshakes_failed_total >= 1);

        // The file is replaced: the next try succeeds.
        folder.write("ca.crt", &theirs.pem());
        until(|| link.metrics().connected == 1).await;

        // Another name than that in the certificate.
        config.server_name = Some("somebody.else".to_owned());
        let (link, _down) = Link::start(config.clone()).unwrap();
        until(|| link.metrics().failures_total >= 1).await;
        assert_eq!(link.metrics().connects_total, 0);

        config.ca_file = Some(folder.path().join("missing.crt"));
        let error = Link::start(config).unwrap_err().to_string();
        assert!(error.contains("missing.crt"), "{error}");
    }
}
