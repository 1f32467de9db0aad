// SPDX-License-Identifier: Apache-2.0
//! The faults of the earlier systems that concern the decision: each would fail here if we had it. What was
//! reported in public of others is in `behaviours.rs`.
#![allow(clippy::unwrap_used)]
use std::time::Duration;

mod bed;
use bed::{Bed, at, plain, report, secs};
use cheerful_scaling::{
    Averages, Delay, Mode, Policy, Refusal, Report, Scaling, Settings, Start, Target,
};

// The first version, 2018.

#[test]
fn first_01_requests_shorter_than_a_second_do_not_alias() {
    // Ten requests of 50 ms in each second, whenever they are: 0.5 in flight on average.
    let mut bed = Bed::ready(
        Settings {
            target: Target::PerReplica(0.1),
            ..plain()
        },
        1,
    );
    for _ in 0..60 {
        bed.now += 1.0;
        bed.report(&report("a", 1.0, 0.5)).unwrap();
    }
    assert_eq!((bed.decide().stable, bed.decide().replicas), (0.5, 5));
}

#[test]
fn first_02_a_rolling_replacement_does_not_double_the_scale() {
    let mut bed = Bed::ready(plain(), 10);
    bed.run(60, 0..10, 10.0);
    assert_eq!(bed.replicas(), 10);
    for replaced in 1..=10 {
        bed.run(1, replaced..10 + replaced, 10.0);
        assert_eq!(bed.replicas(), 10);
    }
    bed.run(30, 10..20, 10.0);
    assert_eq!(bed.replicas(), 10);
}

#[test]
fn first_02_twenty_replicas_that_became_ten_under_the_same_load_stay_ten() {
    let mut bed = Bed::ready(plain(), 20);
    bed.run(60, 0..20, 5.0);
    assert_eq!(bed.replicas(), 10);
    bed.observe(10, 0);
    for _ in 0..60 {
        bed.run(1, 0..10, 10.0);
        assert_eq!(bed.replicas(), 10);
    }
}

#[test]
fn first_03_a_replica_that_lived_a_second_weighs_a_second() {
    let mut bed = Bed::ready(plain(), 2);
    bed.run(30, 0..2, 10.0);
    bed.observe(3, 0);
    bed.run(1, 0..3, 10.0);
    bed.observe(2, 0);
    bed.run(29, 0..2, 10.0);
    // 20 but for one second of 30: 20.2, and not 30.
    let decision = bed.decide();
    assert!(
        (decision.stable - 20.2).abs() < 0.2,
        "{}",
        decision.sentence()
    );
}

#[test]
fn first_05_no_data_in_the_panic_window_is_no_number_but_nought() {
    let mut bed = Bed::ready(plain(), 1);
    bed.run(20, 0..1, 10.0);
    bed.now += 30.0;
    let decision = bed.decide();
    assert_eq!(
        (decision.stable, decision.panic, decision.replicas),
        (10.0, 0.0, 1)
    );
}

#[test]
fn first_06_a_replicas_clock_has_no_say() {
    let mut bed = Bed::ready(plain(), 1);
    bed.now = 100.0;
    let future = Report {
        age_seconds: -0.1,
        ..report("a", 1.0, 1e5)
    };
    assert_eq!(bed.report(&future), Err(Refusal::Future));
    let old = Report {
        age_seconds: 60.0,
        ..report("a", 1.0, 1e5)
    };
    assert_eq!(bed.report(&old), Err(Refusal::TooOld));
    assert_eq!(bed.decide().stable, 0.0);
}

#[test]
fn first_07_and_a_restarted_autoscaler_holds_what_it_finds() {
    // It went 7, 1, 2, 6.
    let mut bed = Bed::ready(plain(), 7);
    for second in 0..60 {
        assert_eq!(bed.replicas(), 7, "after {second} s");
        bed.run(1, 0..7, 3.0);
    }
    assert_eq!(bed.replicas(), 3);
    // Also with a single one, which could go to zero.
    let mut bed = Bed::ready(plain(), 1);
    bed.run(59, 0..1, 0.0);
    assert_eq!(bed.replicas(), 1);
    bed.run(1, 0..1, 0.0);
    assert_eq!(bed.replicas(), 0);
}

