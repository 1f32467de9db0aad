// SPDX-License-Identifier: Apache-2.0
use cheerful_autoscaler::{Input, RevisionView};
use cheerful_scaling::{LearnedTarget, Moment, Report, Scaling, Settings};
use cheerful_wire::{Downward, ReplicaReport, Workload, WorkloadKind};
use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::scaler::{
    admission::Proven,
    conflict::TargetKey,
    object::ObjectSeen,
    pod::{PodSeen, tests::pod},
    signals::Signals,
    target::Target,
};

fn at(seconds: u64) -> Moment {
    Moment::from_micros(seconds * 1_000_000)
}

fn cart() -> Workload {
    key::workload("shop/cart").unwrap()
}

fn object(kind: WorkloadKind, name: &str) -> ObjectSeen {
    ObjectSeen {
        workload: Workload {
            namespace: "shop".to_owned(),
            kind,
            name: name.to_owned(),
        },
        uid: "o1".to_owned(),
        generation: Some(1),
        created: "2026-11-24".to_owned(),
        scaling: Ok(Scaling::new(Settings::default()).unwrap()),
        signals: Signals::default(),
        beside: None,
        shadow: false,
        dedicated: false,
        min_raised: false,
        target: Target::deployment("shop", "cart"),
        gateway_is_path: (kind == WorkloadKind::Revision).then_some(true),
        is_new: false,
        mirrored: None,
        learned: None,
        conditions: Vec::new(),
        woken: None,
    }
}

fn seen(name: &str, ready: bool) -> PodSeen {
    let status = if ready { "True" } else { "False" };
    let extra = json!({
        "metadata": {"name": name, "uid": format!("uid of {name}")},
        "status": {"conditions": [{"type": "Ready", "status": status}]},
    });
    PodSeen::of(pod(extra)).unwrap()
}

fn spec(replicas: u32, version: u64) -> SpecSeen {
    SpecSeen { replicas, version }
}

/// One Revision whose target wants `replicas`, led by us.
fn fleet(replicas: u32) -> Fleet {
    let mut fleet = Fleet::new(None, "me".to_owned(), 1);
    fleet.object(object(WorkloadKind::Revision, "cart"), at(1));
    fleet.spec(&cart(), spec(replicas, 1));
    fleet.synced();
    fleet.lead(0, true);
    fleet
}

fn observed(inputs: &[(String, Input)]) -> Option<(u32, u32, u32)> {
    inputs.iter().rev().find_map(|(_, input)| match input {
        Input::Observation(seen) => Some((seen.ready, seen.starting, seen.draining)),
        _ => None,
    })
}

fn proven(pod: &str) -> Proven {
    Proven {
        namespace: "shop".to_owned(),
        pod: pod.to_owned(),
        uid: format!("uid of {pod}"),
    }
}

fn report(sequence: u64, ready: bool, request_seconds: f64) -> ReplicaReport {
    ReplicaReport {
        report: Report {
            replica: String::new(),
            sequence: Some(sequence),
            age_seconds: 0.0,
            seconds: 1.0,
            request_seconds,
            waiting_seconds: 0.0,
            requests: 0,
            refused: 0,
            in_flight: None,
            latency: None,
        },
        ready,
        draining: false,
    }
}

#[test]
fn nothing_is_told_before_all_is_known() {
    let mut fleet = Fleet::new(None, "me".to_owned(), 1);
    fleet.object(object(WorkloadKind::Revision, "cart"), at(1));
    fleet.spec(&cart(), spec(3, 1));
    assert!(fleet.feed(at(1)).is_empty());
    fleet.pod(seen("a", true), at(1));
    fleet.synced();
    let inputs = fleet.feed(at(1));
    let Some((_, Input::Add { start, .. })) = inputs.first() else {
        panic!("{inputs:?}");
    };
    // What is on its way is held like what is there.
    assert_eq!((start.ready, start.new), (3, false));
    assert_eq!(observed(&inputs), Some((1, 2, 0)));
    assert!(fleet.feed(at(1)).is_empty(), "nothing is told twice");
}

