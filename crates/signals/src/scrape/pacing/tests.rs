// SPDX-License-Identifier: Apache-2.0
use std::collections::{BTreeMap, BTreeSet};

use cheerful_manifest::SignalSpec;
use cheerful_scaling::Report;

use super::*;
use crate::meter::Figures;

const SLOTS: Slots = Slots {
    plain: 10_000,
    failing: 10_000,
};

fn target(signal: serde_json::Value) -> Target {
    let spec: SignalSpec = serde_json::from_value(signal).unwrap();
    Target::of(spec.signal().unwrap()).unwrap()
}

fn pacing(pods: usize, signal: serde_json::Value) -> Pacing {
    let mut pacing = Pacing::new(Pace::default(), 7);
    pacing.targets("cart", vec![target(signal)], Moment::ZERO);
    for pod in 0..pods {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        pacing.replica("cart", &format!("{pod:04}"), address, Moment::ZERO);
    }
    pacing
}

fn load(in_flight: f64) -> Answer {
    let figures = Figures {
        in_flight: Some(in_flight),
        ..Figures::default()
    };
    Answer::Figures(Box::new(figures), None)
}

/// Lets time go in steps of 10 ms; each read is answered 1 ms later.
fn run(
    pacing: &mut Pacing,
    seconds: std::ops::Range<f64>,
    mut answer: impl FnMut(&Read) -> Result<Answer, Unread>,
) -> (Vec<Said>, Vec<(Moment, Read)>) {
    let (mut said, mut reads) = (Vec::new(), Vec::new());
    let mut now = Moment::from_micros((seconds.start * 1e6) as u64);
    let end = Moment::from_micros((seconds.end * 1e6) as u64);
    while now < end {
        for read in pacing.due(now, SLOTS, &mut said) {
            let at = now.plus(Duration::from_millis(1));
            pacing.done(&read, answer(&read), 100, at, &mut said);
            reads.push((now, read));
        }
        now = now.plus(Duration::from_millis(10));
    }
    (said, reads)
}

fn reports(said: &[Said]) -> Vec<&Report> {
    let report = said.iter().filter_map(|one| match one {
        Said::Told {
            told: Told::Report(report),
            ..
        } => Some(report),
        _ => None,
    });
    report.collect()
}

#[test]
fn what_is_new_is_read_ten_times_a_second_and_then_calmly() {
    let mut pacing = pacing(2, serde_json::json!({"path": "/load"}));
    let (_, new) = run(&mut pacing, 0.0..10.0, |_| Ok(load(2.0)));
    assert!((190..=202).contains(&new.len()), "{}", new.len());
    let (_, calm) = run(&mut pacing, 10.0..20.0, |_| Ok(load(2.0)));
    assert!((98..=104).contains(&calm.len()), "{}", calm.len());
    // Ten times the load is new again.
    let (_, moved) = run(&mut pacing, 20.0..30.0, |_| Ok(load(20.0)));
    assert!(moved.len() > 180, "{}", moved.len());
    pacing.panics("cart", true, Moment::from_micros(40_000_000));
    let (_, panic) = run(&mut pacing, 40.0..50.0, |_| Ok(load(20.0)));
    assert!(panic.len() > 190, "{}", panic.len());
}

#[test]
fn a_few_by_chance_stand_for_many_and_all_replicas_are_covered() {
    let mut pacing = pacing(200, serde_json::json!({"path": "/load"}));
    run(&mut pacing, 0.0..20.0, |_| Ok(load(2.0)));
    let (said, reads) = run(&mut pacing, 20.0..50.0, |_| Ok(load(2.0)));
    let told = reports(&said);
    let mut covered: BTreeMap<&str, f64> = BTreeMap::new();
    for report in &told {
        assert!((report.request_seconds / report.seconds - 2.0).abs() < 1e-6);
        *covered.entry(&report.replica).or_default() += report.seconds;
    }
    assert_eq!(covered.len(), 200);
    for (replica, seconds) in covered {
        assert!((seconds - 30.0).abs() < 2.5, "{replica}: {seconds}");
    }
    let drawn: BTreeSet<_> = reads.iter().map(|(_, read)| &read.replica).collect();
    assert!(drawn.len() > 150, "{}", drawn.len());
    assert!(reads.len() <= 31 * 32, "{}", reads.len());
}

