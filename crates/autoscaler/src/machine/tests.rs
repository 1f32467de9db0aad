// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Holding, Observation, Paused, Report, Settings, Target};

use super::*;

fn at(millis: u64) -> Moment {
    Moment::from_micros(millis * 1_000)
}

fn scaling() -> Scaling {
    let target = Target::PerReplica(10.0);
    Scaling::new(Settings {
        initial: 0,
        target,
        ..Settings::classic()
    })
    .unwrap()
}

fn input(machine: &mut Machine, input: Input, now: Moment) -> Vec<Action> {
    machine.step(
        Event::Input {
            revision: "a".to_owned(),
            input: Box::new(input),
            arrived: now,
        },
        now,
    )
}

fn added() -> Machine {
    let mut machine = Machine::new(0, false, Duration::from_secs(2));
    input(
        &mut machine,
        Input::Add {
            scaling: scaling(),
            start: Start::default(),
        },
        at(0),
    );
    machine
}

fn held(machine: &mut Machine, held: u64, now: Moment) -> Vec<Action> {
    input(
        machine,
        Input::Holding(Holding {
            held,
            arrived: held,
        }),
        now,
    )
}

fn calls(actions: &[Action]) -> Vec<Call> {
    let call = |action: &Action| match action {
        Action::Scale(call, _) => Some(call.clone()),
        _ => None,
    };
    actions.iter().filter_map(call).collect()
}

fn only_call(actions: &[Action]) -> Call {
    let calls = calls(actions);
    assert_eq!(calls.len(), 1, "{actions:?}");
    calls.into_iter().next().unwrap()
}

#[test]
fn a_held_request_is_scaled_for_at_once() {
    let mut machine = added();
    assert_eq!(machine.metrics().awake, 0);
    let call = only_call(&held(&mut machine, 25, at(100)));
    assert_eq!((&*call.revision, call.replicas), ("a", 3));
    assert_eq!(machine.metrics().awake, 1);
    machine.step(Event::Answered(call, Outcome::Done), at(104));
    let metrics = machine.metrics();
    assert_eq!(metrics.scales_written, 1);
    assert!((metrics.scale_latency.max_seconds - 0.004).abs() < 1e-9);
}

#[test]
fn an_idle_revision_writes_nothing_and_costs_no_tick() {
    let mut machine = Machine::new(0, false, Duration::from_secs(2));
    let start = Start::default();
    let actions = input(
        &mut machine,
        Input::Add {
            scaling: scaling(),
            start,
        },
        at(0),
    );
    assert!(calls(&actions).is_empty());
    assert_eq!(machine.metrics().awake, 0);
    let decisions = machine.desk.metrics.clone();
    assert!(machine.step(Event::Tick, at(2_000)).is_empty());
    assert_eq!(machine.desk.metrics, decisions);
}

#[test]
fn a_failure_is_said_once_for_each_kind_and_tried_again_with_the_next_decision() {
    let mut machine = added();
    let mut call = only_call(&held(&mut machine, 5, at(100)));
    let mut said = Vec::new();
    for (second, why) in (1..).zip(["no room", "no room", "no room", "no port"]) {
        let failed = Event::Answered(call, Outcome::Failed(why.to_owned()));
        let mut actions = machine.step(failed, at(second * 2_000));
        actions.extend(held(&mut machine, 5, at(second * 2_000)));
        actions.extend(machine.step(Event::Tick, at(second * 2_000 + 1_000)));
        said.extend(actions.iter().filter_map(|action| match action {
            Action::Failing { why, .. } => Some(why.clone()),
            _ => None,
        }));
        call = only_call(&actions);
    }
    assert_eq!(said, ["no room", "no port"]);
    let actions = machine.step(Event::Answered(call, Outcome::Done), at(20_000));
    assert!(
        matches!(actions.first(), Some(Action::WorksAgain { .. })),
        "{actions:?}"
    );
    assert_eq!(machine.metrics().scales_failed, 4);
}

#[test]
fn the_answer_of_an_earlier_revision_of_that_name_is_ignored() {
    let mut machine = added();
    let early = only_call(&held(&mut machine, 5, at(100)));
    let actions = input(&mut machine, Input::Remove, at(200));
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::GiveUp(_))),
        "{actions:?}"
    );
    input(
        &mut machine,
        Input::Add {
            scaling: scaling(),
            start: Start::default(),
        },
        at(300),
    );
    let late = only_call(&held(&mut machine, 5, at(400)));
    assert_ne!(early, late);
    machine.step(Event::Answered(early, Outcome::Done), at(500));
    assert_eq!(machine.metrics().scales_written, 0);
    machine.step(Event::Answered(late, Outcome::Done), at(600));
    assert_eq!(machine.metrics().scales_written, 1);
}

