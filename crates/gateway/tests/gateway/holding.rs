// SPDX-License-Identifier: Apache-2.0
//! Holding, releasing and handing over, without sockets and in virtual time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::door::{ask, ask_many, gateway, held, nowhere, revision};
use cheerful_gateway::{GatewayEvent, HoldLimits, RevisionConfig};
use cheerful_proxy::{Failure, Place, TimeLimits};
use http::StatusCode;
use tokio::time::{Instant, sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("/{number}"))
}

#[tokio::test(start_paused = true)]
async fn held_until_a_replica_opens_and_told_how_long() {
    let (gateway, mut events) = gateway([revision("hello")]);
    let mut asked = ask_many(&gateway, numbered(3)).await;
    assert_eq!(held(&gateway, "hello"), 3);
    let by = "GET /0, no user agent, 10.0.0.1".to_owned();
    let expected = GatewayEvent::Held {
        revision: "hello".to_owned(),
        by,
    };
    assert_eq!(events.try_recv(), Ok(expected));
    assert!(events.try_recv().is_err(), "told once");

    sleep(Duration::from_millis(1500)).await;
    gateway.open("hello", "a", nowhere()).unwrap();
    let mut places = Vec::new();
    while let Some(released) = asked.join_next().await {
        let place = released.unwrap().1.unwrap();
        assert_eq!(place.waited(), Some(Duration::from_millis(1500)));
        places.push(place);
    }
    assert_eq!(gateway.in_flight("hello", "a"), Some(3));
    assert!(ask(&gateway, "/").await.unwrap().waited().is_none());
    drop(places);
    let metrics = &gateway.metrics()[0];
    assert_eq!(
        (metrics.held, metrics.held_total, metrics.cold_starts_total),
        (0, 3, 3)
    );
    assert!((metrics.cold_start_seconds_total - 4.5).abs() < 1e-9);
    assert_eq!(metrics.cold_start_buckets.iter().sum::<u64>(), 3);
    assert_eq!(metrics.passed_total, 4);
}

