// SPDX-License-Identifier: Apache-2.0
//! The scenarios of the first version (2018), to the number.
mod bed;
use bed::{Bed, plain};
use cheerful_scaling::{Settings, Start, Target};

type Series = ((f64, f64), u32, u32);

/// Each series, then a decision with the pods of that series ready: expected replicas and `decided`.
fn steps(target: f64, steps: &[(&[Series], u32, bool)]) {
    // Once with the platform's news at the decision only, once with it as it happens.
    for told_as_it_happens in [false, true] {
        let settings = Settings {
            min: 1,
            target: Target::PerReplica(target),
            ..plain()
        };
        let mut bed = Bed::new(settings, Start::default());
        for (series, expected, decided) in steps {
            for (values, seconds, pods) in *series {
                if told_as_it_happens {
                    bed.observe(*pods, 0);
                }
                bed.series(*values, *seconds, 0..*pods);
                bed.observe(*pods, 0);
            }
            let decision = bed.decide();
            let found = (decision.replicas, decision.decided);
            assert_eq!(found, (*expected, *decided), "{}", decision.sentence());
        }
    }
}

#[test]
fn row_01_no_data_no_autoscale() {
    let mut bed = Bed::new(Settings { min: 1, ..plain() }, Start::default());
    assert!(!bed.decide().decided);
    // The present scale is held.
    bed.observe(7, 0);
    let decision = bed.decide();
    assert_eq!((decision.replicas, decision.decided), (7, false));
}

#[test]
fn row_02_stable_no_change() {
    steps(10.0, &[(&[((10.0, 10.0), 60, 10)], 10, true)]);
}

#[test]
fn row_03_stable_slow_increase() {
    steps(10.0, &[(&[((10.0, 20.0), 60, 10)], 15, true)]);
}

#[test]
fn row_04_stable_slow_decrease() {
    steps(10.0, &[(&[((20.0, 10.0), 60, 10)], 15, true)]);
}

#[test]
fn row_05_stable_low_pod_count_no_change() {
    steps(10.0, &[(&[((10.0, 10.0), 60, 1)], 1, true)]);
}

#[test]
fn row_06_stable_no_traffic_scale_to_one() {
    steps(10.0, &[(&[((0.0, 0.0), 60, 2)], 1, true)]);
}

#[test]
fn row_07_panic_double_pod_count() {
    steps(
        10.0,
        &[(&[((10.0, 10.0), 60, 10), ((20.0, 20.0), 6, 10)], 20, true)],
    );
}

#[test]
fn row_08_panic_exponential() {
    let rise = (1.0, 10.0);
    steps(
        1.0,
        &[
            (&[(rise, 6, 1)], 6, true),
            (&[(rise, 6, 6)], 36, true),
            (&[(rise, 6, 36)], 216, true),
            (&[(rise, 6, 216)], 1296, true),
            (&[((1.0, 1.0), 6, 1296)], 1296, true),
        ],
    );
}

#[test]
fn row_09_panic_then_calm_and_down() {
    steps(
        10.0,
        &[
            (&[((10.0, 10.0), 60, 10)], 10, true),
            (&[((100.0, 100.0), 6, 10)], 100, true),
            (&[((1.0, 1.0), 30, 100)], 100, true),
            (&[((1.0, 1.0), 31, 100)], 10, true),
        ],
    );
}

#[test]
fn row_10_nothing_older_than_the_stable_window_is_kept() {
    let mut bed = Bed::new(Settings { min: 1, ..plain() }, Start::default());
    bed.observe(1, 0);
    bed.run(60, 0..1, 10.0);
    let decision = bed.decide();
    assert_eq!((decision.replicas, decision.decided), (1, true));
    assert_eq!(bed.scaler.seconds_seen(), 60);
    bed.now += 60.0;
    let decision = bed.decide();
    assert_eq!((decision.replicas, decision.decided), (1, false));
    assert_eq!(bed.scaler.seconds_seen(), 0);
}