#[test]
fn inputs_for_an_unknown_revision_are_counted() {
    let mut machine = Machine::new(0, false, Duration::from_secs(2));
    assert!(held(&mut machine, 5, at(0)).is_empty());
    assert!(input(&mut machine, Input::Remove, at(0)).is_empty());
    assert_eq!(machine.metrics().inputs_unknown, 2);
}

#[test]
fn there_is_a_limit_to_the_revisions() {
    let mut machine = Machine::new(0, false, Duration::from_secs(2));
    let add = || Input::Add {
        scaling: scaling(),
        start: Start::default(),
    };
    for number in 0..REVISIONS {
        let revision = number.to_string();
        machine.step(
            Event::Input {
                revision,
                input: Box::new(add()),
                arrived: at(0),
            },
            at(0),
        );
    }
    let actions = input(&mut machine, add(), at(0));
    assert!(
        matches!(actions[..], [Action::TooMany { .. }]),
        "{actions:?}"
    );
    assert_eq!(machine.metrics().inputs_unknown, 1);
    assert_eq!(machine.metrics().revisions, REVISIONS);
}

#[test]
fn a_change_is_decided_at_once() {
    let mut machine = added();
    let paused = Paused::At(3);
    let scaling = Scaling::new(Settings {
        paused,
        ..Settings::classic()
    })
    .unwrap();
    let call = only_call(&input(&mut machine, Input::Change { scaling }, at(50)));
    assert_eq!(call.replicas, 3);
    let view = machine.explain("a", at(60)).unwrap();
    assert_eq!(view.mode, "paused");
    assert_eq!(view.kept_awake_by.as_deref(), Some("paused at 3"));
}

#[test]
fn the_platform_is_told_the_burst_threshold_when_it_changes() {
    let mut machine = added();
    let told = |actions: Vec<Action>| -> Vec<f64> {
        let requests = |action: &Action| match action {
            Action::BurstThreshold { requests, .. } => Some(*requests),
            _ => None,
        };
        actions.iter().filter_map(requests).collect()
    };
    let ready = |ready| {
        Input::Observation(Observation {
            ready,
            ..Observation::default()
        })
    };
    let three = told(input(&mut machine, ready(3), at(100)));
    assert_eq!(three.len(), 1);
    assert!(told(input(&mut machine, ready(3), at(200))).is_empty());
    let nine = told(input(&mut machine, ready(9), at(300)));
    assert!(nine > three);
    assert_eq!(machine.burst_threshold("a"), nine.last().copied());
}

#[test]
fn decisions_are_kept_folded_and_at_most_a_hundred() {
    let mut machine = added();
    for step in 0..300_u64 {
        held(&mut machine, 10 + 10 * (step % 2), at(1_000 + step * 2_000));
        machine.step(Event::Tick, at(2_000 + step * 2_000));
        machine.step(Event::Tick, at(2_500 + step * 2_000));
    }
    let view = machine.explain("a", at(1_000_000)).unwrap();
    assert!(view.decisions.len() <= 100);
    assert!(view.decisions.is_sorted_by(|one, next| one.at < next.at));
    assert!(view.decisions.iter().any(|decision| decision.times > 1));
    let begin: Vec<u64> = view
        .decisions
        .iter()
        .map(DecisionLine::began_unix_millis)
        .collect();
    assert!(
        begin.is_sorted(),
        "each begins where the one before ends: {begin:?}"
    );
    let alike = |pair: &[DecisionLine]| match pair {
        [one, next] => one.replicas == next.replicas && one.mode == next.mode,
        _ => false,
    };
    assert!(!view.decisions.windows(2).any(alike));
    assert!(
        machine
            .overview(at(1_000_000))
            .iter()
            .all(|view| view.decisions.is_empty())
    );
}

#[test]
fn explain_says_who_woke_it() {
    let mut machine = added();
    input(
        &mut machine,
        Input::Woken {
            by: "GET /".to_owned() + &"x".repeat(500),
        },
        at(1_000),
    );
    held(&mut machine, 1, at(1_000));
    let view = machine.explain("a", at(3_500)).unwrap();
    assert_eq!(
        view.woken_by.as_ref().map(|by| by.chars().count()),
        Some(200)
    );
    assert_eq!(view.woken_seconds_ago, Some(2.5));
    assert_eq!(view.kept_awake_by.as_deref(), Some("1 request held"));
    assert_eq!(view.held, 1);
    assert!(machine.explain("b", at(0)).is_none());
}

#[test]
fn an_idle_revision_is_small() {
    assert!(
        size_of::<RevisionState>() <= 2_080,
        "{}",
        size_of::<RevisionState>()
    );
    // What it allocates: its name. The decision of its beginning is kept inline.
    let view = added().explain("a", at(0)).unwrap();
    assert_eq!(view.decisions.len(), 1);
}

