// SPDX-License-Identifier: Apache-2.0
//! Requests simulated in a second of one core: with a fixed count (the engine alone) and with the real scaler fed each
//! second, over few and many replicas. `cargo bench -p cheerful-simulator --bench speed`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::time::{Duration, Instant};

use cheerful_scaling::{Concurrency, Moment, Scaling, Settings, Start};
use cheerful_simulator::{
    Arrival, Curve, Law, Model, Ours, Policy, Rng, baselines::Fixed, simulate,
};

const REQUESTS: u32 = 3_000_000;

/// Poisson arrivals with exponential work of 50 ms.
fn load(rate: f64) -> Vec<Arrival> {
    let mut rng = Rng::new(1);
    let work = Law::Exponential(Duration::from_millis(50));
    let mut at = 0.0;
    (0..REQUESTS)
        .map(|_| {
            at += rng.exponential() / rate;
            Arrival {
                at: Moment::from_micros((at * 1e6) as u64),
                work: work.draw(&mut rng),
            }
        })
        .collect()
}

fn ours() -> Ours {
    let scaling = Scaling::new(Settings {
        concurrency: Concurrency::Limit(10),
        ..Settings::classic()
    });
    Ours::new("ours", scaling.unwrap(), Start::default())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time it takes is what is measured"
)]
fn measure(what: &str, load: &[Arrival], model: &Model, policy: &mut dyn Policy) {
    let begin = Instant::now();
    let outcome = simulate(load.iter().copied(), model, policy, 1);
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{what}: {:.2} million requests/s ({:.1} replicas on average, {} decisions, {:.2} % waited > 0.1 s)",
        f64::from(REQUESTS) / seconds / 1e6,
        outcome.mean_replicas(),
        outcome.decisions,
        outcome.long_wait_share() * 100.0,
    );
}

fn main() {
    let model = Model {
        slots: Some(10),
        start_up: Law::Constant(Duration::from_secs(2)),
        ..Model::default()
    };
    let sharing = Model {
        curve: Curve::Sharing(5.0),
        ..model.clone()
    };
    for rate in [1_000.0, 10_000.0] {
        let load = load(rate);
        let fixed = (rate * 0.05 / 7.0) as u32;
        println!("{rate} requests/s of 50 ms, 10 slots per replica:");
        measure("  fixed count", &load, &model, &mut Fixed::new(fixed));
        measure("  ours", &load, &model, &mut ours());
        measure("  ours, processor sharing", &load, &sharing, &mut ours());
    }
}
