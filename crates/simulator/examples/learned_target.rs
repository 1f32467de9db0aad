// SPDX-License-Identifier: Apache-2.0
//! Six apps of known behaviour: the target that is learned against the best fixed one, found by trying them all.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::time::Duration;

use cheerful_scaling::{Concurrency, Memory, Moment, Scaling, Settings, Start, Target};
use cheerful_simulator::{
    Arrival, Curve, Hindrance, Law, Model, Neighbours, Ours, Outcome, Pauses, Rng, simulate,
};

struct App {
    name: &'static str,
    model: Model,
    limit: Option<u32>,
    /// Requests per second on average.
    rate: f64,
}

const HOURS: f64 = 3.0;
const WORK: Duration = Duration::from_millis(250);

fn apps() -> Vec<App> {
    let model = |curve| Model {
        curve,
        start_up: Law::Constant(Duration::from_secs(2)),
        ..Model::default()
    };
    let at = |minutes: f64| Moment::from_micros((minutes * 60e6) as u64);
    let app = |name, curve, rate| App {
        name,
        model: model(curve),
        limit: None,
        rate,
    };
    let workers = app("M/M/c: 8 workers inside", Curve::Workers(8), 160.0);
    let mut slots = app("M/M/c: hard limit 8", Curve::None, 160.0);
    slots.model.slots = Some(8);
    slots.limit = Some(8);
    let sharing = app("processor sharing, 2 cores", Curve::Sharing(2.0), 40.0);
    let one = app("processor sharing, 1 core", Curve::Sharing(1.0), 20.0);
    let usl = Curve::Usl {
        alpha: 0.096,
        beta: 0.004,
    };
    let locks = app("lock-bound (USL)", usl, 80.0);
    let io = app("IO-bound", Curve::None, 200.0);
    let mut pauses = app(
        "pauses (200 ms each 10 s), 4 cores",
        Curve::Sharing(4.0),
        80.0,
    );
    pauses.model.pauses = Some(Pauses {
        every: Law::Constant(Duration::from_secs(10)),
        length: Law::Constant(Duration::from_millis(200)),
    });
    let mut slow = app(
        "slow downstream (twice, 20 min), 4 cores",
        Curve::Sharing(4.0),
        80.0,
    );
    slow.model.hindrances = [40.0, 90.0, 140.0]
        .map(|from| Hindrance {
            from: at(from),
            until: at(from + 20.0),
            speed: 0.5,
        })
        .into();
    let mut io_slow = app(
        "slow downstream (twice, 20 min), IO-bound",
        Curve::None,
        200.0,
    );
    io_slow.model.hindrances = slow.model.hindrances.clone();
    let mut neighbours = app(
        "noisy neighbours (half as fast, 1 min in 5), 4 cores",
        Curve::Sharing(4.0),
        80.0,
    );
    neighbours.model.neighbours = Some(Neighbours {
        every: Law::Exponential(Duration::from_secs(240)),
        length: Law::Exponential(Duration::from_secs(60)),
        speed: 0.5,
    });
    vec![
        workers, slots, one, sharing, locks, io, pauses, slow, io_slow, neighbours,
    ]
}

/// A load that rises and falls within 40 minutes, with a burst now and then.
fn load(rate: f64, constant: bool, seed: u64) -> impl Iterator<Item = Arrival> {
    let mut rng = Rng::new(seed);
    let law = Law::Exponential(WORK);
    let mut at = 0.0_f64;
    std::iter::from_fn(move || {
        let phase = at / 2400.0 * std::f64::consts::TAU;
        let burst = if at % 613.0 < 45.0 { 1.5 } else { 1.0 };
        let now = if constant {
            rate
        } else {
            rate * (1.0 + 0.7 * phase.sin()) * burst
        };
        at += rng.exponential() / now;
        (at < HOURS * 3600.0).then(|| Arrival {
            at: Moment::from_micros((at * 1e6) as u64),
            work: law.draw(&mut rng),
        })
    })
}

/// A run, with what was learned before.
fn run(app: &App, target: Target, constant: bool, memory: Option<&Memory>) -> (Outcome, Ours) {
    let scaling = Scaling::new(Settings {
        target,
        concurrency: app.limit.map_or(Concurrency::Multi, Concurrency::Limit),
        ..Settings::default()
    })
    .unwrap();
    let mut ours = Ours::new("ours", scaling, Start::default());
    if let Some(memory) = memory {
        ours.recall(memory, Duration::ZERO).unwrap();
    }
    let outcome = simulate(load(app.rate, constant, 1), &app.model, &mut ours, 1);
    (outcome, ours)
}

fn slowdown(outcome: &Outcome) -> f64 {
    outcome.latencies.mean().as_secs_f64() / WORK.as_secs_f64()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let constant = words.iter().any(|word| word == "constant");
    let verbose = words.iter().any(|word| word == "verbose");
    let only = words
        .iter()
        .find(|word| *word != "constant" && *word != "verbose");
    println!(
        "app | target | latency, of alone | cost, of the best fixed at that latency | best fixed within 1.5: target, latency, cost | learning: latency, cost"
    );
    for app in apps() {
        if only.is_some_and(|only| !app.name.contains(only.as_str())) {
            continue;
        }
        let (learning, ours) = run(&app, Target::Auto, constant, None);
        let memory = ours.scaler().remember();
        let (learned, ours) = run(&app, Target::Auto, constant, memory.as_ref());
        let mut frontier = Vec::new();
        for step in -2..17 {
            let target = 2.0_f64.powf(f64::from(step) / 2.0);
            if app.limit.is_some_and(|limit| target > f64::from(limit)) {
                continue;
            }
            let (outcome, _) = run(&app, Target::PerReplica(target), constant, None);
            if verbose {
                println!(
                    "  {target:6.2}: cost {:7.0} latency {:6.2} long waits {:.4}",
                    outcome.replica_seconds,
                    slowdown(&outcome),
                    outcome.long_wait_share()
                );
            }
            frontier.push((target, slowdown(&outcome), outcome.replica_seconds));
        }
        let cheapest = |latency: f64| {
            let fine = frontier.iter().filter(|(_, other, _)| *other <= latency);
            *fine
                .min_by(|a, b| a.2.total_cmp(&b.2))
                .unwrap_or(&frontier[0])
        };
        let at_same = cheapest(slowdown(&learned) * 1.005);
        let best = cheapest(1.5);
        println!(
            "{} | {:.2} | {:.2} | {:.3} (target {:.2}) | {:.2}, {:.2}, {:.3} | {:.2}, {:.3} | {} | changes {} then {}",
            app.name,
            ours.scaler().target(),
            slowdown(&learned),
            learned.replica_seconds / at_same.2,
            at_same.0,
            best.0,
            best.1,
            learned.replica_seconds / best.2,
            slowdown(&learning),
            learning.replica_seconds / best.2,
            ours.scaler()
                .learned()
                .map_or(String::new(), |learned| learned.to_string()),
            learning.changes,
            learned.changes,
        );
    }
}
