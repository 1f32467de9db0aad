// SPDX-License-Identifier: Apache-2.0
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn at(millis: u64) -> Moment {
    Moment::from_micros(millis * 1000)
}

fn wanted(in_flight: Option<&str>, requests: Option<&str>, seconds: Option<&str>) -> Wanted {
    Wanted {
        in_flight: in_flight.map(str::to_owned),
        requests: requests.map(str::to_owned),
        seconds: seconds.map(str::to_owned),
        tags: BTreeMap::from([("revision".to_owned(), "hello".to_owned())]),
    }
}

fn store(wanted: Wanted) -> Store {
    let mut store = Store::default();
    store.want(at(0), "hello", Some(wanted));
    store
}

/// Says a line with the tags that are asked for.
fn say(store: &mut Store, millis: u64, line: &str) {
    let line = format!("{line}|#revision:hello,replica:hello-1");
    store.take(at(millis), HERE, line.as_bytes());
}

fn one(store: &mut Store, millis: u64) -> Figure {
    let mut figures = store.collect(at(millis), "hello");
    assert_eq!(figures.len(), 1, "{figures:?}");
    figures.remove(0)
}

#[test]
fn a_gauge_is_averaged_over_time() {
    let mut store = store(wanted(Some("load"), None, None));
    say(&mut store, 0, "load:4|g");
    say(&mut store, 500, "load:8|g");
    let figure = one(&mut store, 1000);
    assert_eq!(figure.origin, Origin::Replica("hello-1".to_owned()));
    assert_eq!((figure.seconds, figure.request_seconds), (1.0, 6.0));
    // It stays where it is.
    assert_eq!(one(&mut store, 2000).request_seconds, 8.0);
    say(&mut store, 2000, "load:-3|g");
    say(&mut store, 2000, "load:+1|g");
    assert_eq!(one(&mut store, 3000).request_seconds, 6.0);
    say(&mut store, 3000, "load:-9|g");
    assert_eq!(one(&mut store, 4000).request_seconds, 0.0);
    assert_eq!(store.counts().below_zero, 1);
}

#[test]
fn durations_add_up_to_request_seconds_and_tell_how_long_requests_took() {
    let mut store = store(wanted(None, None, Some("took")));
    say(&mut store, 100, "took:250|ms");
    say(&mut store, 200, "took:500:750|ms");
    say(&mut store, 300, "took:0.25|h|@0.5");
    let figure = one(&mut store, 1000);
    assert_eq!((figure.request_seconds, figure.requests), (2.0, 5));
    assert_eq!(figure.latency.unwrap().count(), 5);
    // Nothing finished, but it was heard of lately: idle.
    let figure = one(&mut store, 2000);
    assert_eq!((figure.request_seconds, figure.requests), (0.0, 0));
}

#[test]
fn a_gauge_and_a_counter_are_each_used_for_what_they_are() {
    let mut store = store(wanted(Some("load"), Some("hits"), Some("took")));
    say(&mut store, 0, "load:3|g");
    say(&mut store, 100, "hits:5|c|@0.4");
    say(&mut store, 100, "took:60000|ms");
    let figure = one(&mut store, 1000);
    assert_eq!((figure.request_seconds, figure.requests), (3.0, 12));
    // The half request that was left over.
    say(&mut store, 1100, "hits:5|c|@0.4");
    assert_eq!(one(&mut store, 2000).requests, 13);
}

#[test]
fn who_names_no_replica_is_known_by_the_address() {
    let mut store = store(wanted(Some("load"), None, None));
    for address in [1, 2] {
        let from = IpAddr::V4(Ipv4Addr::new(10, 0, 0, address));
        store.take(
            at(0),
            from,
            b"load:3|g|#revision:hello\nload:5|g|#revision:hello\r\n",
        );
    }
    let figures = store.collect(at(1000), "hello");
    let loads: Vec<f64> = figures
        .iter()
        .map(|figure| figure.request_seconds)
        .collect();
    assert_eq!(loads, [5.0, 5.0]);
    assert_ne!(figures[0].origin, figures[1].origin);
}

#[test]
fn a_silent_sender_is_missing_and_not_idle_and_then_forgotten() {
    let mut store = store(wanted(Some("load"), None, None));
    say(&mut store, 0, "load:3|g");
    assert_eq!(one(&mut store, 14_000).request_seconds, 42.0);
    assert_eq!(store.collect(at(15_000), "hello"), []);
    assert_eq!(store.series(), 1);
    assert_eq!(store.collect(at(60_000), "hello"), []);
    assert_eq!(store.series(), 0);
}

