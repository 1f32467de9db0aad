// SPDX-License-Identifier: Apache-2.0
//! Twenty measured runs on AWS Lambda (pacslab/simfaas, MIT): replicas and cold starts against the simulation.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::{path::PathBuf, time::Duration};

use cheerful_scaling::Moment;
use cheerful_simulator::{Arrival, Law, Model, Rng, baselines::PerRequest, simulate};

struct Measured {
    rate: f64,
    warm: Duration,
    cold: Duration,
    instances: f64,
    cold_share: f64,
    cold_error: f64,
}

fn measured() -> Option<Vec<Measured>> {
    let folder = std::env::var_os("CHEERFUL_TRACES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces"),
        PathBuf::from,
    );
    let name = "simfaas_aws_lambda_20_experiments.csv";
    let Ok(text) = std::fs::read_to_string(folder.join(name)) else {
        println!("skipped: no {name} in CHEERFUL_TRACES or ../shared/traces");
        return None;
    };
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<f64> = line
            .split(',')
            .skip(1)
            .map(|field| field.parse().unwrap())
            .collect();
        Measured {
            rate: fields[0],
            warm: Duration::from_secs_f64(fields[1] / 1e3),
            cold: Duration::from_secs_f64(fields[2] / 1e3),
            instances: fields[4],
            cold_share: fields[6],
            cold_error: fields[7],
        }
    });
    Some(rows.collect())
}

/// Poisson arrivals of constant work, as in the measurement; as many as give a thousand cold starts.
fn load(row: &Measured) -> impl Iterator<Item = Arrival> {
    let (rate, work) = (row.rate, row.warm);
    let mut rng = Rng::new(11);
    let mut at = 0.0;
    (0..(COLD_STARTS / row.cold_share) as u64).map(move |_| {
        at += rng.exponential() / rate;
        Arrival {
            at: Moment::from_micros((at * 1e6) as u64),
            work,
        }
    })
}

const COLD_STARTS: f64 = 1000.0;

#[test]
fn replicas_and_cold_starts_of_aws_lambda() {
    let Some(rows) = measured() else { return };
    let mut errors = Errors::default();
    for row in &rows {
        let model = Model {
            slots: Some(1),
            start_up: Law::Constant(row.cold.saturating_sub(row.warm)),
            ..Model::default()
        };
        let idle_delay = Duration::from_secs(600);
        let run = simulate(load(row), &model, &mut PerRequest::new(idle_delay), 1);
        let share = run.held as f64 / run.requests as f64;
        let replicas = run.mean_replicas() / row.instances - 1.0;
        let cold = share / row.cold_share - 1.0;
        let uncertain = row.cold_error / row.cold_share;
        println!(
            "{:.4}/s: {:.3} replicas (measured {:.3}, {:+.1} %), cold {share:.5} (measured {:.5} +- {:.0} %, {:+.1} %)",
            row.rate,
            run.mean_replicas(),
            row.instances,
            replicas * 100.0,
            row.cold_share,
            uncertain * 100.0,
            cold * 100.0
        );
        errors.add(replicas, cold, uncertain);
    }
    let (replicas, cold) = (errors.replicas / errors.rows, errors.cold / errors.rows);
    let bias = errors.weighed / errors.weights;
    println!(
        "mean error of replicas {:.2} %, of the cold-start probability {:.1} %, where the measurement's own standard \
         error is {:.1} %; weighed by it the cold-start probability is {:+.1} % off",
        replicas * 100.0,
        cold * 100.0,
        errors.uncertain / errors.rows * 100.0,
        bias * 100.0
    );
    assert!(replicas < 0.03, "{replicas}");
    assert!(cold < 0.14, "{cold}");
    assert!(bias.abs() < 0.1, "{bias}");
}

#[derive(Default)]
struct Errors {
    rows: f64,
    replicas: f64,
    cold: f64,
    uncertain: f64,
    weighed: f64,
    weights: f64,
}

impl Errors {
    fn add(&mut self, replicas: f64, cold: f64, uncertain: f64) {
        self.rows += 1.0;
        self.replicas += replicas.abs();
        self.cold += cold.abs();
        self.uncertain += uncertain;
        let weight = uncertain.powi(-2);
        self.weighed += weight * cold;
        self.weights += weight;
    }
}
