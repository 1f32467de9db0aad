// SPDX-License-Identifier: Apache-2.0
//! A constant load on an app whose requests slow each other, with a target at which latency is over twice that of one
//! alone: how often the count changes after two hours, in one more.
use std::time::Duration;

use cheerful_scaling::{Moment, Scaling, Settings, Start};
use cheerful_simulator::{Arrival, Curve, Law, Model, Ours, Policy, baselines::Knative, simulate};

use crate::{row::Row, watched::Watched};

/// Requests per second.
const RATE: u64 = 80;
const HOURS: u64 = 3;
const SETTLED: Duration = Duration::from_secs(2 * 3600);
/// Latency there is 2.2 times that of one alone.
const KNATIVE_TARGET: f64 = 10.0;

pub(crate) fn constant() -> Result<Row, String> {
    let ours = |policy| {
        let settings = Settings {
            policy,
            ..Settings::default()
        };
        let scaling = Scaling::new(settings).map_err(|faults| format!("{faults:?}"))?;
        Ok::<_, String>(Ours::new("", scaling, Start::default()))
    };
    let auto = steps(ours(cheerful_scaling::Policy::Auto)?);
    let classic = steps(ours(cheerful_scaling::Policy::StablePanic)?);
    let knative = steps(Knative::with_target(KNATIVE_TARGET));
    let told = |steps: usize| format!("{steps} steps");
    Ok(Row {
        case: "constant load, lock-bound app",
        measure: "steps in the third hour",
        baseline: told(knative),
        ours: told(auto),
        aim: "at most 1",
        reached: auto <= 1,
        details: format!(
            "auto {auto} steps, stable-panic {classic} steps, knative {knative} steps\n"
        ),
        comparison: None,
    })
}

fn steps(policy: impl Policy) -> usize {
    let load = (0..RATE * HOURS * 3600).map(|number| Arrival {
        at: Moment::from_micros(number * 1_000_000 / RATE),
        work: Duration::from_millis(250),
    });
    let model = Model {
        curve: Curve::Usl {
            alpha: 0.096,
            beta: 0.004,
        },
        start_up: Law::Constant(Duration::from_secs(2)),
        ..Model::default()
    };
    let mut watched = Watched::new(policy, SETTLED);
    simulate(load, &model, &mut watched, 1);
    watched.steps
}
