// SPDX-License-Identifier: Apache-2.0
//! The learned target in a closed loop with apps of known behaviour.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::time::Duration;

use cheerful_scaling::{Learned, Moment, Objective, Percentile, Scaling, Settings, Start, Why};
use cheerful_simulator::{Arrival, Curve, Hindrance, Law, Model, Ours, Rng, simulate};

const WORK: Duration = Duration::from_millis(250);

/// A load that rises and falls within 20 minutes, or not at all.
fn load(rate: f64, minutes: f64, swing: f64) -> impl Iterator<Item = Arrival> {
    let mut rng = Rng::new(5);
    let law = Law::Exponential(WORK);
    let mut at = 0.0_f64;
    std::iter::from_fn(move || {
        let phase = at / 1200.0 * std::f64::consts::TAU;
        at += rng.exponential() / (rate * (1.0 + swing * phase.sin()));
        (at < minutes * 60.0).then(|| Arrival {
            at: Moment::from_micros((at * 1e6) as u64),
            work: law.draw(&mut rng),
        })
    })
}

fn learned(
    model: &Model,
    latency: Option<Objective>,
    load: impl Iterator<Item = Arrival>,
) -> (f64, Learned) {
    let settings = Settings {
        latency,
        ..Settings::classic()
    };
    let mut ours = Ours::new("ours", Scaling::new(settings).unwrap(), Start::default());
    simulate(load, model, &mut ours, 1);
    let learned = ours.scaler().learned().unwrap();
    println!("target {:.2}: {learned}", ours.scaler().target());
    (ours.scaler().target(), learned)
}

fn model(curve: Curve) -> Model {
    Model {
        curve,
        start_up: Law::Constant(Duration::from_secs(2)),
        ..Model::default()
    }
}

#[test]
fn two_cores_take_two_to_four_at_once() {
    let (target, learned) = learned(&model(Curve::Sharing(2.0)), None, load(40.0, 90.0, 0.7));
    assert!((1.7..4.0).contains(&target), "{target}");
    assert_eq!(learned.why, Why::Rises);
}

#[test]
fn what_only_waits_for_others_takes_many_more_than_at_first() {
    let (target, learned) = learned(&model(Curve::None), None, load(100.0, 60.0, 0.7));
    assert!(target > 20.0, "{target}");
    assert_eq!(learned.why, Why::Flat);
}

/// Twice as slow for ten minutes, three times, with as many in flight in each replica.
#[test]
fn a_slow_downstream_does_not_lower_it_for_good() {
    let at = |minutes: u64| Moment::from_micros(minutes * 60_000_000);
    let model = Model {
        hindrances: [20, 40, 60]
            .map(|from| Hindrance {
                from: at(from),
                until: at(from + 10),
                speed: 0.5,
            })
            .into(),
        ..model(Curve::None)
    };
    let (target, _) = learned(&model, None, load(100.0, 90.0, 0.7));
    assert!(target > 10.0, "{target}");
}

#[test]
fn under_a_constant_load_it_comes_to_rest() {
    let locks = Curve::Usl {
        alpha: 0.096,
        beta: 0.004,
    };
    let after = |minutes: f64| learned(&model(locks), None, load(80.0, minutes, 0.0)).0;
    let (early, late) = (after(90.0), after(120.0));
    assert!((late / early - 1.0).abs() < 0.101, "{early} then {late}");
}

/// An objective that allows four times the latency of a request that is alone, and more than the budget without one.
#[test]
fn an_objective_takes_the_place_of_the_budget() {
    let cores = model(Curve::Sharing(2.0));
    let objective = Objective {
        percentile: Percentile::P95,
        within: Duration::from_secs(3),
    };
    let (target, learned) = learned(&cores, Some(objective), load(40.0, 90.0, 0.7));
    assert_eq!(learned.objective(), Some(objective));
    assert!((3.0..12.0).contains(&target), "{target}");
}
