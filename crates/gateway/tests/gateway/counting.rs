// SPDX-License-Identifier: Apache-2.0
//! What counts, what wakes, what is told and collected; and whose a request is. Without sockets.
use std::{thread::sleep, time::Duration};

use cheerful_gateway::{
    Gateway, GatewayEvent, RevisionConfig, RouteError, UnknownRevision, WakingRules,
};
use cheerful_scaling::Holding;
use http::StatusCode;
use tokio::sync::mpsc;

use crate::door::{ask, ask_many, gateway, held, nowhere, revision, route};

fn with_rules() -> RevisionConfig {
    let waking = WakingRules {
        answer_at_zero_paths: vec!["/healthz".to_owned()],
        uncounted_paths: vec!["/metrics".to_owned()],
        ..WakingRules::default()
    };
    RevisionConfig {
        waking,
        limit: Some(1),
        ..revision("hello")
    }
}

#[tokio::test]
async fn health_checks_are_answered_at_zero_and_wake_nobody() {
    let (gateway, mut events) = gateway([with_rules()]);
    assert_eq!(
        ask(&gateway, "/healthz").await.unwrap_err().status,
        StatusCode::OK
    );
    let refused = ask(&gateway, "/metrics").await.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(events.try_recv().is_err());
    assert!(gateway.collect(None, false).is_empty());
    let metrics = &gateway.metrics()[0];
    assert_eq!(
        (
            metrics.answered_at_zero_total,
            metrics.refused_uncounted_total
        ),
        (1, 1)
    );
    assert_eq!(metrics.held_total, 0);
}

#[tokio::test]
async fn what_does_not_count_is_passed_on_and_shows_in_no_report() {
    let (gateway, _events) = gateway([with_rules()]);
    gateway.open("hello", "a", nowhere()).unwrap();
    let place = ask(&gateway, "/healthz").await.unwrap();
    assert_eq!(gateway.in_flight("hello", "a"), Some(1));
    let mut waiting = ask_many(&gateway, ["/metrics".to_owned()]).await;
    sleep(Duration::from_millis(5));
    let collected = &gateway.collect(None, true)[0];
    assert_eq!(
        collected.holding,
        Holding::default(),
        "it waits for the limit, but is no demand"
    );
    assert_eq!(collected.last_request, None);
    let report = &collected.reports[0];
    assert_eq!((report.request_seconds, report.in_flight), (0.0, Some(0.0)));
    drop(place);
    drop(waiting.join_next().await.unwrap().unwrap().1.unwrap());
    assert_eq!(gateway.metrics()[0].uncounted_total, 2);
}

#[tokio::test]
async fn reports_cover_what_was_passed_on_and_holding_what_is_held() {
    let (gateway, _events) = gateway([RevisionConfig {
        limit: Some(2),
        ..revision("hello")
    }]);
    gateway.open("hello", "a", nowhere()).unwrap();
    let _places = (ask(&gateway, "/x?secret").await, ask(&gateway, "/y").await);
    let _asked = ask_many(&gateway, ["/z".to_owned()]).await;
    sleep(Duration::from_millis(5));
    let collected = &gateway.collect(Some("hello"), true)[0];
    assert_eq!(
        collected.holding,
        Holding {
            held: 1,
            arrived: 1
        }
    );
    assert_eq!(
        collected.last_request.as_deref(),
        Some("GET /x, no user agent, 10.0.0.1")
    );
    let report = &collected.reports[0];
    assert_eq!(
        (report.replica.as_str(), report.in_flight),
        ("a", Some(2.0))
    );
    assert!(report.request_seconds > 0.005 && report.request_seconds < 2.0 * report.seconds + 0.01);
    sleep(Duration::from_millis(5));
    let next = &gateway.collect(None, false)[0];
    assert_eq!(
        next.holding,
        Holding {
            held: 1,
            arrived: 0
        }
    );
    assert_eq!(
        (next.last_request.as_deref(), next.reports[0].in_flight),
        (None, None)
    );
    assert!(gateway.collect(Some("nobody"), false).is_empty());
}