#[test]
fn pods_that_cannot_start_are_on_their_way_and_ask_for_no_more() {
    let mut fleet = fleet(2);
    let mut crashing = seen("a", false);
    crashing.stuck = Some("CrashLoopBackOff".to_owned());
    fleet.pod(crashing, at(1));
    // The other one is not even made (quota).
    assert_eq!(observed(&fleet.feed(at(1))), Some((0, 2, 0)));
    let mut ended = seen("a", false);
    ended.ended = true;
    fleet.pod(ended, at(2));
    fleet.tick(at(2));
    let seen = fleet.get(&cart()).unwrap().observation(at(2));
    assert_eq!((seen.ready, seen.starting), (0, 2), "still two to come");
}

#[tokio::test]
async fn a_report_makes_a_pod_ready_at_once_and_the_gateways_hear_of_it() {
    let mut fleet = fleet(1);
    let (down, mut gateway) = mpsc::channel(8);
    fleet.gateway(down);
    fleet.pod(seen("a", false), at(1));
    assert_eq!(observed(&fleet.feed(at(1))), Some((0, 1, 0)));
    let (down, mut queue) = mpsc::channel(8);
    let address = ([10, 1, 2, 3], 8012).into();
    assert_eq!(fleet.verdict(&proven("a"), &cart(), address), Verdict::Fine);
    let stream = fleet.queue(&cart(), &proven("a"), address, down, at(2));
    let mut first = report(0, true, 2.5);
    assert_eq!(fleet.report(&cart(), stream, &mut first, at(2)), Ok(true));
    assert_eq!(first.report.replica, "a");
    assert_eq!(observed(&fleet.feed(at(2))), Some((1, 0, 0)));
    let Some(Downward::Replica(replica)) = gateway.recv().await else {
        panic!();
    };
    assert!(replica.ready && replica.address == address);
    fleet.threshold("shop/cart", 40.0);
    fleet.pace();
    let Some(Downward::Pace(pace)) = queue.recv().await else {
        panic!();
    };
    assert_eq!(pace.burst_threshold, Some(40.0));
    assert_eq!(pace.interval.as_millis(), 200);
    fleet.pod_gone("shop", "a");
    let Some(Downward::Replica(replica)) = gateway.recv().await else {
        panic!();
    };
    assert!(!replica.ready);
    let refusal = fleet.report(&cart(), stream, &mut report(1, true, 0.0), at(3));
    assert_eq!(refusal.unwrap_err().reason, "pod");
}

#[tokio::test]
async fn a_queue_that_starts_again_is_another_replica_and_a_new_stream_is_not() {
    let mut fleet = fleet(1);
    fleet.pod(seen("a", true), at(1));
    let address = ([10, 1, 2, 3], 8012).into();
    let (down, _held) = mpsc::channel(8);
    let mut name = |sequences: &[u64]| {
        let stream = fleet.queue(&cart(), &proven("a"), address, down.clone(), at(2));
        let mut name = String::new();
        for sequence in sequences {
            let mut report = report(*sequence, true, 0.0);
            fleet.report(&cart(), stream, &mut report, at(2)).unwrap();
            name = report.report.replica;
        }
        fleet.queue_gone(&cart(), stream, at(3));
        name
    };
    assert_eq!(name(&[0, 1, 3, 2]), "a");
    assert_eq!(name(&[4, 5]), "a");
    assert_eq!(name(&[0, 1]), "a#1");
    assert_eq!(name(&[2]), "a#1");
}

#[test]
fn a_pod_speaks_for_itself_alone() {
    let mut fleet = fleet(1);
    fleet.pod(seen("a", true), at(1));
    let verdict = |proven: &Proven, workload: &str, ip: [u8; 4]| {
        let workload = key::workload(workload).unwrap();
        match fleet.verdict(proven, &workload, (ip, 8012).into()) {
            Verdict::Fine => "fine",
            Verdict::NotYet(_) => "not yet",
            Verdict::Refused(refusal) => refusal.reason,
        }
    };
    let ip = [10, 1, 2, 3];
    assert_eq!(verdict(&proven("a"), "shop/cart", ip), "fine");
    assert_eq!(verdict(&proven("b"), "shop/cart", ip), "not yet");
    assert_eq!(verdict(&proven("a"), "shop/till", ip), "workload");
    assert_eq!(verdict(&proven("a"), "shop/cart", [10, 9, 9, 9]), "pod");
    let mut older = proven("a");
    older.uid = "another".to_owned();
    assert_eq!(verdict(&older, "shop/cart", ip), "not yet");
}

