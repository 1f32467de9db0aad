// SPDX-License-Identifier: Apache-2.0
//! Datagrams over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "it waits for a real socket")]
use std::{
    collections::BTreeMap,
    net::UdpSocket,
    thread::sleep,
    time::{Duration, Instant},
};

use cheerful_signals::statsd::{Origin, StatsdServer, Store, Wanted};

const LONG: Duration = Duration::from_secs(20);

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "{what}");
        sleep(Duration::from_millis(5));
    }
}

fn wanted() -> Wanted {
    Wanted {
        in_flight: Some("app.in_flight".to_owned()),
        tags: BTreeMap::from([("revision".to_owned(), "hello".to_owned())]),
        ..Wanted::default()
    }
}

#[test]
fn what_is_sent_is_told() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = StatsdServer::start(address.parse().unwrap()).unwrap();
        server.store().want(server.now(), "hello", Some(wanted()));
        let sender = UdpSocket::bind(address).unwrap();
        let to = server.address().unwrap();
        sender
            .send_to(b"other:1|c\napp.in_flight:4|g|#revision:hello", to)
            .unwrap();
        until("the line", || server.store().counts().taken == 1);
        sleep(Duration::from_millis(50));
        let figures = server.store().collect(server.now(), "hello");
        let [figure] = figures.as_slice() else {
            panic!("{figures:?}")
        };
        let from = sender.local_addr().unwrap().ip();
        assert_eq!(figure.origin, Origin::Address(from));
        let load = figure.request_seconds / figure.seconds;
        assert!(load > 0.0 && load <= 4.0, "{load}");
        assert_eq!(server.dropped(), Some(0));
    }
}

#[test]
fn what_the_kernel_drops_is_counted() {
    let server = StatsdServer::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = server.address().unwrap();
    let datagram = vec![b'x'; 60_000];
    let mut sent = 0;
    {
        // Nobody reads as long as the store is held.
        let _held = server.store();
        for _ in 0..2000 {
            sender.send_to(&datagram, to).unwrap();
            sent += 1;
        }
        until("drops", || server.dropped().unwrap() > 0);
    }
    until("the sum", || {
        let came = server.store().counts().datagrams;
        came + server.dropped().unwrap() == sent
    });
}

#[test]
fn a_flood_changes_nothing_of_what_is_asked_for() {
    let server = StatsdServer::start("127.0.0.1:0".parse().unwrap()).unwrap();
    server.store().want(server.now(), "hello", Some(wanted()));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = server.address().unwrap();
    let mut sent = 1;
    let line = b"app.in_flight:4|g|#revision:hello";
    sender.send_to(line, to).unwrap();
    until("the line", || server.store().counts().taken == 1);
    let start = server.now();
    server.store().collect(start, "hello");
    for number in 0..40_000_u32 {
        let datagram = match number % 8 {
            0 => format!("name-{number}:1|c\nother-{number}:2|ms"),
            1 => format!("app.in_flight:0|g|#revision:other-{number}"),
            2 => "app.in_flight:nan|g|#revision:hello".to_owned(),
            3 => "app.in_flight:1e999|g|#revision:hello".to_owned(),
            4 => "app.in_flight:|g|#revision:hello".to_owned(),
            5 => "app.in_flight:0|x|#revision:hello".to_owned(),
            6 => "app.in_flight:0|c|@7|#revision:hello".to_owned(),
            _ => format!("\u{0}\u{1}{number}"),
        };
        // A full buffer at the sender is no fault here.
        sent += u64::from(sender.send_to(datagram.as_bytes(), to).is_ok());
    }
    until("the sum", || {
        let came = server.store().counts().datagrams;
        came + server.dropped().unwrap() == sent
    });
    let counts = *server.store().counts();
    assert_eq!(counts.taken, 1, "{counts:?}");
    for (word, count) in counts.by_word() {
        let is_of_flood = matches!(
            word,
            "unwanted" | "impossible" | "bad_name" | "bad_value" | "bad_kind" | "bad_rate"
        );
        assert!(!is_of_flood || count > 0, "{word}: {counts:?}");
    }
    if server.now().since(start) < Store::SILENT {
        let figures = server.store().collect(server.now(), "hello");
        let [figure] = figures.as_slice() else {
            panic!("{figures:?}")
        };
        let load = figure.request_seconds / figure.seconds;
        // It began a moment after its interval.
        assert!((3.5..4.000_001).contains(&load), "{load}");
    }
}

#[test]
fn the_thread_ends_with_the_server() {
    let server = StatsdServer::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = server.address().unwrap();
    drop(server);
    UdpSocket::bind(address).unwrap();
}
