// SPDX-License-Identifier: Apache-2.0
//! The gateway behind a real server, before real apps.
use std::{sync::Arc, time::Duration};

use cheerful_gateway::{GatewayEvent, HoldLimits, RevisionConfig, WakingRules};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    door::{held, revision, route},
    peers::{App, Site, assert_from, get, receive, send, until},
};

const FAST: Duration = Duration::ZERO;
const SLOW: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_hundred_held_requests_are_answered_when_a_replica_opens() {
    let site = Site::start([revision("hello")]).await;
    let (gateway, door) = (&site.gateway, site.door);
    let mut clients = JoinSet::new();
    for number in 0..100 {
        clients.spawn(async move { get(door, &format!("/{number}")).await });
    }
    until(|| held(gateway, "hello") == 100).await;
    let _app = site.open("hello", "a", FAST).await;
    while let Some(response) = clients.join_next().await {
        let response = response.unwrap();
        assert_from(&response, "a");
        assert!(
            response.to_ascii_lowercase().contains("server-timing:"),
            "{response}"
        );
    }
    let after = get(door, "/").await;
    assert!(
        !after.to_ascii_lowercase().contains("server-timing:"),
        "{after}"
    );
    assert_eq!(gateway.metrics()[0].cold_starts_total, 100);
}

#[tokio::test]
async fn over_the_bound_and_over_the_time_503_with_retry_after() {
    let hold = HoldLimits {
        requests: 1,
        bytes: 1 << 20,
        wait: Duration::from_millis(500),
    };
    let site = Site::start([RevisionConfig {
        hold,
        ..revision("hello")
    }])
    .await;
    let (gateway, door) = (&site.gateway, site.door);
    let first = send(door, "example.com", "/").await;
    until(|| held(gateway, "hello") == 1).await;
    let refused = get(door, "/").await.to_ascii_lowercase();
    assert!(
        refused.starts_with("http/1.1 503") && refused.contains("retry-after: 1\r\n"),
        "{refused}"
    );
    let late = receive(first).await.to_ascii_lowercase();
    assert!(
        late.starts_with("http/1.1 503") && late.contains("retry-after: "),
        "{late}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_in_the_line_and_in_the_replica() {
    let site = Site::start([RevisionConfig {
        limit: Some(1),
        ..revision("hello")
    }])
    .await;
    let (gateway, door) = (&site.gateway, site.door);
    let _never = site.open("hello", "a", Duration::from_secs(3600)).await;
    let in_flight = send(door, "example.com", "/1").await;
    until(|| gateway.in_flight("hello", "a") == Some(1)).await;
    let waiting = send(door, "example.com", "/2").await;
    until(|| held(gateway, "hello") == 1).await;
    drop(waiting);
    until(|| held(gateway, "hello") == 0).await;
    drop(in_flight);
    until(|| gateway.in_flight("hello", "a") == Some(0)).await;
}

#[tokio::test]
async fn one_of_two_replicas_is_drained_under_load_without_a_failed_request() {
    let site = Site::start([RevisionConfig {
        target: 2.0,
        ..revision("hello")
    }])
    .await;
    let (gateway, door) = (&site.gateway, site.door);
    let a = site.open("hello", "a", SLOW).await;
    let _b = site.open("hello", "b", SLOW).await;
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(async move {
            for _ in 0..25 {
                let response = get(door, "/").await;
                assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            }
        });
    }
    // Taken out while it is busy.
    let busy = || gateway.in_flight("hello", "a").is_some_and(|load| load > 0);
    until(|| gateway.metrics()[0].passed_total > 30 && busy()).await;
    gateway.take_out("hello", "a");
    gateway.drained("hello", "a").await;
    drop(a);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    assert_eq!(gateway.metrics()[0].passed_total, 200);
    assert_eq!(gateway.metrics()[0].failed_tries_total, 0);
}

#[tokio::test]
async fn a_killed_replica_is_taken_out_and_its_requests_go_to_the_other() {
    let mut site = Site::start([revision("hello")]).await;
    let door = site.door;
    let a = site.open("hello", "a", FAST).await;
    let _b = site.open("hello", "b", FAST).await;
    assert_from(&get(door, "/").await, "a");
    drop(a);
    for _ in 0..5 {
        assert_from(&get(door, "/").await, "b");
    }
    let (revision, replica) = ("hello".to_owned(), "a".to_owned());
    assert_eq!(
        site.events.try_recv(),
        Ok(GatewayEvent::ReplicaFailed { revision, replica })
    );
    assert!(site.events.try_recv().is_err());
}

