// SPDX-License-Identifier: Apache-2.0
//! One seed gives one result, to the bit; and nobody is lost on the way.
#![allow(missing_docs, clippy::unwrap_used)]
use std::time::Duration;

use cheerful_scaling::{Concurrency, Moment, Observation, Report, Scaling, Settings, Start};
use cheerful_simulator::{
    Arrival, Choice, Curve, Hindrance, Hold, Law, Model, Neighbours, Ours, Outcome, Pauses, Policy,
    Reporting, Rng, Waiting,
    baselines::{Hpa, Keda, Knative, PerRequest, Year2018},
    simulate,
};
use proptest::prelude::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Bursts and silences.
fn load(requests: u32, seed: u64) -> Vec<Arrival> {
    let mut rng = Rng::new(seed);
    let work = Law::LogNormal {
        mu: -1.0,
        sigma: 1.0,
    };
    let mut at = 0.0;
    (0..requests)
        .map(|number| {
            let mean = if number % 500 < 400 { 0.02 } else { 1.0 };
            at += rng.exponential() * mean;
            Arrival {
                at: Moment::from_micros((at * 1e6) as u64),
                work: work.draw(&mut rng),
            }
        })
        .collect()
}

/// All that a model can have at once.
fn rough() -> Model {
    Model {
        slots: Some(6),
        curve: Curve::Sharing(4.0),
        start_up: Law::LogNormal {
            mu: 0.3,
            sigma: 1.3,
        },
        scaling: Law::Exponential(Duration::from_millis(300)),
        crash: Some(Law::Exponential(secs(300))),
        hold: Hold {
            requests: 200,
            wait: secs(20),
        },
        ready: 1,
        recalls: true,
        pauses: Some(Pauses {
            every: Law::Exponential(secs(30)),
            length: Law::Uniform(Duration::from_millis(10), Duration::from_millis(300)),
        }),
        neighbours: Some(Neighbours {
            every: Law::Exponential(secs(60)),
            length: Law::Exponential(secs(20)),
            speed: 0.4,
        }),
        hindrances: vec![Hindrance {
            from: Moment::from_micros(60_000_000),
            until: Moment::from_micros(120_000_000),
            speed: 0.5,
        }],
        phase: Duration::from_millis(370),
        reports_after: Duration::from_millis(250),
        end: Moment::ZERO,
    }
}

fn policies() -> Vec<Box<dyn Policy>> {
    let ours = |name, settings| {
        let concurrency = Concurrency::Limit(6);
        let scaling = Scaling::new(Settings {
            concurrency,
            ..settings
        });
        let start = Start {
            ready: 1,
            ..Start::default()
        };
        Box::new(Ours::new(name, scaling.unwrap(), start))
    };
    vec![
        ours("auto", Settings::default()),
        ours("stable-panic", Settings::classic()),
        Box::new(Knative::of_slots(6, 0.7)),
        Box::new(Year2018::with_target(4.0)),
        Box::new(Hpa::with_target(4.0)),
        Box::new(Keda::with_target(4.0)),
        Box::new(PerRequest::new(secs(60))),
    ]
}

/// What must hold of every outcome.
fn check(outcome: &Outcome) {
    let ended = outcome.answered + outcome.refused + outcome.timed_out + outcome.failed;
    assert_eq!(ended, outcome.requests, "{}", outcome.policy);
    assert!(outcome.cold_starts <= outcome.held);
    assert!(outcome.long_waits <= outcome.waits.count());
    assert!(outcome.busy_seconds <= outcome.replica_seconds);
    assert!(outcome.starting_seconds + outcome.draining_seconds <= outcome.replica_seconds);
    let step = outcome.timeline.step().as_secs_f64();
    let arrivals: f64 = outcome.timeline.points().map(|point| point.arrivals).sum();
    if outcome.seconds % step == 0.0 {
        assert!((arrivals * step - outcome.requests as f64).abs() < 0.5);
    }
}

#[test]
fn the_same_seed_gives_the_same_result_to_the_bit() {
    let run = |seed| -> Vec<Outcome> {
        let through = |mut policy: Box<dyn Policy>| {
            simulate(load(20_000, 3), &rough(), policy.as_mut(), seed)
        };
        policies().into_iter().map(through).collect()
    };
    let first = run(1);
    assert_eq!(first, run(1));
    first.iter().for_each(check);
    for (one, other) in first.iter().zip(&run(2)) {
        assert_ne!(one.replica_seconds, other.replica_seconds, "{}", one.policy);
    }
}