#[test]
fn those_that_do_not_answer_are_silent_and_in_a_sample_stand_for_as_many() {
    let failed = || Err(Unread::Silent("none in 1s".to_owned()));
    let mut few = pacing(4, serde_json::json!({"path": "/load"}));
    let (said, _) = run(&mut few, 0.0..5.0, |read| {
        if &*read.replica == "0000" {
            failed()
        } else {
            Ok(load(1.0))
        }
    });
    let told = reports(&said);
    assert!(told.iter().all(|report| report.replica != "0000") && told.len() > 100);

    let mut many = pacing(200, serde_json::json!({"path": "/load"}));
    run(&mut many, 0.0..20.0, |_| Ok(load(2.0)));
    let bad = |read: &Read| {
        read.replica
            .as_bytes()
            .last()
            .is_some_and(|digit| *digit >= b'5')
    };
    let (said, _) = run(&mut many, 20.0..50.0, |read| {
        if bad(read) { failed() } else { Ok(load(2.0)) }
    });
    let seconds: f64 = reports(&said).iter().map(|report| report.seconds).sum();
    assert!(seconds < 200.0 * 30.0 * 0.75, "{seconds}");
    let (said, _) = run(&mut many, 50.0..70.0, |_| failed());
    assert!(reports(&said).is_empty());
}

#[test]
fn a_burst_shows_in_the_report() {
    let mut pacing = pacing(2, serde_json::json!({"path": "/load"}));
    pacing.threshold("cart", 30.0);
    let (said, _) = run(&mut pacing, 0.0..1.0, |_| Ok(load(10.0)));
    assert!(
        reports(&said)
            .iter()
            .all(|report| report.in_flight.is_none())
    );
    let (said, _) = run(&mut pacing, 1.0..2.0, |_| Ok(load(20.0)));
    let told = reports(&said);
    assert!(
        told.iter()
            .filter(|report| report.in_flight == Some(20.0))
            .count()
            >= 18
    );
}

#[test]
fn a_value_is_summed_over_all_replicas() {
    let signal = serde_json::json!({"page": {"metric": "jobs", "perReplica": 5.0}});
    let mut pacing = pacing(4, signal);
    let (said, _) = run(&mut pacing, 0.0..1.0, |read| {
        if &*read.replica == "0003" {
            Err(Unread::Status(500))
        } else {
            Ok(Answer::Value(6.0))
        }
    });
    let last = said.iter().rev().find_map(|one| match one {
        Said::Told {
            told: Told::Reading(reading),
            ..
        } => Some(reading.clone()),
        _ => None,
    });
    let reading = last.unwrap();
    assert_eq!((reading.signal.as_str(), reading.value), ("page", 24.0));
}

#[test]
fn when_reads_are_late_what_is_steady_is_read_less() {
    let mut pacing = pacing(
        50,
        serde_json::json!({"metrics": {"inFlight": "x", "port": 1}}),
    );
    run(&mut pacing, 0.0..11.0, |_| Ok(load(1.0)));
    let mut said = Vec::new();
    let few = Slots {
        plain: 1,
        failing: 1,
    };
    for tick in 0..1000_u64 {
        let now = Moment::from_micros(11_000_000 + tick * 100_000);
        for read in pacing.due(now, few, &mut said) {
            pacing.done(&read, Ok(load(1.0)), 100, now, &mut said);
        }
    }
    assert!(pacing.counts().shed > 0);
    assert!(pacing.shed > 0);
}

#[test]
fn a_revision_that_is_gone_leaves_nothing() {
    let mut pacing = pacing(4, serde_json::json!({"path": "/load"}));
    run(&mut pacing, 0.0..1.0, |_| Ok(load(1.0)));
    pacing.remove("cart");
    assert_eq!((pacing.replicas, pacing.next()), (0, None));
    let (_, reads) = run(&mut pacing, 1.0..2.0, |_| Ok(load(1.0)));
    assert!(reads.is_empty());
}

#[test]
fn what_came_all_at_once_is_not_read_all_at_once_for_ever() {
    let mut pacing = Pacing::new(Pace::default(), 7);
    for revision in 0..400 {
        let name = format!("shop-{revision}");
        let target = target(serde_json::json!({"path": "/load"}));
        pacing.targets(&name, vec![target], Moment::ZERO);
        for pod in 0..10 {
            let address = SocketAddr::from(([127, 0, 0, 1], 1));
            pacing.replica(&name, &format!("{pod}"), address, Moment::ZERO);
        }
    }
    run(&mut pacing, 0.0..20.0, |_| Ok(load(2.0)));
    // 4,000 reads are as many as there may be in 2 s: 20 in each step of 10 ms, if they are spread.
    let (_, reads) = run(&mut pacing, 20.0..30.0, |_| Ok(load(2.0)));
    assert!((19_000..21_000).contains(&reads.len()), "{}", reads.len());
    let mut steps = BTreeMap::<Moment, usize>::new();
    for (at, _) in reads {
        *steps.entry(at).or_default() += 1;
    }
    let most = steps.into_values().max();
    assert!(most < Some(150), "{most:?}");
}
