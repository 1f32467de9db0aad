// SPDX-License-Identifier: Apache-2.0
//! Knative on the Azure LLM traces: the shares and costs that an independent small replay gave.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::{path::PathBuf, time::Duration};

use cheerful_scaling::Moment;
use cheerful_simulator::{
    Arrival, Law, Model,
    baselines::{Knative, clairvoyant},
    simulate,
};

/// Where the traces are, if they are.
fn trace(name: &str) -> Option<String> {
    let folder = std::env::var_os("CHEERFUL_TRACES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join(name)).ok();
    if text.is_none() {
        println!("skipped: no {name} in CHEERFUL_TRACES or ../shared/traces");
    }
    text
}

/// `2023-11-16 18:17:03.9799600,4808,10`: 50 ms + 0.15 ms for each context token + 20 ms for each generated one.
fn llm(text: &str) -> Vec<Arrival> {
    let mut first = None;
    text.lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.trim().split(',');
            let clock = fields.next().unwrap().split(' ').nth(1).unwrap();
            let parts: Vec<f64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
            let seconds = parts[0] * 3600.0 + parts[1] * 60.0 + parts[2];
            let since = seconds - *first.get_or_insert(seconds);
            let context: f64 = fields.next().unwrap().parse().unwrap();
            let generated: f64 = fields.next().unwrap().parse().unwrap();
            let millis = 50.0 + 0.15 * context + 20.0 * generated;
            Arrival {
                at: Moment::from_micros((since * 1e6).round() as u64),
                work: Duration::from_secs_f64(millis / 1e3),
            }
        })
        .collect()
}

/// Start-up in seconds, share of the slots aimed for; what the small replay gave: share of requests that waited longer
/// than 0.1 s, cost in times of the clairvoyant's.
type Row = (u64, f64, f64, f64);

/// Phases of the reports and decisions against the load, over the 2 s of a decision: bursts of a few seconds fall
/// differently, and a share of 26 % goes from 25 to 28 %.
const PHASES: u64 = 20;

fn compare(name: &str, rows: &[Row]) {
    let Some(text) = trace(&format!("AzureLLMInferenceTrace_{name}.csv")) else {
        return;
    };
    let load = llm(&text);
    for (start_up, share, waited, cost) in rows {
        let mut model = Model {
            slots: Some(4),
            start_up: Law::Constant(Duration::from_secs(*start_up)),
            ..Model::default()
        };
        let floor = clairvoyant(load.iter().copied(), &model);
        let (mut waits, mut costs, mut starts) = (0.0, 0.0, 0);
        for phase in 0..PHASES {
            model.phase = Duration::from_millis(2000 / PHASES * phase);
            let mut policy = Knative::of_slots(4, *share);
            let run = simulate(load.iter().copied(), &model, &mut policy, 1);
            waits += run.long_wait_share() / PHASES as f64;
            costs += run.cost_against(&floor) / PHASES as f64;
            starts += run.starts;
        }
        println!(
            "LLM-{name}, start {start_up} s, Knative {:.0} %: {:.2} % wait > 0.1 s (replay {:.2} %), {costs:.3}x (replay {cost:.2}x), {} starts",
            share * 100.0,
            waits * 100.0,
            waited * 100.0,
            starts / PHASES,
        );
        assert!((waits - waited).abs() < 0.12 * waited + 0.001);
        assert!((costs / cost - 1.0).abs() < 0.06);
    }
}

#[test]
fn knative_on_the_smooth_trace() {
    let rows = [
        (2, 0.7, 0.034, 1.24),
        (2, 0.6, 0.0045, 1.43),
        (2, 0.5, 0.0006, 1.70),
        (10, 0.7, 0.050, 1.13),
    ];
    compare("conv", &rows);
}

#[test]
fn knative_on_the_bursty_trace() {
    compare("code", &[(2, 0.7, 0.259, 4.08), (10, 0.7, 0.375, 5.79)]);
}
