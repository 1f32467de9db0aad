// SPDX-License-Identifier: Apache-2.0
//! From zero, 200 requests at once, replicas that take 20 s to start: how many are started.
use std::time::Duration;

use cheerful_scaling::Moment;
use cheerful_simulator::{Arrival, Contender, Law, Model, report::table};

use crate::{llm::compare, row::Row};

pub(crate) fn from_zero() -> Result<Row, String> {
    let load = [Arrival {
        at: Moment::ZERO.plus(Duration::from_secs(10)),
        work: Duration::from_secs(1),
    }; 200];
    let model = Model {
        slots: Some(10),
        start_up: Law::Constant(Duration::from_secs(20)),
        end: Moment::ZERO.plus(Duration::from_secs(600)),
        ..Model::default()
    };
    let policies = [
        Contender::Auto,
        Contender::StablePanic,
        Contender::Year2018,
        Contender::Knative,
        Contender::Hpa,
        Contender::Keda,
        Contender::Clairvoyant,
    ];
    let comparison = compare(
        "From zero, 200 requests at once, start 20 s",
        &load,
        &model,
        &policies,
    );
    let most = |name: &str| {
        let one = comparison.policies.iter().find(|one| one.policy == name);
        one.map(|one| one.most_replicas)
            .ok_or("a policy is missing")
    };
    let (knative, ours, clairvoyant) = (most("knative")?, most("auto")?, most("clairvoyant")?);
    let times = |replicas: u32| {
        format!(
            "{replicas} replicas, {:.2}x",
            f64::from(replicas) / f64::from(clairvoyant)
        )
    };
    Ok(Row {
        case: "200 requests at once from zero, start 20 s, 10 slots, 1 s each",
        measure: "most replicas, times the clairvoyant's",
        baseline: times(knative),
        ours: times(ours),
        aim: "at most 1.2x",
        reached: f64::from(ours) <= 1.2 * f64::from(clairvoyant),
        details: table(&comparison),
        comparison: Some(comparison),
    })
}