#[tokio::test]
async fn what_a_gateway_holds_goes_with_it() {
    let mut fleet = fleet(0);
    let (down, _held) = mpsc::channel(8);
    let one = fleet.gateway(down.clone());
    let two = fleet.gateway(down);
    assert_eq!(fleet.holding(one, &cart(), 3, at(2)), Some(3));
    assert_eq!(fleet.holding(two, &cart(), 4, at(2)), Some(7));
    assert_eq!(fleet.holding(one, &cart(), 1, at(2)), Some(5));
    let unknown = key::workload("shop/none").unwrap();
    assert_eq!(fleet.holding(one, &unknown, 1, at(2)), None);
    assert_eq!(fleet.gateway_gone(two), [(cart(), 1)]);
    assert_eq!(fleet.counts.unknown_workloads, 1);
}

#[test]
fn who_does_not_lead_or_only_shows_writes_nothing() {
    let withheld = |fleet: &Fleet| matches!(fleet.plan("shop/cart", 5, at(9)), Plan::Withheld(_));
    let mut fleet = fleet(1);
    let Plan::Write(plan) = fleet.plan("shop/cart", 5, at(9)) else {
        panic!();
    };
    assert_eq!(
        (plan.known, plan.urgent, plan.candidates),
        (Some(1), true, vec![])
    );
    assert_eq!(fleet.plan("shop/cart", 1, at(9)), Plan::Done);
    fleet.lead(0, false);
    assert!(withheld(&fleet));
    fleet.lead(0, true);
    let mut shadow = object(WorkloadKind::Revision, "cart");
    shadow.shadow = true;
    fleet.object(shadow, at(2));
    assert!(withheld(&fleet));
    let settings = Settings {
        paused: cheerful_scaling::Paused::Present,
        ..Settings::default()
    };
    let mut paused = object(WorkloadKind::Revision, "cart");
    paused.scaling = Ok(Scaling::new(settings).unwrap());
    fleet.object(paused, at(3));
    assert!(withheld(&fleet));
}

#[test]
fn a_second_policy_is_told_when_it_changes_and_what_it_came_to_is_in_the_status() {
    let mut fleet = fleet(1);
    let with = |beside: Option<u32>| ObjectSeen {
        beside: beside.map(|min| {
            let settings = Settings {
                min,
                ..Settings::default()
            };
            Scaling::new(settings).unwrap()
        }),
        ..object(WorkloadKind::Revision, "cart")
    };
    let told = |fleet: &mut Fleet, seconds| {
        let inputs = fleet.feed(at(seconds)).into_iter();
        let shadows = inputs.filter_map(|(_, input)| match input {
            Input::Shadow(beside) => Some(beside.map(|beside| beside.settings().min)),
            _ => None,
        });
        shadows.collect::<Vec<_>>()
    };
    assert_eq!((told(&mut fleet, 1), fleet.compares()), (vec![], false));
    fleet.object(with(Some(3)), at(2));
    assert_eq!(told(&mut fleet, 2), [Some(3)]);
    fleet.object(with(Some(3)), at(3));
    assert_eq!((told(&mut fleet, 3), fleet.compares()), (vec![], true));

    let view: RevisionView = serde_json::from_value(json!({
        "revision": "shop/cart", "ready": 1, "starting": 0, "draining": 0, "wanted": 1, "mode": "stable",
        "inFlight": 0.0, "stable": 0.0, "panic": 0.0, "held": 0, "target": 7.0, "why": "", "refusedReports": 0,
        "shadow": {"policy": "min 3", "ready": 3, "starting": 0, "why": "", "sentence": "beside it",
            "compared": {"seconds": 60.4, "shadow": {"replicaSeconds": 181.2, "starts": 2}}},
    }))
    .unwrap();
    fleet.compared(vec![view.clone()]);
    let status = |fleet: &Fleet| fleet.get(&cart()).unwrap().shadow.clone();
    let written = status(&fleet).unwrap();
    assert_eq!(
        (written.seconds, written.ready, &*written.message),
        (60, 3, "beside it")
    );
    assert_eq!(
        (written.shadow.replica_seconds, written.shadow.starts),
        (181, 2)
    );
    // Another one, or none, has come to nothing yet; and what comes late is of the one before.
    fleet.object(with(None), at(4));
    assert_eq!(told(&mut fleet, 4), [None]);
    fleet.compared(vec![view]);
    assert_eq!(status(&fleet), None);
}

