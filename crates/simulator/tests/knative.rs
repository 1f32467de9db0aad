// SPDX-License-Identifier: Apache-2.0
//! Pods that a real Knative cluster had at 20 requests/s and six targets, against the simulation.
//!
//! The curve of the replica is fitted to the response times of that cluster; the pods are what is tested. They come out
//! half a pod too many throughout: the decision rounds up, and the measured means show none of that.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::time::Duration;

use cheerful_scaling::Moment;
use cheerful_simulator::{Arrival, Curve, Law, Model, Rng, baselines::Knative, simulate};

/// Target, pods, mean response time in seconds, as measured.
const MEASURED: [(f64, f64, f64); 6] = [
    (1.0, 33.0, 1.18),
    (2.0, 17.3, 1.23),
    (3.0, 13.2, 1.38),
    (5.0, 8.9, 1.51),
    (7.0, 7.3, 1.74),
    (10.0, 6.1, 2.08),
];
const RATE: f64 = 20.0;

#[test]
fn pods_at_six_targets() {
    let mut sum = 0.0;
    for (target, pods, response) in MEASURED {
        let model = Model {
            curve: Curve::Usl {
                alpha: 0.1,
                beta: 0.0045,
            },
            start_up: Law::Constant(Duration::from_secs(2)),
            ..Model::default()
        };
        let mut rng = Rng::new(1);
        let mut at = 0.0;
        let load = (0..200_000).map(|_| {
            at += rng.exponential() / RATE;
            Arrival {
                at: Moment::from_micros((at * 1e6) as u64),
                work: Duration::from_millis(1130),
            }
        });
        let run = simulate(load, &model, &mut Knative::with_target(0.7 * target), 1);
        let ready = run.replica_seconds - run.starting_seconds - run.draining_seconds;
        let found = ready / run.seconds;
        let error = found / pods - 1.0;
        let time = run.latencies.mean().as_secs_f64();
        let fixed_point = RATE * time / (0.7 * target);
        println!(
            "target {target}: {found:.2} pods (measured {pods}, {:+.1} %; by Little's law {fixed_point:.2}), {time:.2} s (measured {response})",
            error * 100.0,
        );
        assert!((time / response - 1.0).abs() < 0.04, "{time}");
        assert!(error.abs() < 0.1, "{error}");
        sum += error.abs();
    }
    let mean = sum / MEASURED.len() as f64;
    println!("mean error {:.1} %", mean * 100.0);
    assert!(mean < 0.05, "{mean}");
}
