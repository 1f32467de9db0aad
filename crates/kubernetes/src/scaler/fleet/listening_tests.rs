// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, net::SocketAddr};

use cheerful_autoscaler::Input;
use cheerful_scaling::{Moment, Report};
use cheerful_wire::Workload;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{Fleet, Listen, Plan, key};
use crate::scaler::{
    object::ObjectSeen,
    pod::{PodSeen, tests::pod},
    target::ScaleSeen,
};

fn at(seconds: u64) -> Moment {
    Moment::from_micros(seconds * 1_000_000)
}

pub(crate) fn shop() -> Workload {
    key::workload("shop/autoscaler/shop").unwrap()
}

fn autoscaler(spec: Value) -> ObjectSeen {
    let mut spec = spec;
    spec["scaleTargetRef"] = json!({"kind": "Deployment", "name": "shop"});
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler",
        "metadata": {"name": "shop", "namespace": "shop", "uid": "u"}, "spec": spec,
    }))
    .unwrap();
    ObjectSeen::autoscaler(object).unwrap()
}

/// A pod without any label of ours.
pub(crate) fn plain(name: &str, ip: &str) -> PodSeen {
    let pod = pod(json!({
        "metadata": {"name": name, "uid": format!("uid of {name}"), "labels": {"app": "shop"}},
        "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 9000}]}]},
        "status": {"podIP": ip},
    }));
    let mut pod = pod;
    pod.metadata.labels = Some(BTreeMap::from([("app".to_owned(), "shop".to_owned())]));
    PodSeen::of_target(pod, &shop()).unwrap()
}

/// An Autoscaler whose target has been looked at, led by us.
pub(crate) fn fleet(spec: Value, selector: Option<&str>) -> Fleet {
    let mut fleet = Fleet::new(None, "me".to_owned(), 1);
    fleet.object(autoscaler(spec), at(1));
    fleet.synced();
    fleet.lead(0, true);
    let scale = ScaleSeen {
        replicas: 2,
        version: 1,
        selector: selector.map(str::to_owned),
    };
    fleet.looked(&shop(), Ok(scale));
    fleet
}

fn envoy() -> Value {
    json!({"signal": {"envoy": {}}})
}

/// One that listens to the pod `a`.
fn listening() -> Fleet {
    let mut fleet = fleet(envoy(), Some("app=shop"));
    fleet.feed(at(1));
    fleet.target_pods_told(&shop());
    fleet.target_pod(plain("a", "10.0.0.1"), at(1));
    fleet.feed(at(1));
    fleet.listen();
    fleet
}

fn words(changes: &[Listen]) -> Vec<&'static str> {
    let word = |change: &Listen| match change {
        Listen::Follow { .. } => "follow",
        Listen::Unfollow(_) => "unfollow",
        Listen::Begin { .. } => "begin",
        Listen::Replicas { .. } => "replicas",
        Listen::End(_) => "end",
    };
    changes.iter().map(word).collect()
}

fn observed(inputs: &[(String, Input)]) -> Option<(u32, u32)> {
    inputs.iter().rev().find_map(|(_, input)| match input {
        Input::Observation(seen) => Some((seen.ready, seen.busy)),
        _ => None,
    })
}

#[test]
fn pods_without_a_queue_are_looked_for_and_nothing_is_decided_before_they_are_known() {
    let mut fleet = fleet(envoy(), Some("app=shop"));
    assert!(fleet.feed(at(1)).is_empty());
    let follow = Listen::Follow {
        workload: shop(),
        selector: "app=shop".to_owned(),
    };
    assert_eq!(fleet.listen(), [follow]);
    fleet.target_pod(plain("a", "10.0.0.1"), at(2));
    fleet.target_pod(plain("b", "10.0.0.2"), at(2));
    assert!(fleet.feed(at(2)).is_empty(), "there may be more");
    fleet.target_pods_told(&shop());
    let inputs = fleet.feed(at(2));
    assert!(matches!(inputs.first(), Some((_, Input::Add { .. }))));
    assert_eq!(observed(&inputs), Some((2, 0)));
    let changes = fleet.listen();
    assert_eq!(words(&changes), ["begin", "replicas"]);
    let Some(Listen::Replicas { replicas, .. }) = changes.last() else {
        panic!("{changes:?}");
    };
    let place = |text: &str| text.parse::<SocketAddr>().unwrap();
    let expected = [("a", "10.0.0.1:9000"), ("b", "10.0.0.2:9000")];
    let expected = expected.map(|(name, text)| (name.to_owned(), place(text)));
    assert_eq!(*replicas, BTreeMap::from(expected));
    fleet.tick(at(3));
    fleet.feed(at(3));
    assert_eq!(fleet.listen(), [], "nothing is told twice");

    fleet.target_pod_gone(&shop(), "b");
    assert_eq!(observed(&fleet.feed(at(4))), Some((1, 0)));
    assert_eq!(words(&fleet.listen()), ["replicas"]);
}

