// SPDX-License-Identifier: Apache-2.0
//! Bad behaviours of others that were reported in public, and the ways of ours that answer them.
#![allow(clippy::unwrap_used)]
mod bed;
use bed::{Bed, at, plain, report, secs};
use cheerful_scaling::{Averages, Bound, Mode, Paused, Report, Scaling, Settings, Start, Target};

#[test]
fn known_leaving_panic_while_replicas_start_does_not_collapse_the_plan() {
    let mut bed = Bed::new(
        Settings {
            target: Target::PerReplica(1.0),
            ..plain()
        },
        Start::default(),
    );
    bed.given(0.0, 100, 1000.0, 1000.0);
    // A minute later 40 of them are there, and the rest is still on its way.
    bed.now = 61.0;
    bed.observe(140, 860);
    bed.scaler
        .averages(
            at(61.0),
            Averages {
                stable: 50.0,
                panic: 50.0,
            },
        )
        .unwrap();
    let decision = bed.decide();
    assert_eq!((decision.replicas, decision.mode), (1000, Mode::Panic));
    // But a replica that never gets ready does not hold it for ever.
    bed.now = 301.0;
    bed.observe(999, 1);
    bed.scaler
        .averages(
            at(301.0),
            Averages {
                stable: 50.0,
                panic: 50.0,
            },
        )
        .unwrap();
    assert_eq!(bed.replicas(), 50);
}

#[test]
fn known_a_backlog_behind_a_slow_start_floods_nothing() {
    let mut bed = Bed::ready(plain(), 0);
    let mut held = 0;
    let mut most = 0;
    // 50 requests per second, and a start of 10 s.
    for _ in 0..100 {
        held += 5;
        bed.now += 0.1;
        bed.hold(held, 5);
        let replicas = bed.replicas();
        most = most.max(replicas);
        bed.observe(0, replicas);
    }
    assert!((5..=6).contains(&most), "{most}");
}

#[test]
fn known_a_burst_of_ten_every_half_minute_keeps_room() {
    // The largest wish within the scale-down delay holds between the bursts.
    let settings = Settings {
        target: Target::PerReplica(1.0),
        scale_down_delay: secs(60).into(),
        ..plain()
    };
    let mut bed = Bed::ready(settings, 1);
    for _ in 0..10 {
        bed.run(3, 0..1, 10.0);
        let up = bed.replicas();
        assert!(up >= 5, "{up}");
        bed.run(27, 0..1, 0.0);
        assert!(bed.replicas() >= 5);
    }
}

#[test]
fn known_a_crash_lowers_no_plan() {
    let mut bed = Bed::ready(plain(), 10);
    bed.run(120, 0..10, 10.0);
    bed.observe(0, 10);
    assert_eq!(bed.replicas(), 10);
    bed.now += 2.0;
    assert_eq!(bed.replicas(), 10);
    bed.observe(5, 5);
    assert_eq!(bed.replicas(), 10);
}

#[test]
fn known_a_start_from_zero_is_not_lowered_before_the_newcomers_speak() {
    let mut bed = Bed::ready(plain(), 0);
    bed.now = 100.0;
    bed.hold(45, 45);
    assert_eq!(bed.replicas(), 5);
    bed.observe(0, 5);
    bed.now += 1.0;
    bed.observe(5, 0);
    bed.hold(0, 0);
    let decision = bed.decide();
    assert_eq!(decision.replicas, 5);
    for _ in 0..5 {
        bed.run(1, 0..5, 9.0);
        assert_eq!(bed.replicas(), 5);
    }
}

#[test]
fn a_window_that_is_changed_keeps_what_fits() {
    let with = |seconds| {
        let settings = Settings {
            stable_window: secs(seconds),
            ..plain()
        };
        Scaling::new(settings).unwrap()
    };
    let mut bed = Bed::ready(plain(), 1);
    bed.run(60, 0..1, 10.0);
    bed.scaler.change(with(20), at(60.0));
    assert_eq!(bed.scaler.seconds_seen(), 20);
    assert_eq!(bed.decide().stable, 10.0);
    bed.scaler.change(with(120), at(60.0));
    assert_eq!(bed.scaler.seconds_seen(), 20);
    bed.run(1, 0..1, 31.0);
    assert_eq!(bed.decide().stable, 11.0);
}

#[test]
fn idle_delay_and_scale_down_delay_are_apart() {
    let settings = Settings {
        idle_delay: secs(5).into(),
        scale_down_delay: secs(30).into(),
        ..plain()
    };
    let mut bed = Bed::ready(
        Settings {
            scale_down_delay: secs(0).into(),
            ..settings
        },
        1,
    );
    bed.run(60, 0..1, 10.0);
    assert_eq!(bed.replicas(), 1);
    bed.run(4, 0..1, 0.0);
    assert_eq!(bed.replicas(), 1);
    bed.run(1, 0..1, 0.0);
    // At once, though the stable average is not empty yet.
    let decision = bed.decide();
    assert!(decision.stable > 5.0);
    assert_eq!(decision.replicas, 0);
}

#[test]
fn a_pause_holds_the_count_that_it_found() {
    let paused = Settings {
        paused: Paused::Present,
        max: Some(8),
        ..plain()
    };
    let mut bed = Bed::new(paused.clone(), Start::default());
    assert_eq!(bed.given(0.0, 5, 100.0, 100.0).replicas, 5);
    // One crashed: it is still five.
    let decision = bed.given(1.0, 4, 100.0, 100.0);
    assert_eq!(decision.replicas, 5);
    assert!(decision.is_bounded_by(Bound::Paused));
    let mut bed = Bed::new(
        Settings {
            paused: Paused::At(20),
            ..paused
        },
        Start::default(),
    );
    assert_eq!(bed.given(0.0, 5, 0.0, 0.0).replicas, 8);
}

#[test]
fn a_burst_is_answered_at_once() {
    let mut bed = Bed::ready(plain(), 2);
    bed.run(60, 0..2, 9.0);
    assert_eq!(bed.replicas(), 2);
    assert!(!bed.scaler.wants_decision_now(at(bed.now)));
    for replica in 0..2 {
        bed.now += 0.01;
        let burst = Report {
            in_flight: Some(90.0),
            ..report(&replica.to_string(), 0.01, 90.0)
        };
        bed.report(&burst).unwrap();
    }
    assert!(bed.scaler.wants_decision_now(at(bed.now)));
    let decision = bed.decide();
    assert_eq!(
        (decision.replicas, decision.mode, decision.burst),
        (18, Mode::Panic, Some(180.0))
    );
    assert!(!bed.scaler.wants_decision_now(at(bed.now)));
}

#[test]
fn a_held_request_wants_a_decision_at_once() {
    let mut bed = Bed::ready(plain(), 0);
    assert_eq!(bed.replicas(), 0);
    assert!(!bed.scaler.wants_decision_now(at(0.0)));
    bed.hold(1, 1);
    assert!(bed.scaler.wants_decision_now(at(0.0)));
    assert_eq!(bed.replicas(), 1);
    assert!(!bed.scaler.wants_decision_now(at(0.0)));
}