#[tokio::test]
async fn held_requests_make_a_burst_too_and_it_is_told_once() {
    let (gateway, mut events) = gateway([revision("hello")]);
    gateway.set_burst_threshold("hello", 3.0).unwrap();
    let _asked = ask_many(&gateway, (0..9).map(|number| format!("/{number}"))).await;
    let burst = GatewayEvent::Burst {
        revision: "hello".to_owned(),
    };
    assert!(matches!(events.try_recv(), Ok(GatewayEvent::Held { .. })));
    assert_eq!(events.try_recv(), Ok(burst.clone()));
    assert!(events.try_recv().is_err());
    gateway.open("hello", "a", nowhere()).unwrap();
    let _tenth = ask(&gateway, "/").await.unwrap();
    assert!(events.try_recv().is_err());
    assert_eq!(gateway.collect(Some("hello"), false).len(), 1);
    let _eleventh = ask(&gateway, "/").await.unwrap();
    assert_eq!(events.try_recv(), Ok(burst));
}

#[tokio::test]
async fn an_event_over_the_bound_is_counted_and_told_by_the_next_collection() {
    let (sender, mut events) = mpsc::channel(1);
    let gateway = Gateway::new(sender);
    for name in ["a", "b"] {
        gateway.add(RevisionConfig {
            routes: vec![route(None, Some(&format!("/{name}")))],
            ..revision(name)
        });
    }
    gateway.route(&["a".to_owned(), "b".to_owned()]).unwrap();
    let _asked = ask_many(&gateway, ["/a".to_owned(), "/b".to_owned()]).await;
    assert_eq!(gateway.dropped_events(), 1);
    assert!(
        matches!(events.try_recv(), Ok(GatewayEvent::Held { revision, .. }) if revision == "a")
    );
    assert!(events.try_recv().is_err());
    assert_eq!(gateway.collect(None, false).len(), 2);
    let by = "GET /b, no user agent, 10.0.0.1".to_owned();
    assert_eq!(
        events.try_recv(),
        Ok(GatewayEvent::Held {
            revision: "b".to_owned(),
            by
        })
    );
}

#[tokio::test]
async fn a_request_goes_to_its_revision_by_host_and_path() {
    let with = |name: &str, host, path| RevisionConfig {
        routes: vec![route(host, path)],
        ..revision(name)
    };
    let (gateway, _events) = gateway([
        with("host", Some("Example.com"), None),
        with("shop", Some("example.com"), Some("/shop")),
    ]);
    let _asked = ask_many(
        &gateway,
        ["/".to_owned(), "/shop/1".to_owned(), "/shop".to_owned()],
    )
    .await;
    assert_eq!((held(&gateway, "host"), held(&gateway, "shop")), (1, 2));
    gateway.route(&["shop".to_owned()]).unwrap();
    assert_eq!(
        ask(&gateway, "/").await.unwrap_err().status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(gateway.unrouted_requests(), 1);
}

#[tokio::test]
async fn routes_that_cannot_be_leave_the_ones_before() {
    let (gateway, _events) = gateway([revision("all")]);
    gateway.add(revision("also all"));
    let both = ["all".to_owned(), "also all".to_owned()];
    let error = gateway.route(&both).unwrap_err();
    assert!(matches!(error, RouteError::Same { .. }));
    assert_eq!(
        error.to_string(),
        r#"revisions "all" and "also all" have the same route */"#
    );
    let unknown = gateway.route(&["nobody".to_owned()]).unwrap_err();
    assert_eq!(
        unknown,
        RouteError::Unknown(UnknownRevision("nobody".to_owned()))
    );
    gateway.open("all", "a", nowhere()).unwrap();
    assert!(ask(&gateway, "/").await.is_ok());
}

#[tokio::test]
async fn one_after_the_other_is_filled_to_the_target_so_that_spare_replicas_are_idle() {
    let (gateway, _events) = gateway([RevisionConfig {
        target: 3.0,
        limit: Some(4),
        ..revision("hello")
    }]);
    for replica in ["a", "b", "c"] {
        gateway.open("hello", replica, nowhere()).unwrap();
    }
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(ask(&gateway, "/").await.unwrap());
    }
    let loads = |gateway: &Gateway| {
        gateway
            .replicas("hello")
            .into_iter()
            .map(|(_, load)| load)
            .collect::<Vec<_>>()
    };
    assert_eq!(loads(&gateway), [3, 1, 0]);
    for _ in 0..6 {
        places.push(ask(&gateway, "/").await.unwrap());
    }
    assert_eq!(loads(&gateway), [4, 3, 3]);
}
