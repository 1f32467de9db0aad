// SPDX-License-Identifier: Apache-2.0
//! Waits in a queue whose answer is known: M/M/c by Erlang's C formula.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::time::Duration;

use cheerful_scaling::Moment;
use cheerful_simulator::{Arrival, Curve, Law, Model, Outcome, Rng, baselines::Fixed, simulate};

/// Poisson arrivals with exponential work.
fn poisson(rate: f64, mean: Duration, requests: u32, seed: u64) -> impl Iterator<Item = Arrival> {
    let mut rng = Rng::new(seed);
    let law = Law::Exponential(mean);
    let mut at = 0.0;
    (0..requests).map(move |_| {
        at += rng.exponential() / rate;
        Arrival {
            at: Moment::from_micros((at * 1e6) as u64),
            work: law.draw(&mut rng),
        }
    })
}

/// The probability to wait with `servers` servers and `load` erlangs.
fn erlang_c(servers: u32, load: f64) -> f64 {
    let mut blocked = 1.0;
    for server in 1..=servers {
        blocked = load * blocked / (f64::from(server) + load * blocked);
    }
    let use_of = load / f64::from(servers);
    blocked / (1.0 - use_of * (1.0 - blocked))
}

const REQUESTS: u32 = 1_000_000;

/// Mean over eight seeds of a million requests each: (share that waits, mean wait in seconds).
fn measured(model: &Model, replicas: u32, rate: f64, mean: Duration) -> (f64, f64) {
    let runs: Vec<Outcome> = (1..=8)
        .map(|seed| {
            let load = poisson(rate, mean, REQUESTS, seed);
            simulate(load, model, &mut Fixed::new(replicas), seed)
        })
        .collect();
    let mean =
        |value: &dyn Fn(&Outcome) -> f64| runs.iter().map(value).sum::<f64>() / runs.len() as f64;
    let waited = |run: &Outcome| run.held as f64 / run.requests as f64;
    let wait = |run: &Outcome| run.waits.mean().as_secs_f64();
    (mean(&waited), mean(&wait))
}

/// `c` slots in `replicas` replicas, held at the gateway.
fn row(slots: u32, replicas: u32, use_of: f64) {
    let mean = Duration::from_millis(100);
    let servers = slots * replicas;
    let load = use_of * f64::from(servers);
    let model = Model {
        slots: Some(slots),
        ..Model::default()
    };
    let rate = load / mean.as_secs_f64();
    let (waited, wait) = measured(&model, replicas, rate, mean);
    let expected = erlang_c(servers, load);
    let expected_wait = expected * mean.as_secs_f64() / (f64::from(servers) - load);
    println!(
        "M/M/{servers} at {use_of}: waits {waited:.5} (Erlang C {expected:.5}), {:.3} ms ({:.3} ms)",
        wait * 1e3,
        expected_wait * 1e3
    );
    assert!(
        (waited / expected - 1.0).abs() < 0.01,
        "{waited} {expected}"
    );
    assert!(
        (wait / expected_wait - 1.0).abs() < 0.01,
        "{wait} {expected_wait}"
    );
}

#[test]
fn one_server() {
    row(1, 1, 0.7);
}

#[test]
fn ten_servers_in_five_replicas() {
    row(2, 5, 0.8);
}

#[test]
fn a_hundred_servers() {
    row(4, 25, 0.9);
}

/// The mean time in an M/M/1 with processor sharing is that of one served in order; and it does not depend on the
/// law of the work.
#[test]
fn processor_sharing() {
    let mean = Duration::from_millis(100);
    let model = Model {
        curve: Curve::Sharing(1.0),
        ..Model::default()
    };
    let load = poisson(7.0, mean, REQUESTS, 3);
    let run = simulate(load, &model, &mut Fixed::new(1), 3);
    let found = run.latencies.mean().as_secs_f64();
    let expected = 0.1 / (1.0 - 0.7);
    println!(
        "processor sharing: {:.2} ms ({:.2} ms)",
        found * 1e3,
        expected * 1e3
    );
    assert!((found / expected - 1.0).abs() < 0.02, "{found}");
}

#[test]
fn workers_inside_a_replica_are_the_same_queue() {
    let mean = Duration::from_millis(100);
    let model = Model {
        curve: Curve::Workers(4),
        ..Model::default()
    };
    let load = poisson(32.0, mean, REQUESTS, 5);
    let run = simulate(load, &model, &mut Fixed::new(1), 5);
    let expected = 0.1 + erlang_c(4, 3.2) * 0.1 / (4.0 - 3.2);
    let found = run.latencies.mean().as_secs_f64();
    println!(
        "4 workers: {:.2} ms ({:.2} ms)",
        found * 1e3,
        expected * 1e3
    );
    assert_eq!(run.held, 0);
    assert!((found / expected - 1.0).abs() < 0.02, "{found}");
}