#[test]
fn first_07_silence_is_no_idleness_however_short_the_idle_delay() {
    for policy in [Policy::StablePanic, Policy::Auto] {
        for idle_millis in [0, 1000, 2000, 3000, 4000] {
            for phase in [0.0, 0.2, 0.4, 0.49, 0.51, 0.7, 0.9] {
                let settings = Settings {
                    policy,
                    idle_delay: Delay::Given(Duration::from_millis(idle_millis)),
                    ..plain()
                };
                let mut bed = Bed::ready(settings, 3);
                bed.now += phase;
                bed.run(60, 0..3, 10.0);
                assert!(bed.replicas() >= 3);
                for tenth in 0..600 {
                    bed.now += 0.1;
                    let decision = bed.decide();
                    assert!(
                        decision.replicas >= 3,
                        "{policy:?}, idle delay {idle_millis} ms, phase {phase}, after {tenth} tenths: {}",
                        decision.sentence()
                    );
                }
            }
        }
    }
}

#[test]
fn first_07_a_restarted_autoscaler_still_goes_up() {
    let mut bed = Bed::ready(plain(), 7);
    bed.run(3, 0..7, 30.0);
    assert_eq!(bed.replicas(), 21);
}

#[test]
fn first_08_memory_does_not_grow_with_the_replicas() {
    let mut bed = Bed::ready(plain(), 0);
    assert_eq!(bed.scaler.history_bytes(), 0);
    bed.observe(1, 0);
    bed.run(1, 0..1, 1.0);
    assert_eq!(bed.scaler.history_bytes(), 61 * 56);
    bed.observe(1000, 0);
    bed.run(100, 0..1000, 1.0);
    assert_eq!(bed.scaler.history_bytes(), 61 * 56);
}

#[test]
fn first_08_at_zero_the_memory_is_given_back() {
    let mut bed = Bed::ready(plain(), 1);
    bed.run(61, 0..1, 0.0);
    assert_eq!(bed.replicas(), 0);
    bed.observe(0, 0);
    assert!(!bed.scaler.is_at_rest(at(bed.now)));
    bed.now += 62.0;
    assert_eq!(bed.replicas(), 0);
    assert_eq!(bed.scaler.history_bytes(), 0);
    assert!(bed.scaler.is_at_rest(at(bed.now)));
}

// Knative today.

#[test]
fn knative_02_one_nan_poisons_nothing() {
    let mut bed = Bed::ready(plain(), 1);
    bed.run(60, 0..1, 10.0);
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for field in 0..5 {
            let mut report = report("0", 1.0, 1.0);
            match field {
                0 => report.seconds = wrong,
                1 => report.request_seconds = wrong,
                2 => report.waiting_seconds = wrong,
                3 => report.age_seconds = wrong,
                _ => report.in_flight = Some(wrong),
            }
            assert_eq!(bed.report(&report), Err(Refusal::NotFinite));
        }
        let averages = Averages {
            stable: 1.0,
            panic: wrong,
        };
        assert_eq!(
            bed.scaler.averages(at(bed.now), averages),
            Err(Refusal::NotFinite)
        );
    }
    assert_eq!(bed.scaler.refused().get(Refusal::NotFinite), 18);
    let decision = bed.decide();
    assert_eq!((decision.replicas, decision.stable), (1, 10.0));
}