#[tokio::test(start_paused = true)]
async fn at_the_hard_limit_they_wait_in_order_and_a_free_place_releases_the_first() {
    let (gateway, _events) = gateway([RevisionConfig {
        limit: Some(1),
        ..revision("hello")
    }]);
    gateway.open("hello", "a", nowhere()).unwrap();
    let first = ask(&gateway, "/first").await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut asked = ask_many(&gateway, numbered(5)).await;
    drop(first);
    while let Some(released) = asked.join_next().await {
        let (path, place) = released.unwrap();
        let place = place.unwrap();
        assert!(place.waited().is_none(), "no cold start");
        assert_eq!(gateway.in_flight("hello", "a"), Some(1));
        order.lock().unwrap().push(path);
    }
    assert_eq!(*order.lock().unwrap(), ["/0", "/1", "/2", "/3", "/4"]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_opens_takes_as_many_as_its_limit() {
    let (gateway, _events) = gateway([RevisionConfig {
        limit: Some(4),
        ..revision("hello")
    }]);
    let _asked = ask_many(&gateway, numbered(10)).await;
    gateway.open("hello", "a", nowhere()).unwrap();
    assert_eq!(
        (gateway.in_flight("hello", "a"), held(&gateway, "hello")),
        (Some(4), 6)
    );
    gateway
        .change(RevisionConfig {
            limit: Some(5),
            ..revision("hello")
        })
        .unwrap();
    assert_eq!(
        (gateway.in_flight("hello", "a"), held(&gateway, "hello")),
        (Some(5), 5)
    );
    gateway.open("hello", "b", nowhere()).unwrap();
    assert_eq!(
        (gateway.in_flight("hello", "b"), held(&gateway, "hello")),
        (Some(5), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn over_the_bound_503_at_once_and_at_the_time_limit() {
    let hold = HoldLimits {
        requests: 2,
        bytes: 1 << 20,
        wait: Duration::from_secs(5),
    };
    let (gateway, _events) = gateway([RevisionConfig {
        hold,
        ..revision("hello")
    }]);
    let begin = Instant::now();
    let mut asked = ask_many(&gateway, numbered(2)).await;
    let refused = ask(&gateway, "/").await.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
    assert_eq!(begin.elapsed(), Duration::ZERO);

    while let Some(late) = asked.join_next().await {
        let answer = late.unwrap().1.unwrap_err();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.retry_after.is_some());
    }
    assert!((5000..5010).contains(&begin.elapsed().as_millis()));
    let metrics = &gateway.metrics()[0];
    assert_eq!(
        (
            metrics.refused_hold_full_total,
            metrics.refused_hold_timeout_total
        ),
        (1, 2)
    );
    assert_eq!((metrics.held, metrics.left_while_held_total), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_the_heads_are_bounded_and_the_whole_limit_holds_in_the_line() {
    let hold = HoldLimits {
        requests: 100,
        bytes: 4_000,
        wait: HOUR,
    };
    let time_limits = TimeLimits {
        whole: Duration::from_secs(3),
        ..TimeLimits::default()
    };
    let (gateway, _events) = gateway([RevisionConfig {
        hold,
        time_limits,
        ..revision("hello")
    }]);
    let _small = ask_many(&gateway, numbered(1)).await;
    let large = format!("/{}", "x".repeat(4_000));
    assert_eq!(
        ask(&gateway, &large).await.unwrap_err().status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let begin = Instant::now();
    assert!(ask(&gateway, "/").await.is_err());
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_gives_its_place_back() {
    let (gateway, _events) = gateway([RevisionConfig {
        limit: Some(1),
        ..revision("hello")
    }]);
    assert!(
        timeout(Duration::from_secs(1), ask(&gateway, "/"))
            .await
            .is_err()
    );
    assert_eq!(held(&gateway, "hello"), 0);
    assert_eq!(gateway.metrics()[0].left_while_held_total, 1);

    // Also when its place was already on the way to it.
    let mut gone = ask_many(&gateway, numbered(1)).await;
    let mut next = ask_many(&gateway, numbered(1)).await;
    gateway.open("hello", "a", nowhere()).unwrap();
    gone.abort_all();
    assert!(gone.join_next().await.unwrap().unwrap_err().is_cancelled());
    assert!(next.join_next().await.unwrap().unwrap().1.is_ok());
    assert_eq!(gateway.in_flight("hello", "a"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_moves_to_the_next_version_in_order() {
    let next = RevisionConfig {
        limit: Some(1),
        ..revision("hello~2")
    };
    let (gateway, mut events) = gateway([revision("hello")]);
    gateway.add(next);
    let mut asked = ask_many(&gateway, numbered(3)).await;
    gateway.move_held("hello", "hello~2").unwrap();
    assert_eq!((held(&gateway, "hello"), held(&gateway, "hello~2")), (0, 3));
    let late = ask_many(&gateway, ["/late".to_owned()]).await;
    assert_eq!(
        held(&gateway, "hello~2"),
        4,
        "what the old one would hold goes there too"
    );
    gateway.remove("hello");
    let mut later = ask_many(&gateway, ["/later".to_owned()]).await;
    gateway.open("hello~2", "a", nowhere()).unwrap();
    for number in 0..3 {
        let (path, place) = asked.join_next().await.unwrap().unwrap();
        assert_eq!(path, format!("/{number}"));
        assert!(place.unwrap().waited().is_some());
    }
    drop(late);
    assert!(later.join_next().await.unwrap().unwrap().1.is_ok());
    let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
    assert!(
        matches!(&told[..], [GatewayEvent::Held { .. }, GatewayEvent::Held { revision, .. }]
        if revision == "hello~2")
    );
}

#[tokio::test(start_paused = true)]
async fn two_that_took_over_from_one_another_do_not_go_round_and_round() {
    let (gateway, _events) = gateway([revision("a")]);
    gateway.add(revision("b"));
    gateway.move_held("a", "b").unwrap();
    gateway.move_held("b", "a").unwrap();
    gateway.move_held("a", "a").unwrap();
    let _asked = ask_many(&gateway, numbered(1)).await;
    assert_eq!(held(&gateway, "a"), 1);
}

#[tokio::test(start_paused = true)]
async fn removed_while_held_is_503_and_afterwards_404() {
    let (gateway, _events) = gateway([revision("hello")]);
    let mut asked = ask_many(&gateway, numbered(1)).await;
    gateway.remove("hello");
    let answer = asked.join_next().await.unwrap().unwrap().1.unwrap_err();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        ask(&gateway, "/").await.unwrap_err().status,
        StatusCode::NOT_FOUND
    );
    assert!(gateway.open("hello", "a", nowhere()).is_err());
}

#[tokio::test(start_paused = true)]
async fn drained_waits_for_what_is_in_flight_and_then_forgets() {
    let (gateway, _events) = gateway([revision("hello")]);
    gateway.open("hello", "a", nowhere()).unwrap();
    let place = ask(&gateway, "/").await.unwrap();
    gateway.take_out("hello", "a");
    assert!(timeout(HOUR, gateway.drained("hello", "a")).await.is_err());
    let (drained, ()) = tokio::join!(timeout(HOUR, gateway.drained("hello", "a")), async {
        sleep(Duration::from_secs(1)).await;
        drop(place);
    });
    drained.unwrap();
    assert_eq!(gateway.in_flight("hello", "a"), None);
    gateway.drained("hello", "a").await;
    gateway.drained("nobody", "a").await;
}

#[tokio::test(start_paused = true)]
async fn drained_ends_when_the_replica_dies_or_is_opened_again() {
    let (gateway, _events) = gateway([revision("hello")]);
    gateway.open("hello", "a", nowhere()).unwrap();
    let _place = ask(&gateway, "/").await.unwrap();
    let (drained, ()) = tokio::join!(timeout(HOUR, gateway.drained("hello", "a")), async {
        sleep(Duration::from_secs(1)).await;
        gateway.forget("hello", "a");
    });
    drained.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_replica_is_out_and_its_request_is_held_until_it_is_back() {
    let (gateway, mut events) = gateway([revision("hello")]);
    gateway.open("hello", "a", nowhere()).unwrap();
    let place = ask(&gateway, "/").await.unwrap();
    place.failed(&Failure::FirstByteTimeout);
    place.failed(&Failure::Closed);
    assert!(events.try_recv().is_err());
    place.failed(&Failure::Refused);
    let (revision, replica) = ("hello".to_owned(), "a".to_owned());
    assert_eq!(
        events.try_recv(),
        Ok(GatewayEvent::ReplicaFailed { revision, replica })
    );
    drop(place);
    let mut asked = ask_many(&gateway, numbered(1)).await;
    assert_eq!(held(&gateway, "hello"), 1);
    gateway.open("hello", "a", nowhere()).unwrap();
    assert!(
        asked
            .join_next()
            .await
            .unwrap()
            .unwrap()
            .1
            .unwrap()
            .waited()
            .is_some()
    );
    assert_eq!(gateway.metrics()[0].failed_tries_total, 3);
}

#[tokio::test]
async fn many_threads_keep_the_limit_and_lose_nothing() {
    const EACH: usize = 300;
    let (gateway, _events) = gateway([RevisionConfig {
        limit: Some(2),
        ..revision("hello")
    }]);
    gateway.open("hello", "a", nowhere()).unwrap();
    gateway.open("hello", "b", nowhere()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    for round in 0..EACH {
                        let mut asked = ask_many(&gateway, numbered(6)).await;
                        if round % 3 == 0 {
                            asked.abort_all();
                        }
                        while let Some(asked) = asked.join_next().await {
                            let Ok((_, place)) = asked else { continue };
                            let place = place.unwrap();
                            assert!(gateway.replicas("hello").iter().all(|(_, load)| *load <= 2));
                            tokio::task::yield_now().await;
                            drop(place);
                        }
                    }
                });
            });
        }
    });
    let metrics = &gateway.metrics()[0];
    assert_eq!((metrics.held, metrics.in_flight), (0, 0));
    assert!(metrics.passed_total >= 4 * 6 * 200);
}
