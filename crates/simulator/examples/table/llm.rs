// SPDX-License-Identifier: Apache-2.0
//! Two services with a large language model: one bursty, one smooth. Who waits, at no more cost than Knative's.
use std::time::Duration;

use cheerful_scaling::{Concurrency, Policy, Scaling, Settings};
use cheerful_simulator::{
    Arrival, Contender, Law, Model, Outcome,
    baselines::clairvoyant,
    report::{Comparison, Demand, Figures, table},
};

use crate::{
    row::{Row, percent},
    traces,
};

const CODE: &str = "AzureLLMInferenceTrace_code.csv";
const CONV: &str = "AzureLLMInferenceTrace_conv.csv";

pub(crate) fn code_10_s() -> Result<Row, String> {
    waiting(
        "LLM-code, start 10 s",
        CODE,
        10,
        "at most 4 %, at no more cost",
        0.04,
    )
}

pub(crate) fn code_2_s() -> Result<Row, String> {
    waiting(
        "LLM-code, start 2 s",
        CODE,
        2,
        "at most 6 %, at no more cost",
        0.06,
    )
}

pub(crate) fn conv_2_s() -> Result<Row, String> {
    waiting(
        "LLM-conv, start 2 s",
        CONV,
        2,
        "at most 0.5 %, at no more cost",
        0.005,
    )
}

pub(crate) fn conv_10_s() -> Result<Row, String> {
    waiting(
        "LLM-conv, start 10 s",
        CONV,
        10,
        "at most 0.5 %, at no more cost",
        0.005,
    )
}

fn waiting(
    case: &'static str,
    file: &str,
    start_up: u64,
    aim: &'static str,
    most: f64,
) -> Result<Row, String> {
    let (load, summary) = traces::llm(file)?;
    let model = Model {
        slots: Some(SLOTS),
        start_up: Law::Constant(Duration::from_secs(start_up)),
        ..Model::default()
    };
    let mut comparison = compare(case, &load, &model, &with_thrift(&model)?);
    comparison.assumptions.extend(summary.sentences());
    let floor = clairvoyant(load.iter().copied(), &model).replica_seconds;
    let mean = |contender| mean(&contender, &load, &model, floor);
    let (knative, ours) = (mean(Contender::Knative), mean(Contender::Auto));
    Ok(Row {
        case,
        measure: "requests that wait > 0.1 s, and cost (mean of four phases)",
        baseline: knative.told(),
        ours: ours.told(),
        aim,
        reached: ours.waiting_share <= most && ours.cost <= knative.cost,
        details: table(&comparison),
        comparison: Some(comparison),
    })
}

/// All policies, and `auto` with its one knob turned either way.
fn with_thrift(model: &Model) -> Result<Vec<Contender>, String> {
    let mut all = Contender::ALL.to_vec();
    for thrift in [0.25, 0.75] {
        let settings = Settings {
            policy: Policy::Auto,
            thrift,
            concurrency: model.slots.map_or(Concurrency::Multi, Concurrency::Limit),
            ..Settings::default()
        };
        let scaling = Scaling::new(settings).map_err(|faults| format!("{faults:?}"))?;
        all.insert(
            1,
            Contender::Given(format!("auto, thrift {thrift}"), Box::new(scaling)),
        );
    }
    Ok(all)
}

/// On short bursts alone the phase of the ticks within the second moves a share by a tenth: four of them, evenly spread.
const PHASES: [u64; 4] = [0, 250, 500, 750];

struct Mean {
    waiting_share: f64,
    cost: f64,
}

impl Mean {
    fn told(&self) -> String {
        format!("{} at {:.2}x", percent(self.waiting_share), self.cost)
    }
}

fn mean(contender: &Contender, load: &[Arrival], model: &Model, floor: f64) -> Mean {
    let outcomes = PHASES.map(|phase| {
        let model = Model {
            phase: Duration::from_millis(phase),
            ..model.clone()
        };
        contender.run(|| load.iter().copied(), &model, 1)
    });
    let mean = |value: &dyn Fn(&Outcome) -> f64| {
        outcomes.iter().map(value).sum::<f64>() / outcomes.len() as f64
    };
    Mean {
        waiting_share: mean(&Outcome::long_wait_share),
        cost: mean(&|outcome| outcome.replica_seconds / floor),
    }
}

/// Requests that one replica serves at once.
const SLOTS: u32 = 4;

/// All of these policies under one load, two at a time.
pub(crate) fn compare(
    title: &str,
    load: &[Arrival],
    model: &Model,
    contenders: &[Contender],
) -> Comparison {
    let mut demand = Demand::default();
    load.iter().for_each(|arrival| demand.count(arrival));
    let run = |contender: &Contender| contender.run(|| load.iter().copied(), model, 1);
    let (left, right) = contenders.split_at(contenders.len() / 2);
    let each = |some: &[Contender]| some.iter().map(run).collect::<Vec<Outcome>>();
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let left = scope.spawn(|| each(left));
        let right = each(right);
        let mut all = left.join().unwrap_or_default();
        all.extend(right);
        all
    });
    let floor = contenders.iter().zip(&outcomes);
    let floor = floor
        .filter(|(contender, _)| **contender == Contender::Clairvoyant)
        .map(|(_, outcome)| outcome.replica_seconds)
        .next();
    let mut comparison = Comparison::new(
        title.to_owned(),
        demand.figures(),
        model.slots,
        vec![
            format!(
                "a replica takes {:?} until it answers",
                model.start_up.mean()
            ),
            format!(
                "a replica serves {} requests at once",
                model.slots.unwrap_or_default()
            ),
        ],
    );
    comparison.policies = contenders
        .iter()
        .zip(&outcomes)
        .map(|(contender, outcome)| Figures::of(outcome, contender.about(), floor))
        .collect();
    comparison
}