#[test]
fn who_begins_to_lead_decides_at_once() {
    let mut fleet = fleet(1);
    fleet.feed(at(1));
    fleet.lead(0, false);
    assert!(fleet.feed(at(2)).is_empty());
    fleet.lead(0, true);
    let inputs = fleet.feed(at(3));
    assert!(matches!(inputs[..], [(_, Input::Decide)]), "{inputs:?}");
}

#[test]
fn a_foreign_change_is_told_and_older_news_is_none() {
    let mut fleet = fleet(1);
    fleet.feed(at(1));
    let written = |fleet: &mut Fleet| {
        let inputs = fleet.feed(at(2));
        inputs.iter().find_map(|(_, input)| match input {
            Input::Written { replicas } => Some(*replicas),
            _ => None,
        })
    };
    fleet.spec(&cart(), spec(7, 5));
    assert_eq!(written(&mut fleet), Some(7));
    fleet.spec(&cart(), spec(1, 4));
    assert_eq!(written(&mut fleet), None);
}

#[test]
fn bad_settings_leave_the_last_good_ones() {
    let mut fleet = fleet(1);
    fleet.feed(at(1));
    let mut bad = object(WorkloadKind::Revision, "cart");
    bad.scaling = Err("spec.scaling.max: 0".to_owned());
    fleet.object(bad, at(2));
    assert!(fleet.feed(at(2)).is_empty());
    fleet.object_gone(&cart());
    assert!(matches!(fleet.feed(at(3))[..], [(_, Input::Remove)]));
}

#[test]
fn what_another_scales_is_left_to_it() {
    let mut fleet = fleet(1);
    let scaled = Workload {
        kind: WorkloadKind::Autoscaler,
        name: "mine".to_owned(),
        ..cart()
    };
    let mut mine = object(WorkloadKind::Autoscaler, "mine");
    mine.target = Target::deployment("shop", "till");
    fleet.object(mine.clone(), at(1));
    assert_eq!(fleet.scaled_by_other(&scaled), None);
    let till = TargetKey::new("apps/v1", "Deployment", "till");
    fleet.hpa("shop", "hpa", Some(till));
    assert_eq!(
        fleet.scaled_by_other(&scaled).as_deref(),
        Some("HorizontalPodAutoscaler hpa")
    );
    fleet.hpa("shop", "hpa", None);
    mine.target = Target::deployment("shop", "cart");
    fleet.object(mine, at(2));
    assert_eq!(
        fleet.scaled_by_other(&scaled).as_deref(),
        Some("Revision cart")
    );
}

#[test]
fn the_gateway_counts_from_when_we_saw_it() {
    let mut fleet = fleet(1);
    let since = |fleet: &Fleet| fleet.get(&cart()).unwrap().gateway_since;
    assert_eq!(since(&fleet), Some(at(1)));
    fleet.object(object(WorkloadKind::Revision, "cart"), at(5));
    assert_eq!(since(&fleet), Some(at(1)));
    let mut direct = object(WorkloadKind::Revision, "cart");
    direct.gateway_is_path = Some(false);
    fleet.object(direct, at(6));
    assert_eq!(since(&fleet), None);
}