/// Invariant: one request per revision is in flight, and a newer one is never overtaken by an older.
#[test]
fn a_call_without_an_answer_is_given_up_for_the_newest_wish() {
    let mut machine = added();
    let first = only_call(&held(&mut machine, 5, at(0)));
    for second in 1..5 {
        let mut actions = held(&mut machine, 10 * second, at(second * 1_000));
        actions.extend(machine.step(Event::Tick, at(second * 1_000)));
        assert!(calls(&actions).is_empty(), "one at a time: {actions:?}");
    }
    let limit = u64::try_from(Duration::from_secs(5).as_millis()).unwrap();
    let second = only_call(&machine.step(Event::Answered(first, Outcome::GaveUp), at(limit)));
    assert_eq!(second.replicas, 4);
    assert_eq!(machine.metrics().scales_given_up, 1);
}

#[test]
fn what_is_at_rest_is_looked_at_only_if_asked_for() {
    let mut machine = added();
    assert!(machine.awake(&[], at(0)).is_empty());
    let names = |views: &[RevisionView]| -> Vec<String> {
        views.iter().map(|view| view.revision.clone()).collect()
    };
    let asked = ["a".to_owned(), "unknown".to_owned()];
    assert_eq!(names(&machine.awake(&asked, at(0))), ["a"]);
    held(&mut machine, 25, at(100));
    assert_eq!(names(&machine.awake(&[], at(200))), ["a"]);
    assert_eq!(names(&machine.awake(&asked, at(200))), ["a"]);
}

fn reported(machine: &mut Machine, second: u64, in_flight: f64) {
    let report = Report {
        replica: "a-1".to_owned(),
        sequence: Some(second),
        seconds: 1.0,
        request_seconds: in_flight,
        age_seconds: 0.0,
        waiting_seconds: 0.0,
        requests: 0,
        refused: 0,
        in_flight: None,
        latency: None,
    };
    input(machine, Input::Report(report), at(second * 1000));
    machine.step(Event::Tick, at(second * 1000));
}

#[test]
fn the_same_minutes_are_decided_anew() {
    let mut machine = added();
    let ready = Observation {
        ready: 1,
        ..Observation::default()
    };
    input(&mut machine, Input::Observation(ready), at(0));
    assert!(machine.tape("b").is_none());
    for second in 1..1500 {
        reported(&mut machine, second, 20.0);
    }
    let tape = machine.tape("a").unwrap();
    let same = tape.decide_anew(Settings::clone).unwrap();
    assert_eq!(same.replicas, same.real);
    assert!(same.replicas.len() > 600, "{}", same.replicas.len());
    assert!(same.replicas.iter().all(|count| *count == 2), "{same:?}");
    assert!(same.unix_millis.is_sorted());
    let other = tape.decide_anew(|settings| Settings {
        target: Target::PerReplica(2.0),
        ..settings.clone()
    });
    assert!(other.unwrap().replicas.iter().all(|count| *count == 10));
    let wrong = tape.decide_anew(|settings| Settings {
        target: Target::PerReplica(-1.0),
        ..settings.clone()
    });
    assert_eq!(wrong.unwrap_err()[0].field, "target");
}

#[test]
fn there_is_a_bound_to_what_is_kept_to_be_decided_anew() {
    let mut machine = Machine::new(0, false, Duration::from_secs(2));
    let names: Vec<String> = (0..80).map(|number| format!("r{number}")).collect();
    let step = |machine: &mut Machine, name: &String, input: Input, second: u64| {
        let revision = name.clone();
        let (input, arrived) = (Box::new(input), at(second * 1000));
        machine.step(
            Event::Input {
                revision,
                input,
                arrived,
            },
            arrived,
        );
    };
    for name in &names {
        let add = Input::Add {
            scaling: scaling(),
            start: Start::default(),
        };
        step(&mut machine, name, add, 0);
    }
    let mut most = 0;
    for second in 1..1500 {
        for name in &names {
            let holding = Holding {
                held: 1,
                arrived: 1,
            };
            step(&mut machine, name, Input::Holding(holding), second);
        }
        most = most.max(machine.desk.taped);
    }
    assert!(most > Tape::ROOM && most <= Tape::MOST, "{most}");
    assert!(machine.metrics().heard_forgotten > 0);
    let kept: usize = names
        .iter()
        .filter_map(|name| machine.tape(name))
        .map(|tape| tape.len())
        .sum();
    assert_eq!(kept, machine.desk.taped);
    for name in &names {
        step(&mut machine, name, Input::Remove, 1501);
    }
    assert_eq!(machine.desk.taped, 0);
}