#[test]
fn what_is_wrong_is_counted_by_reason_and_changes_nothing() {
    let mut store = store(wanted(Some("load"), Some("hits"), None));
    say(&mut store, 0, "load:3|g");
    for line in [
        "load:NaN|g",
        "load:inf|g",
        "load:1e30|g",
        "load:1e7|g",
        "hits:-1|c",
    ] {
        say(&mut store, 0, line);
    }
    for line in [
        "load:x|g",
        "load:1|ms",
        "load:1|q",
        "load:1|s",
        "load:1|g|@7",
        "other:1|g",
    ] {
        say(&mut store, 0, line);
    }
    store.take(
        at(0),
        HERE,
        b"load:9|g|#revision:other\nload:9|g\n:\n_sc|x|0",
    );
    let long = format!("load:9|g|#revision:hello,pod:{}", "x".repeat(254));
    store.take(at(0), HERE, long.as_bytes());
    store.take(at(0), HERE, b"load:9|g|#revision:hello,pod:\xff");
    let counts = *store.counts();
    assert_eq!(
        (counts.impossible, counts.bad_value, counts.other_kind),
        (5, 1, 1)
    );
    assert_eq!(
        (counts.bad_kind, counts.ignored, counts.bad_rate),
        (1, 2, 1)
    );
    assert_eq!((counts.unwanted, counts.bad_name), (3, 3));
    assert_eq!(one(&mut store, 1000).request_seconds, 3.0);
}

#[test]
fn who_sends_nothing_but_what_cannot_be_is_silent() {
    let mut store = store(wanted(None, Some("hits"), Some("took")));
    say(&mut store, 0, "took:500|ms");
    say(&mut store, 0, "hits:1|c");
    assert_eq!(one(&mut store, 1000).request_seconds, 0.5);
    for second in 1..=15 {
        say(&mut store, second * 1000, "took:NaN|ms");
        say(&mut store, second * 1000, "hits:-1|c");
    }
    assert_eq!(store.counts().taken, 2);
    assert!(store.collect(at(16_000), "hello").is_empty());
}

#[test]
fn memory_is_bounded_whatever_the_names() {
    let mut store = store(wanted(Some("load"), None, None));
    for number in 0..Store::MOST_IN_ONE + 7 {
        let line = format!("load:1|g|#revision:hello,replica:r{number}\nrandom{number}:1|c");
        store.take(at(0), HERE, line.as_bytes());
    }
    assert_eq!(store.series(), Store::MOST_IN_ONE);
    assert_eq!(store.counts().too_many, 7);
    // Those that are known are still heard.
    store.take(at(1), HERE, b"load:2|g|#revision:hello,replica:r0");
    assert_eq!(store.counts().taken, Store::MOST_IN_ONE as u64 + 1);
    store.want(at(1), "hello", None);
    assert_eq!(store.series(), 0);
    assert_eq!(store.wanting().count(), 0);
}

#[test]
fn what_is_asked_for_again_is_kept_and_something_else_is_not() {
    let mut store = store(wanted(Some("load"), None, None));
    say(&mut store, 0, "load:3|g");
    store.want(at(100), "hello", Some(wanted(Some("load"), None, None)));
    assert_eq!(store.series(), 1);
    store.want(at(100), "hello", Some(wanted(Some("other"), None, None)));
    assert_eq!(store.series(), 0);
    store.want(at(100), "second", Some(wanted(Some("other"), None, None)));
    say(&mut store, 100, "other:3|g");
    assert_eq!(
        store.collect(at(1100), "hello"),
        store.collect(at(1100), "second")
    );
}

proptest! {
    /// Whatever is sent, what is told can be counted, and nothing of it is kept beyond the bounds.
    #[test]
    fn any_datagram_is_taken(datagrams in prop::collection::vec(
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(load|hits|took)[:;,#\\[|a-z0-9=.+-]{0,40}".prop_map(String::into_bytes),
            "(load|hits|took):[0-9e.+-]{1,8}\\|(g|c|ms|h|d)(\\|@0?.[0-9]{0,3})?\\|#revision:hello(,pod:[a-c])?"
                .prop_map(String::into_bytes),
        ], 0..50)) {
        let mut store = store(wanted(Some("load"), Some("hits"), Some("took")));
        let mut millis = 0;
        for datagram in datagrams {
            millis += 37;
            store.take(at(millis), HERE, &datagram);
        }
        for figure in store.collect(at(millis + 100), "hello") {
            prop_assert!(figure.request_seconds.is_finite() && figure.request_seconds >= 0.0);
        }
        prop_assert!(store.series() <= 4);
    }
}