#[test]
fn no_report_of_the_simulator_is_refused() {
    let scaling = Scaling::new(Settings::default()).unwrap();
    let mut ours = Ours::new("ours", scaling, Start::default());
    let model = Model {
        ready: 0,
        ..rough()
    };
    simulate(load(20_000, 4), &model, &mut ours, 1);
    assert_eq!(ours.refused(), 0);
}

/// The same policy, but one that never rests.
struct Restless(Ours);

impl Policy for Restless {
    fn name(&self) -> String {
        self.0.name()
    }
    fn reporting(&self) -> Reporting {
        self.0.reporting()
    }
    fn report(&mut self, now: Moment, report: &Report) {
        self.0.report(now, report);
    }
    fn holding(&mut self, now: Moment, waiting: &Waiting) {
        self.0.holding(now, waiting);
    }
    fn observe(&mut self, now: Moment, observation: Observation) {
        self.0.observe(now, observation);
    }
    fn tick(&self) -> Duration {
        self.0.tick()
    }
    fn wants_decision_now(&self, now: Moment) -> bool {
        self.0.wants_decision_now(now)
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        self.0.decide(now)
    }
    fn burst_threshold(&self) -> f64 {
        self.0.burst_threshold()
    }
    fn choice(&self) -> Choice {
        self.0.choice()
    }
}

#[test]
fn leaving_out_the_ticks_of_one_at_rest_changes_nothing() {
    // Pauses that outlast what each policy keeps the last replica for.
    at_rest(&Settings::classic(), 200.0);
    at_rest(&Settings::default(), 2_000.0);
}

fn at_rest(settings: &Settings, pause: f64) {
    let mut rng = Rng::new(9);
    let mut at = 0.0;
    let sparse: Vec<Arrival> = (0..300)
        .map(|_| {
            at += rng.exponential() * pause;
            Arrival {
                at: Moment::from_micros((at * 1e6) as u64),
                work: secs(2),
            }
        })
        .collect();
    let model = Model {
        ready: 0,
        ..rough()
    };
    let ours = || {
        Ours::new(
            "ours",
            Scaling::new(settings.clone()).unwrap(),
            Start::default(),
        )
    };
    let mut lazy = simulate(sparse.iter().copied(), &model, &mut ours(), 1);
    let restless = simulate(sparse, &model, &mut Restless(ours()), 1);
    assert!(lazy.decisions < restless.decisions / 2);
    assert!(lazy.starts > 50);
    lazy.decisions = restless.decisions;
    assert_eq!(lazy, restless);
}

#[test]
fn a_silence_of_fifty_years_takes_no_time() {
    let arrival = |seconds: u64| Arrival {
        at: Moment::from_micros(seconds * 1_000_000),
        work: secs(1),
    };
    let load = [arrival(1), arrival(1_600_000_000)];
    let scaling = Scaling::new(Settings::default()).unwrap();
    let mut ours = Ours::new("ours", scaling, Start::default());
    let outcome = simulate(load, &Model::default(), &mut ours, 1);
    assert_eq!((outcome.answered, outcome.cold_starts), (2, 2));
    assert!(outcome.decisions < 1000);
}

#[test]
fn an_empty_load_costs_nothing() {
    let model = Model {
        end: Moment::from_micros(60_000_000),
        ..Model::default()
    };
    let outcome = simulate([], &model, &mut Keda::with_target(4.0), 1);
    assert_eq!((outcome.requests, outcome.replica_seconds), (0, 0.0));
    assert_eq!(outcome.seconds, 60.0);
}

#[test]
fn who_gets_no_replica_is_given_up_at_the_limit() {
    let arrival = Arrival {
        at: Moment::from_micros(1_000_000),
        work: secs(1),
    };
    let model = Model {
        hold: Hold {
            requests: 2,
            wait: secs(10),
        },
        start_up: Law::Constant(secs(60)),
        ..Model::default()
    };
    let outcome = simulate([arrival; 3], &model, &mut Knative::with_target(1.0), 1);
    assert_eq!((outcome.refused, outcome.timed_out), (1, 2));
    assert_eq!(outcome.long_wait_share(), 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the model, each request comes to one end, and the sums fit.
    #[test]
    fn every_request_comes_to_one_end(
        seed in 0_u64..1000,
        slots in prop::option::of(1_u32..8),
        start_up in 0_u64..40,
        recalls in any::<bool>(),
        crashes in any::<bool>(),
        scaling in 0_u64..7,
    ) {
        let model = Model {
            slots,
            start_up: Law::Constant(secs(start_up)),
            recalls,
            scaling: Law::Constant(secs(scaling)),
            crash: crashes.then_some(Law::Exponential(secs(20))),
            ..rough()
        };
        for mut policy in policies() {
            check(&simulate(load(1000, seed), &model, policy.as_mut(), seed));
        }
    }
}
