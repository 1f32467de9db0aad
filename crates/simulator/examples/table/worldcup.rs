// SPDX-License-Identifier: Apache-2.0
//! The World Cup's site of 1998, days 30 to 75: in how many minutes were there too few replicas, at what cost.
//!
//! 1.26 thousand million requests of 0.1 s are taken as 1 in 50 that takes 5 s, evenly spread within each minute: the
//! same load. A replica serves 4 at once and takes a minute to start. A minute is short when the work that comes in
//! it is more than the replicas that are ready can do.
use std::{fmt::Write as _, time::Duration};

use cheerful_scaling::{Concurrency, Moment, Scaling, Settings, Start};
use cheerful_simulator::{Arrival, Law, Model, Ours, Policy, baselines, simulate};

use crate::{
    row::{Row, percent},
    traces,
    watched::Watched,
};

const ONE_IN: u64 = 50;
const WORK: Duration = Duration::from_secs(5);
const SLOTS: u32 = 4;

pub(crate) fn worldcup() -> Result<Row, String> {
    let minutes = traces::worldcup(30..76)?;
    let model = Model {
        slots: Some(SLOTS),
        start_up: Law::Constant(Duration::from_secs(60)),
        ..Model::default()
    };
    let floor = baselines::clairvoyant(load(&minutes), &model).replica_seconds;
    let ours = |settings: Settings| {
        let scaling = Scaling::new(Settings {
            concurrency: Concurrency::Limit(SLOTS),
            ..settings
        });
        scaling
            .map(|scaling| Ours::new("", scaling, Start::default()))
            .map_err(|faults| format!("{faults:?}"))
    };
    let with_thrift = |thrift| {
        let policy = cheerful_scaling::Policy::Auto;
        let settings = Settings {
            policy,
            thrift,
            ..Settings::default()
        };
        Ok::<_, String>(Watched::new(ours(settings)?, Duration::ZERO))
    };
    let mut auto = with_thrift(Settings::default().thrift)?;
    let mut thrifty = with_thrift(0.75)?;
    let mut knative = Watched::new(baselines::Knative::of_slots(SLOTS, 0.7), Duration::ZERO);
    let (ours, thrifty, knative) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| shortfall(&minutes, &model, &mut knative, floor));
        let ours = shortfall(&minutes, &model, &mut auto, floor);
        let thrifty = shortfall(&minutes, &model, &mut thrifty, floor);
        (ours, thrifty, theirs.join().unwrap_or_default())
    });
    let mut details = String::new();
    for (name, one) in [
        ("auto", ours),
        ("auto, thrift 0.75", thrifty),
        ("knative", knative),
    ] {
        writeln!(
            details,
            "{name:<18}{:>7} of minutes short at {:.3}x; {:>6} of requests waited",
            percent(one.short),
            one.cost,
            percent(one.waited)
        )
        .ok();
    }
    let told = |one: Shortfall| format!("{} at {:.2}x", percent(one.short), one.cost);
    Ok(Row {
        case: "WorldCup98, days 30 to 75, start 60 s",
        measure: "minutes short, and cost",
        baseline: told(knative),
        ours: told(ours),
        aim: "at most 1 % at 1.10x",
        reached: ours.short <= 0.01 && ours.cost <= 1.10,
        details,
        comparison: None,
    })
}

#[derive(Clone, Copy, Default)]
struct Shortfall {
    short: f64,
    cost: f64,
    waited: f64,
}

fn shortfall<P: Policy>(
    minutes: &[u64],
    model: &Model,
    policy: &mut Watched<P>,
    floor: f64,
) -> Shortfall {
    let outcome = simulate(load(minutes), model, policy, 1);
    let short = minutes
        .iter()
        .zip(policy.ready_seconds.iter().chain(std::iter::repeat(&0.0)))
        .filter(|(count, ready)| {
            let work = **count as f64 / ONE_IN as f64 * WORK.as_secs_f64();
            work > **ready * f64::from(SLOTS)
        });
    Shortfall {
        short: short.count() as f64 / minutes.len() as f64,
        cost: outcome.replica_seconds / floor,
        waited: outcome.long_wait_share(),
    }
}

pub(crate) fn load(minutes: &[u64]) -> impl Iterator<Item = Arrival> {
    let mut carried = 0;
    minutes.iter().enumerate().flat_map(move |(minute, count)| {
        let all = count + carried;
        let here = all / ONE_IN;
        carried = all % ONE_IN;
        (0..here).map(move |number| {
            let second =
                Watched::<Ours>::MINUTE * (minute as f64 + (number as f64 + 0.5) / here as f64);
            Arrival {
                at: Moment::from_micros((second * 1e6) as u64),
                work: WORK,
            }
        })
    })
}