#[test]
fn knative_02_negative_and_huge_values_are_refused_and_counted() {
    let mut bed = Bed::ready(plain(), 1);
    bed.now = 100.0;
    let like = || report("0", 1.0, 1.0);
    let reports = [
        (
            Report {
                request_seconds: -1.0,
                ..like()
            },
            Refusal::Negative,
        ),
        (
            Report {
                waiting_seconds: -1.0,
                ..like()
            },
            Refusal::Negative,
        ),
        (
            Report {
                seconds: 0.0,
                ..like()
            },
            Refusal::Negative,
        ),
        (
            Report {
                seconds: -1.0,
                ..like()
            },
            Refusal::Negative,
        ),
        (
            Report {
                in_flight: Some(-1.0),
                ..like()
            },
            Refusal::Negative,
        ),
        (
            Report {
                seconds: 60.1,
                ..like()
            },
            Refusal::TooLarge,
        ),
        (
            Report {
                request_seconds: 1_000_001.0,
                ..like()
            },
            Refusal::TooLarge,
        ),
        (
            Report {
                in_flight: Some(1_000_001.0),
                ..like()
            },
            Refusal::TooLarge,
        ),
        (
            Report {
                requests: 1_000_000_001,
                ..like()
            },
            Refusal::TooLarge,
        ),
        (
            Report {
                refused: u64::MAX,
                ..like()
            },
            Refusal::TooLarge,
        ),
        (
            Report {
                replica: "a".repeat(257),
                ..like()
            },
            Refusal::TooLarge,
        ),
        (
            Report {
                age_seconds: 1e300,
                ..like()
            },
            Refusal::TooOld,
        ),
    ];
    let total = reports.len() as u64;
    for (report, refusal) in reports {
        assert_eq!(bed.report(&report), Err(refusal), "{report:?}");
    }
    assert_eq!(bed.scaler.refused().total(), total);
    assert_eq!(bed.scaler.seconds_seen(), 0);
}

#[test]
fn knative_02_the_largest_load_does_not_wrap() {
    let mut bed = Bed::ready(
        Settings {
            target: Target::PerReplica(0.01),
            ..plain()
        },
        1000,
    );
    bed.run(6, 0..1000, 1e6);
    assert_eq!(bed.replicas(), 10_000);
    assert_eq!(bed.given(bed.now, u32::MAX, 1e10, 1e10).replicas, u32::MAX);
    bed.hold(u64::MAX, u64::MAX);
    assert_eq!(bed.replicas(), u32::MAX);
}

#[test]
fn knative_03_a_change_of_the_delay_takes_effect_on_a_living_revision() {
    let delayed = |seconds| Settings {
        scale_down_delay: secs(seconds).into(),
        panic_threshold: 100.0,
        ..plain()
    };
    let mut bed = Bed::new(delayed(300), Start::default());
    assert_eq!(bed.given(0.0, 0, 40.0, 40.0).replicas, 4);
    assert_eq!(bed.given(10.0, 4, 10.0, 10.0).replicas, 4);
    bed.scaler
        .change(Scaling::new(delayed(5)).unwrap(), at(10.0));
    assert_eq!(bed.given(11.0, 4, 10.0, 10.0).replicas, 1);
    bed.scaler
        .change(Scaling::new(delayed(100)).unwrap(), at(11.0));
    bed.given(12.0, 4, 40.0, 40.0);
    assert_eq!(bed.given(111.0, 4, 10.0, 10.0).replicas, 4);
    assert_eq!(bed.given(112.0, 4, 10.0, 10.0).replicas, 1);
}

#[test]
fn knative_07_a_single_replica_does_not_panic_at_just_over_its_target() {
    let mut bed = Bed::ready(plain(), 1);
    bed.run(60, 0..1, 19.0);
    assert_eq!(
        (bed.decide().mode, bed.decide().replicas),
        (Mode::Stable, 2)
    );
    bed.run(6, 0..1, 20.0);
    assert_eq!(bed.decide().mode, Mode::Panic);
}

#[test]
fn knative_08_a_lost_report_discards_no_good_one() {
    let mut bed = Bed::ready(plain(), 3);
    for _ in 0..60 {
        bed.now += 1.0;
        // One of three is never heard: it is as loaded as the others, and nothing is lowered.
        bed.report(&report("a", 1.0, 12.0)).unwrap();
        bed.report(&report("b", 1.0, 8.0)).unwrap();
    }
    let decision = bed.decide();
    assert!((decision.stable - 30.0).abs() < 1e-9, "{}", decision.stable);
    assert_eq!(decision.replicas, 3);
}
