// SPDX-License-Identifier: Apache-2.0
//! The scenarios of Knative's present autoscaler, to the number.
#![allow(clippy::unwrap_used)]
mod bed;
use bed::{Bed, at, plain, secs};
use cheerful_scaling::{
    Averages, BurstCapacity, Mode, Moment, Observation, Scaler, Scaling, Settings, Start, Target,
};

fn settings(target: f64, burst: f64) -> Settings {
    Settings {
        target: Target::PerReplica(target),
        burst_capacity: BurstCapacity::Requests(burst),
        max_down: 10.0,
        ..plain()
    }
}

type Call = ((f64, u32, f64, f64), (u32, i64));

/// Calls (t, ready, stable, panic) and what is expected (replicas, spare capacity).
fn calls(settings: Settings, calls: &[Call]) -> Bed {
    calls_from(
        settings,
        Start {
            ready: 1,
            ..Start::default()
        },
        calls,
    )
}

fn calls_from(settings: Settings, start: Start, calls: &[Call]) -> Bed {
    let mut bed = Bed::new(settings, start);
    for ((now, ready, stable, panic), expected) in calls {
        let decision = bed.given(*now, *ready, *stable, *panic);
        let found = (decision.replicas, decision.spare_capacity);
        assert_eq!(found, *expected, "{}", decision.sentence());
    }
    bed
}

#[test]
fn row_01_no_traffic() {
    calls(settings(10.0, 100.0), &[((0.0, 1, 0.0, 0.0), (0, -87))]);
}

#[test]
fn row_03_no_burst_capacity() {
    let bed = calls(settings(10.0, 0.0), &[((0.0, 1, 50.0, 49.0), (5, 0))]);
    assert_eq!(bed.scaler.panicking_since(), Some(Moment::ZERO));
}

#[test]
fn row_05_already_scaled() {
    let bed = calls(settings(10.0, 100.0), &[((0.0, 5, 50.0, 50.0), (5, -84))]);
    assert_eq!(bed.scaler.panicking_since(), None);
}

#[test]
fn row_07_the_panic_demand_is_larger() {
    let start = Start {
        ready: 1,
        panicking_seconds: Some(5),
        panic_replicas: Some(5),
        ..Start::default()
    };
    calls_from(
        settings(1.0, 100.0),
        start,
        &[((0.0, 5, 20.0, 30.0), (30, -124))],
    );
}

#[test]
fn row_09_step_down_at_most_1_1_times() {
    let settings = Settings {
        max_down: 1.1,
        ..settings(10.0, 1982.0)
    };
    calls(settings, &[((0.0, 100, 1.0, 1.0), (90, -650))]);
}

#[test]
fn row_11_panic_doubles() {
    calls(settings(10.0, 84.0), &[((0.0, 1, 50.0, 100.0), (10, -171))]);
}

#[test]
fn row_13_any_metric() {
    let two = [
        ((0.0, 1, 50.0, 50.0), (5, -138)),
        ((0.0, 1, 100.0, 99.0), (10, -187)),
    ];
    calls(settings(10.0, 101.0), &two);
}

#[test]
fn row_15_panic_is_extended() {
    let two = [
        ((0.0, 10, 11.0, 25.0), (25, -110)),
        ((30.0, 40, 30.0, 80.0), (80, -125)),
    ];
    let bed = calls(settings(1.0, 98.0), &two);
    assert_eq!(bed.scaler.panicking_since(), Some(at(30.0)));
}

#[test]
fn row_17_to_zero() {
    let two = [
        ((0.0, 1, 1.0, 0.0), (1, -62)),
        ((0.0, 1, 0.0, 0.0), (0, -62)),
    ];
    calls(settings(10.0, 75.0), &two);
}

#[test]
fn row_19_exponential_growth() {
    let rows = [
        ((0.0, 1, 6.0, 6.0), (6, -106)),
        ((0.0, 6, 36.0, 36.0), (36, -129)),
        ((1.0, 36, 216.0, 216.0), (216, -269)),
        ((1.0, 216, 1296.0, 1296.0), (1296, -1109)),
        ((2.0, 1296, 1296.0, 1296.0), (1296, 331)),
    ];
    let bed = calls(settings(1.0, 101.0), &rows);
    assert_eq!(bed.scaler.panicking_since(), Some(at(1.0)));
}

#[test]
fn row_21_step_up_limit() {
    let two = [
        ((0.0, 1, 1000.0, 1001.0), (10, -1049)),
        ((0.0, 10, 1000.0, 1001.0), (100, -929)),
    ];
    calls(settings(10.0, 61.0), &two);
}

#[test]
fn row_23_no_ready_replica_counts_as_one() {
    calls(
        settings(10.0, 81.0),
        &[((0.0, 0, 1000.0, 888.0), (10, -969))],
    );
}

#[test]
fn row_25_scale_down_delay() {
    let settings = Settings {
        panic_threshold: 100.0,
        scale_down_delay: secs(300).into(),
        ..settings(10.0, 0.0)
    };
    let rows = [
        (2.0, 40.0, 4),
        (300.0, 0.0, 4),
        (302.0, 0.0, 0),
        (540.0, 40.0, 4),
        (600.0, 30.0, 4),
        (660.0, 0.0, 4),
        (840.0, 0.0, 3),
        (900.0, 0.0, 0),
    ];
    let rows = rows.map(|(now, load, expected)| ((now, 0, load, load), (expected, 0)));
    calls(settings, &rows);
}

