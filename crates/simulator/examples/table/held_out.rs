// SPDX-License-Identifier: Apache-2.0
//! Loads that nobody looked at while the policy was made: other days, other sizes and starts, and synthetic ones. They are
//! told as they come; who changes the policy for the sake of one of them has to find another.
use std::{fmt::Write as _, time::Duration};

use cheerful_scaling::Moment;
use cheerful_simulator::{Arrival, Contender, Law, Model, Outcome, Rng, baselines::clairvoyant};

use crate::{
    row::{Row, percent},
    traces, worldcup,
};

struct Load {
    name: &'static str,
    slots: u32,
    /// Seconds.
    start_up: u64,
    arrivals: Vec<Arrival>,
}

pub(crate) fn held_out() -> Result<Row, String> {
    let loads = loads()?;
    let mut details = format!(
        "{:<52}{:>18}{:>18}{:>18}\n",
        "waited, cost", "auto", "stable-panic", "knative"
    );
    let (mut fewer, mut dominated) = (0, 0);
    for load in &loads {
        let [auto, classic, knative] = measure(load);
        let less = auto.waited <= knative.waited;
        fewer += usize::from(less);
        dominated += usize::from(less && auto.cost <= knative.cost);
        let [auto, classic, knative] = [auto, classic, knative].map(Measured::told);
        let name = load.name;
        writeln!(details, "{name:<52}{auto:>18}{classic:>18}{knative:>18}").ok();
    }
    let all = loads.len();
    Ok(Row {
        case: "held out: loads never looked at while tuning",
        measure: "on how many fewer wait than under Knative, and on how many of them at no more cost",
        baseline: format!("{all} loads"),
        ours: format!("{fewer}, {dominated}"),
        aim: "fewer on each",
        reached: fewer == all,
        details,
        comparison: None,
    })
}

#[derive(Clone, Copy)]
struct Measured {
    waited: f64,
    cost: f64,
}

impl Measured {
    fn told(self) -> String {
        format!("{} {:.2}x", percent(self.waited), self.cost)
    }
}

fn measure(load: &Load) -> [Measured; 3] {
    let model = Model {
        slots: Some(load.slots),
        start_up: Law::Constant(Duration::from_secs(load.start_up)),
        ..Model::default()
    };
    let arrivals = || load.arrivals.iter().copied();
    let floor = clairvoyant(arrivals(), &model).replica_seconds;
    [Contender::Auto, Contender::StablePanic, Contender::Knative].map(|contender| {
        let outcome: Outcome = contender.run(arrivals, &model, 1);
        Measured {
            waited: outcome.long_wait_share(),
            cost: outcome.replica_seconds / floor,
        }
    })
}

fn loads() -> Result<Vec<Load>, String> {
    let load = |name, slots, start_up, arrivals| Load {
        name,
        slots,
        start_up,
        arrivals,
    };
    let (code, _) = traces::llm("AzureLLMInferenceTrace_code.csv")?;
    let (conv, _) = traces::llm("AzureLLMInferenceTrace_conv.csv")?;
    let days = traces::worldcup(8..12)?;
    let on_off = |at: f64| if on(at) { 30.0 } else { 0.0 };
    let wave = |at: f64| 20.0 - 20.0 * (at / 7200.0 * std::f64::consts::TAU).cos();
    let crowd = |at: f64| if at % 1800.0 < 1500.0 { 5.0 } else { 50.0 };
    Ok(vec![
        load("LLM-code, 8 slots, start 30 s", 8, 30, code),
        load("LLM-conv, 1 slot, start 5 s", 1, 5, conv),
        load(
            "WorldCup98, days 8 to 11, start 30 s",
            4,
            30,
            worldcup::load(&days).collect(),
        ),
        load("Poisson, 20/s, start 5 s", 4, 5, by_chance(|_| 20.0, 11)),
        load("Poisson, 0.05/s, start 5 s", 1, 5, by_chance(|_| 0.05, 12)),
        load("on and off, 30/s, start 5 s", 10, 5, by_chance(on_off, 13)),
        load(
            "on and off, 30/s, start 30 s",
            10,
            30,
            by_chance(on_off, 13),
        ),
        load(
            "a wave of 2 h, 0 to 40/s, start 30 s",
            4,
            30,
            by_chance(wave, 14),
        ),
        load(
            "5/s, ten times that for 5 min in 30, start 20 s",
            4,
            20,
            by_chance(crowd, 15),
        ),
    ])
}

/// On for 20 to 60 s of each 200 s or so.
fn on(at: f64) -> bool {
    let (turn, within) = ((at / 200.0).floor(), at % 200.0);
    within < 20.0 + 40.0 * ((turn * 0.618).fract())
}

/// Six hours of requests of half a second (log-normal), so many per second, by chance.
fn by_chance(rate: impl Fn(f64) -> f64, seed: u64) -> Vec<Arrival> {
    const SECONDS: f64 = 6.0 * 3600.0;
    const MOST: f64 = 50.0;
    let mut rng = Rng::new(seed);
    let law = Law::LogNormal {
        mu: -0.98,
        sigma: 0.76,
    };
    let mut at = 0.0;
    let mut arrivals = Vec::new();
    loop {
        // Thinning: of the most that may come, the share that does.
        at += rng.exponential() / MOST;
        if at >= SECONDS {
            return arrivals;
        }
        if rng.unit() * MOST < rate(at) {
            arrivals.push(Arrival {
                at: Moment::ZERO.plus(Duration::from_secs_f64(at)),
                work: law.draw(&mut rng),
            });
        }
    }
}