#[tokio::test]
async fn a_request_to_the_only_replica_waits_when_that_is_killed() {
    let site = Site::start([revision("hello")]).await;
    let (gateway, door) = (&site.gateway, site.door);
    let app = site.open("hello", "a", FAST).await;
    assert_from(&get(door, "/").await, "a");
    drop(app);
    let client = send(door, "example.com", "/").await;
    until(|| held(gateway, "hello") == 1).await;
    let again = App::start("again", FAST).await;
    gateway.open("hello", "a", again.address).unwrap();
    assert_from(&receive(client).await, "again");
}

#[tokio::test]
async fn two_revisions_are_told_apart_by_host_and_by_path() {
    let with = |name: &str, host, path| RevisionConfig {
        routes: vec![route(host, path)],
        ..revision(name)
    };
    let site = Site::start([
        with("one", Some("one.test"), None),
        with("two", None, Some("/two")),
    ])
    .await;
    let door = site.door;
    let _one = site.open("one", "a of one", FAST).await;
    let _two = site.open("two", "a of two", FAST).await;
    assert_from(
        &receive(send(door, "ONE.test:8080", "/two").await).await,
        "a of one",
    );
    assert_from(
        &receive(send(door, "other.test", "/two/x").await).await,
        "a of two",
    );
    let nobodys = receive(send(door, "other.test", "/twofold").await).await;
    assert!(nobodys.starts_with("HTTP/1.1 404"), "{nobodys}");
}

#[tokio::test]
async fn a_health_check_is_answered_here_at_zero_and_by_the_app_otherwise() {
    let waking = WakingRules {
        answer_at_zero_paths: vec!["/healthz".to_owned()],
        ..WakingRules::default()
    };
    let mut site = Site::start([RevisionConfig {
        waking,
        ..revision("hello")
    }])
    .await;
    let (gateway, door) = (Arc::clone(&site.gateway), site.door);
    assert_from(&get(door, "/healthz").await, "ok\n");
    assert!(site.events.try_recv().is_err());
    let _app = site.open("hello", "a", FAST).await;
    assert_from(&get(door, "/healthz").await, "a");
    assert_eq!(gateway.metrics()[0].passed_total, 0);
}

#[tokio::test]
async fn with_a_limit_of_one_no_replica_has_two_and_all_are_answered() {
    let mut site = Site::start([RevisionConfig {
        limit: Some(1),
        target: 0.7,
        ..revision("hello")
    }])
    .await;
    let (gateway, door) = (Arc::clone(&site.gateway), site.door);
    let _a = site.open("hello", "a", SLOW).await;
    let _b = site.open("hello", "b", SLOW).await;
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        clients.spawn(async move { get(door, "/").await });
    }
    let watched = Arc::clone(&gateway);
    site.tasks.spawn(async move {
        loop {
            assert!(watched.replicas("hello").iter().all(|(_, load)| *load <= 1));
            sleep(Duration::from_millis(1)).await;
        }
    });
    while let Some(response) = clients.join_next().await {
        assert!(response.unwrap().starts_with("HTTP/1.1 200"));
    }
    assert!(
        site.tasks.try_join_next().is_none(),
        "the watcher found two in one"
    );
}

#[tokio::test]
async fn the_first_answer_of_each_replica_is_known_and_stays() {
    let site = Site::start([revision("hello")]).await;
    let (gateway, door) = (&site.gateway, site.door);
    let app = site.open("hello", "a", SLOW).await;
    assert_eq!(gateway.first_answer("hello", "a"), None);
    assert_from(&get(door, "/").await, "a");
    let first = gateway.first_answer("hello", "a").unwrap();
    assert!(first.answered - first.asked >= SLOW, "{first:?}");
    assert_from(&get(door, "/").await, "a");
    // Opened again at the same place it is the same process; elsewhere it is another one.
    gateway.open("hello", "a", app.address).unwrap();
    assert_eq!(gateway.first_answer("hello", "a"), Some(first));
    let _other = site.open("hello", "a", SLOW).await;
    assert_eq!(gateway.first_answer("hello", "a"), None);
}

#[tokio::test]
async fn a_request_that_no_replica_takes_is_no_first_answer() {
    let site = Site::start([revision("hello")]).await;
    let gateway = &site.gateway;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    gateway.open("hello", "a", address).unwrap();
    let client = send(site.door, "example.com", "/").await;
    until(|| held(gateway, "hello") == 1).await;
    assert_eq!(gateway.first_answer("hello", "a"), None);
    let _app = site.open("hello", "b", FAST).await;
    assert_from(&receive(client).await, "b");
    assert_eq!(gateway.first_answer("hello", "a"), None);
    assert!(gateway.first_answer("hello", "b").is_some());
}