#[test]
fn row_27_no_delay_drops_at_once() {
    let settings = Settings {
        panic_threshold: 100.0,
        ..settings(10.0, 0.0)
    };
    calls(
        settings,
        &[
            ((0.0, 0, 40.0, 40.0), (4, 0)),
            ((0.5, 0, 20.0, 20.0), (2, 0)),
        ],
    );
}

#[test]
fn row_29_start_state() {
    for (ready, panicking) in [(0, false), (1, false), (2, true)] {
        let bed = Bed::new(
            settings(100.0, 11.0),
            Start {
                ready,
                ..Start::default()
            },
        );
        assert_eq!(bed.scaler.panicking_since().is_some(), panicking);
        assert_eq!(bed.scaler.most_panic_replicas(), ready);
    }
}

/// Always in the path: no spare capacity is worked out.
#[test]
fn the_gateway_always_in_the_path() {
    let settings = Settings {
        burst_capacity: BurstCapacity::AlwaysInPath,
        ..settings(10.0, 0.0)
    };
    calls(settings, &[((0.0, 5, 50.0, 50.0), (5, -1))]);
}

// Scale to zero: stable window 5 min, grace 60 s. Knative's "active for the window" is our idle delay.

fn calm() -> Settings {
    Settings {
        stable_window: secs(300),
        idle_delay: secs(300).into(),
        grace_period: secs(60),
        ..settings(10.0, 0.0)
    }
}

/// A replica whose last request was at 10 s, and nothing since.
fn idle_at(settings: Settings, now: f64, gateway_since: Option<Moment>) -> u32 {
    let mut bed = Bed::new(settings, Start::default());
    bed.given(10.0, 1, 1.0, 1.0);
    bed.scaler.observe(
        at(now),
        Observation {
            ready: 1,
            gateway_since,
            ..Observation::default()
        },
    );
    bed.scaler
        .averages(
            at(now),
            Averages {
                stable: 0.0,
                panic: 0.0,
            },
        )
        .unwrap();
    bed.scaler.decide(at(now)).replicas
}

#[test]
fn to_zero_active_for_less_than_the_window_stays_and_then_goes() {
    assert_eq!(idle_at(calm(), 309.0, Some(Moment::ZERO)), 1);
    assert_eq!(idle_at(calm(), 310.0, Some(Moment::ZERO)), 0);
}

#[test]
fn to_zero_waits_until_the_gateway_has_been_in_the_path_for_the_grace_period() {
    assert_eq!(idle_at(calm(), 400.0, Some(at(341.0))), 1);
    assert_eq!(idle_at(calm(), 400.0, Some(at(340.0))), 0);
    assert_eq!(idle_at(calm(), 400.0, None), 1);
}

#[test]
fn to_zero_max_and_initial() {
    let mut bed = Bed::new(
        Settings {
            max: Some(8),
            ..calm()
        },
        Start::default(),
    );
    assert_eq!(bed.given(0.0, 1, 100.0, 100.0).replicas, 8);
    let mut bed = Bed::new(
        Settings {
            initial: 2,
            ..calm()
        },
        Start {
            new: true,
            ..Start::default()
        },
    );
    assert_eq!(bed.given(0.0, 0, 10.0, 10.0).replicas, 2);
    // Once it has had two, the load alone counts.
    assert_eq!(bed.given(1.0, 2, 10.0, 10.0).replicas, 1);
}

#[test]
fn to_zero_not_allowed() {
    for min in [1, 2] {
        let mut bed = Bed::new(
            Settings { min, ..calm() },
            Start {
                ready: 1,
                ..Start::default()
            },
        );
        assert_eq!(bed.given(400.0, 10, 0.0, 0.0).replicas, min);
    }
    // Knative's -1, "not known": the present scale.
    let mut bed = Bed::new(
        calm(),
        Start {
            ready: 1,
            ..Start::default()
        },
    );
    bed.now = 400.0;
    bed.observe(10, 0);
    let decision = bed.decide();
    assert_eq!(
        (decision.replicas, decision.decided, decision.mode),
        (10, false, Mode::Stable)
    );
}

// Averages over a window: integrals, so that a full window of one value per second agrees exactly.

#[test]
fn averages_over_a_window_of_five_seconds() {
    let settings = Settings {
        stable_window: secs(5),
        panic_window: secs(5),
        ..settings(10.0, 0.0)
    };
    let mut scaler = Scaler::new(
        Scaling::new(settings).unwrap(),
        Start::default(),
        Moment::ZERO,
    );
    let mut write = |second: u32, value: f64| {
        let now = at(f64::from(second) + 1.0);
        scaler.report(now, &bed::report("a", 1.0, value)).unwrap();
        scaler.decide(now).stable
    };
    assert_eq!(write(0, 1.0), 1.0);
    for (second, value) in [(1, 2.0), (2, 3.0), (3, 4.0)] {
        write(second, value);
    }
    assert_eq!(write(4, 5.0), 3.0);
    // Two seconds of silence are not known to be empty: the mean of what is known, 4 and 5 and 91.
    assert_eq!(write(7, 91.0), 100.0 / 3.0);
    assert_eq!(write(60, 1984.0), 1984.0);
    assert_eq!(write(66, 10.0), 10.0);
}