#[test]
fn only_who_leads_listens_and_only_while_it_is_there() {
    let mut fleet = listening();
    fleet.lead(0, false);
    fleet.feed(at(2));
    assert_eq!(
        fleet.listen(),
        [Listen::End(shop())],
        "its pods are known on"
    );
    fleet.lead(0, true);
    fleet.feed(at(3));
    assert_eq!(words(&fleet.listen()), ["begin", "replicas"]);

    fleet.object(autoscaler(json!({})), at(4));
    fleet.feed(at(4));
    assert_eq!(words(&fleet.listen()), ["unfollow", "end"]);
    fleet.object(autoscaler(envoy()), at(5));
    fleet.feed(at(5));
    assert_eq!(words(&fleet.listen()), ["follow"]);
    fleet.target_pods_told(&shop());
    fleet.feed(at(5));
    assert_eq!(words(&fleet.listen()), ["begin"]);
    fleet.object_gone(&shop());
    fleet.feed(at(6));
    assert_eq!(words(&fleet.listen()), ["unfollow", "end"]);
    assert!(fleet.get(&shop()).is_none());
    fleet.target_pod(plain("a", "10.0.0.1"), at(7));
    assert!(fleet.get(&shop()).is_none(), "what comes late is left");
}

#[test]
fn the_pods_of_another_target_are_looked_for_anew() {
    let mut fleet = listening();
    let mut other = autoscaler(envoy());
    other.target.name = "till".to_owned();
    fleet.object(other, at(2));
    assert_eq!(
        observed(&fleet.feed(at(2))),
        None,
        "what there is is not known"
    );
    assert_eq!(words(&fleet.listen()), ["unfollow", "end"]);
    let scale = ScaleSeen {
        replicas: 1,
        version: 2,
        selector: Some("app=till".to_owned()),
    };
    fleet.looked(&shop(), Ok(scale));
    fleet.feed(at(3));
    assert_eq!(words(&fleet.listen()), ["follow"]);
    assert!(fleet.target_pods(&shop()).is_empty());
    fleet.target_pods_told(&shop());
    assert_eq!(observed(&fleet.feed(at(3))), Some((0, 0)));
    assert_eq!(words(&fleet.listen()), ["begin"]);
}

#[test]
fn a_target_that_names_no_pods_is_left_as_it_is() {
    for selector in [None, Some("")] {
        let mut fleet = fleet(envoy(), selector);
        assert!(fleet.feed(at(1)).is_empty());
        assert_eq!(fleet.listen(), []);
        let due = fleet.statuses(at(2), 9);
        let condition = due[0].status.condition.as_ref().unwrap();
        assert_eq!(condition.reason, "PodsUnknown");
    }
}

#[test]
fn what_is_read_tells_which_pod_is_idle_and_which_works_in_the_background() {
    let spec = json!({"signal": {"path": "/load"}});
    let mut fleet = fleet(spec, Some("app=shop"));
    fleet.feed(at(1));
    fleet.target_pods_told(&shop());
    fleet.target_pod(plain("a", "10.0.0.1"), at(1));
    fleet.target_pod(plain("b", "10.0.0.2"), at(1));
    fleet.feed(at(1));
    let key = shop().to_string();
    let report = Report {
        replica: "a#1".to_owned(),
        seconds: 2.0,
        request_seconds: 6.0,
        requests: 3,
        ..Report::default()
    };
    assert!(fleet.read(&key, Some(&report), at(2)));
    fleet.busy(&key, "b", true);
    assert_eq!(observed(&fleet.feed(at(2))), Some((2, 1)));
    let Plan::Write(plan) = fleet.plan(&key, 1, at(2)) else {
        panic!("not written");
    };
    let candidates = plan.candidates.iter();
    let seen: Vec<_> = candidates
        .map(|pod| (&*pod.pod, pod.in_flight, pod.busy))
        .collect();
    assert_eq!(seen, [("a", 3.0, false), ("b", 0.0, true)]);
    fleet.lead(0, false);
    assert_eq!(observed(&fleet.feed(at(3))), None);
    fleet.tick(at(4));
    assert_eq!(
        observed(&fleet.feed(at(4))),
        Some((2, 0)),
        "who does not read it does not know"
    );
    assert!(!fleet.read(&key, Some(&report), at(4)));
}

#[test]
fn a_signal_counts_in_place_of_queues() {
    let fleet = fleet(envoy(), Some("app=shop"));
    assert!(fleet.counted_by_signal(&shop()));
    let cpu = json!({"signal": {"cpu": {"target": 70}}});
    let seen = autoscaler(cpu);
    let settings = seen.scaling.as_ref().unwrap().settings();
    assert_eq!((settings.requests, settings.min), (false, 1));
    assert!(!seen.signals.counts_requests());
}

#[test]
fn what_is_known_without_a_replica_may_be_at_zero() {
    let query = json!({"prometheus": {"server": "http://p", "query": "a", "perReplica": 1}});
    for (signal, min, expected, raised) in [
        (&query, Some(0), 0, false),
        (&query, None, 1, false),
        (&json!({"cpu": {"target": 70}}), Some(0), 1, true),
    ] {
        let mut spec = json!({"signal": signal});
        if let Some(min) = min {
            spec["scaling"] = json!({"min": min});
        }
        let seen = autoscaler(spec);
        assert_eq!(seen.scaling.as_ref().unwrap().settings().min, expected);
        assert_eq!(seen.min_raised, raised);
    }
}