#[test]
fn a_dedicated_autoscaler_has_its_own_alone_and_the_shared_one_all_others() {
    let mut dedicated = object(WorkloadKind::Revision, "cart");
    dedicated.dedicated = true;
    for (only, expected) in [(None, 0), (Some(cart()), 1)] {
        let mut fleet = Fleet::new(only, "me".to_owned(), 1);
        fleet.object(dedicated.clone(), at(1));
        fleet.spec(&cart(), spec(1, 1));
        fleet.synced();
        let inputs = fleet.feed(at(1));
        let added = inputs
            .iter()
            .filter(|(_, input)| matches!(input, Input::Add { .. }));
        assert_eq!(added.count(), expected);
    }
}

#[test]
fn what_was_learned_travels_in_the_status() {
    let memory = |target: f64| -> cheerful_scaling::Memory {
        serde_json::from_value(serde_json::json!({"version": 1,
            "target": {"requests": target, "seconds": 60.0, "top": 1.0, "curve": []}}))
        .unwrap()
    };
    let mut fleet = fleet(1);
    fleet.feed(at(2));
    let at_noon = k8s_openapi::jiff::Timestamp::from_second(1_700_000_000).unwrap();
    let told = |fleet: &mut Fleet, target: f64, second: u64| {
        fleet.learned(vec![("shop/cart".to_owned(), memory(target))], at_noon);
        let due = fleet.statuses(at(second), 9);
        let learned = due.into_iter().find_map(|due| due.status.learned);
        learned.and_then(|learned| learned.target)
    };
    let scaling = Scaling::new(Settings::default()).unwrap();
    let mut scaler = cheerful_scaling::Scaler::new(scaling, Default::default(), at(2));
    let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at_noon);
    fleet.decided("shop/cart", &scaler.decide(at(2)), at(2), time);
    assert_eq!(told(&mut fleet, 7.0, 10).as_deref(), Some("7.00"));
    // It hardly moved.
    assert_eq!(told(&mut fleet, 7.3, 20), None);
    assert_eq!(told(&mut fleet, 7.4, 30).as_deref(), Some("7.40"));

    // Another goes on from it.
    let mut object = object(WorkloadKind::Revision, "cart");
    object.learned = fleet.workloads[&cart()].learned.clone();
    let recalled = |object: ObjectSeen| {
        let mut other = Fleet::new(None, "other".to_owned(), 1);
        other.object(object, at(1));
        other.spec(&cart(), spec(1, 1));
        other.synced();
        let inputs = other.feed(at(1));
        inputs.into_iter().find_map(|(_, input)| match input {
            Input::Recall { memory, .. } => memory.target().map(LearnedTarget::requests),
            _ => None,
        })
    };
    assert_eq!(recalled(object.clone()), Some(7.4));
    object.learned.as_mut().unwrap().memory = "{".to_owned();
    assert_eq!(recalled(object), None);
}

#[test]
fn what_says_anew_by_whom_it_was_woken_is_told_once_as_a_request_that_came_and_went() {
    let woken = |by: &str| ObjectSeen {
        woken: Some(by.to_owned()),
        ..object(WorkloadKind::Revision, "cart")
    };
    let told = |fleet: &mut Fleet, seconds| {
        let inputs = fleet.feed(at(seconds)).into_iter();
        let words = inputs.filter_map(|(_, input)| match input {
            Input::Woken { by } => Some(by),
            Input::Holding(it) => Some(format!("{} held, {} came", it.held, it.arrived)),
            _ => None,
        });
        words.collect::<Vec<_>>()
    };
    let mut fleet = fleet(0);
    fleet.object(woken("jane, Monday"), at(1));
    assert!(told(&mut fleet, 1).is_empty(), "that was before");
    fleet.object(woken("jane, Monday"), at(2));
    assert!(told(&mut fleet, 2).is_empty(), "nothing is new");
    fleet.object(woken("jane, Tuesday"), at(3));
    let once = ["jane, Tuesday", "1 held, 1 came", "0 held, 0 came"];
    assert_eq!(told(&mut fleet, 3), once);
    fleet.object(woken("jane, Tuesday"), at(4));
    assert!(told(&mut fleet, 4).is_empty());
}
