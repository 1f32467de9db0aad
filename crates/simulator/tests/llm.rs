// SPDX-License-Identifier: Apache-2.0
//! Knative on the Azure LLM traces: the shares and costs that an independent small replay gave.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::{path::PathBuf, time::Duration};

use cheerful_scaling::Moment;
use cheerful_simulator::{
    Arrival, Law, Model, Outcome,
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

#[test]
fn knative_on_the_llm_traces() {
    for name in ["conv", "code"] {
        let Some(text) = trace(&format!("AzureLLMInferenceTrace_{name}.csv")) else {
            return;
        };
        let load = llm(&text);
        for start_up in [2, 10] {
            let model = Model {
                slots: Some(4),
                start_up: Law::Constant(Duration::from_secs(start_up)),
                ..Model::default()
            };
            let floor = clairvoyant(load.iter().copied(), &model);
            println!(
                "LLM-{name}, {start_up} s: clairvoyant {:.0} replica-seconds, of them starting {:.0}, {} starts; mean in flight {:.2}",
                floor.replica_seconds,
                floor.starting_seconds,
                floor.starts,
                floor.request_seconds / floor.seconds,
            );
            let show = |policy: &mut Knative| -> Outcome {
                let run = simulate(load.iter().copied(), &model, policy, 1);
                println!(
                    "  {}: waits > 0.1 s {:.2} %, p99 {:.2} s, {:.2}x ({:.3} of it draining, {:.3} starting), {} starts",
                    run.policy,
                    run.long_wait_share() * 100.0,
                    run.waits.quantile(0.99).as_secs_f64(),
                    run.cost_against(&floor),
                    run.draining_seconds / run.replica_seconds,
                    run.starting_seconds / run.replica_seconds,
                    run.starts
                );
                run
            };
            show(&mut Knative::of_slots(4, 0.7));
            show(&mut Knative::of_slots(4, 0.6));
            show(&mut Knative::of_slots(4, 0.5));
            show(&mut Knative::of_slots(4, 0.7).scale_down_delay(Duration::from_secs(300)));
        }
    }
}
