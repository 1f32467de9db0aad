// SPDX-License-Identifier: Apache-2.0
//! What a second policy would have cost, as it is estimated beside the one that acts, against a simulation of that policy
//! alone on the same load.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::{path::PathBuf, time::Duration};

use cheerful_scaling::{
    Bill, Compared, Concurrency, Moment, Observation, Policy as Rule, Report, Scaling, Settings,
    Shadow, Start, Target,
};
use cheerful_simulator::{
    Arrival, Choice, Law, Model, Ours, Outcome, Policy, Reporting, Rng, Waiting, simulate,
};

/// A policy that acts, and one beside it.
struct Beside {
    acting: Ours,
    shadow: Shadow,
    now: Moment,
}

impl Beside {
    fn new(acting: Scaling, shadow: Scaling) -> Self {
        let start = Start::default();
        let acting = Ours::new("acting", acting, start);
        let shadow = Shadow::new(shadow, Ours::TICK, acting.scaler(), Moment::ZERO);
        Self {
            acting,
            shadow,
            now: Moment::ZERO,
        }
    }
}

impl Policy for Beside {
    fn name(&self) -> String {
        self.acting.name()
    }
    fn reporting(&self) -> Reporting {
        self.acting.reporting()
    }
    fn report(&mut self, now: Moment, report: &Report) {
        self.now = now;
        self.acting.report(now, report);
        self.shadow.report(now, report, self.acting.scaler());
    }
    fn holding(&mut self, now: Moment, waiting: &Waiting) {
        self.now = now;
        self.acting.holding(now, waiting);
        (self.shadow).holding(now, waiting.holding, self.acting.scaler());
    }
    fn observe(&mut self, now: Moment, observation: Observation) {
        self.acting.observe(now, observation);
        self.shadow.observe(now, observation, self.acting.scaler());
    }
    fn tick(&self) -> Duration {
        self.acting.tick()
    }
    fn wants_decision_now(&self, now: Moment) -> bool {
        self.acting.wants_decision_now(now)
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        let wanted = self.acting.decide(now);
        self.shadow.advance(now, self.acting.scaler());
        wanted
    }
    fn is_at_rest(&self, now: Moment) -> bool {
        self.acting.is_at_rest(now) && self.shadow.is_at_rest()
    }
    fn burst_threshold(&self) -> f64 {
        self.acting.burst_threshold()
    }
    fn choice(&self) -> Choice {
        self.acting.choice()
    }
}

fn settings(rule: Rule, slots: u32, target: Target) -> Scaling {
    Scaling::new(Settings {
        policy: rule,
        target,
        concurrency: Concurrency::Limit(slots),
        ..Settings::default()
    })
    .unwrap()
}

/// By how much an estimate may be off: its cost by a share of the simulated one, and of those who wait a share of all
/// requests, or a quarter of those who wait, where that is more. With some room, for each change of a policy makes other runs.
#[derive(Clone, Copy)]
struct Bound {
    cost: f64,
    waits: f64,
}

/// What a policy alone comes to.
struct Alone {
    replica_seconds: f64,
    long_wait_share: f64,
    requests: u64,
}

/// A policy alone, on average over runs whose reports and decisions come at other parts of the second: from one such run to
/// the next its cost differs by up to a tenth, for a report that comes half a second later can change all that follows.
fn alone(scaling: &Scaling, load: &[Arrival], model: &Model, parts: &[u64]) -> Alone {
    let runs: Vec<Outcome> = parts
        .iter()
        .map(|millis| {
            let model = Model {
                phase: Duration::from_millis(*millis),
                ..model.clone()
            };
            let mut policy = Ours::new("", scaling.clone(), Start::default());
            simulate(load.iter().copied(), &model, &mut policy, 1)
        })
        .collect();
    let mean = |of: fn(&Outcome) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
    Alone {
        replica_seconds: mean(|run| run.replica_seconds),
        long_wait_share: mean(Outcome::long_wait_share),
        requests: runs[0].requests,
    }
}

/// Runs both, prints how far each estimate is off, and wants it to be within the bound.
fn check(
    name: &str,
    load: &[Arrival],
    model: &Model,
    target: Target,
    rules: (Rule, Rule),
    bound: Bound,
) {
    let (acts, beside) = rules;
    let slots = model.slots.unwrap();
    let (acting, shadow) = (
        settings(acts, slots, target),
        settings(beside, slots, target),
    );
    let mut both = Beside::new(acting.clone(), shadow.clone());
    let with_both = simulate(load.iter().copied(), model, &mut both, 1);
    let acting = alone(&acting, load, model, &[0]);
    let shadow = alone(&shadow, load, model, &[0, 250, 500, 750]);
    assert_eq!(with_both.replica_seconds, acting.replica_seconds);
    let compared = both.shadow.compared();
    println!(
        "{name}: {acts:?} acts, {beside:?} beside it; {} requests, {:.0} estimated; measured to wait {:.0} request-seconds",
        acting.requests, compared.requests, compared.measured_waiting_seconds
    );
    for (who, bill, run) in [
        ("acting", compared.acting, &acting),
        ("shadow", compared.shadow, &shadow),
    ] {
        println!(
            "  {who}: {:.0} replica-seconds ({:+.1} % of the simulated {:.0}), {:.2} % wait (simulated {:.2} %), {} starts, {:.0} cold starts",
            bill.replica_seconds,
            (bill.replica_seconds / run.replica_seconds - 1.0) * 100.0,
            run.replica_seconds,
            compared.long_wait_share(&bill) * 100.0,
            run.long_wait_share * 100.0,
            bill.starts,
            bill.cold_starts,
        );
    }
    let requests = compared.requests / acting.requests as f64;
    assert!((requests - 1.0).abs() < 0.07, "{requests}");
    let true_cost = Bound {
        cost: 0.015,
        ..bound
    };
    is_near(&compared, &compared.acting, &acting, true_cost);
    is_near(&compared, &compared.shadow, &shadow, bound);
}

/// Where few requests come, one in ten may be off.
fn is_near(compared: &Compared, bill: &Bill, run: &Alone, bound: Bound) {
    let cost = bill.replica_seconds / run.replica_seconds;
    assert!((cost - 1.0).abs() <= bound.cost, "cost {cost}");
    let (estimated, simulated) = (compared.long_wait_share(bill), run.long_wait_share);
    let least = if run.requests < 1000 {
        0.1
    } else {
        bound.waits
    };
    let apart = (estimated - simulated).abs();
    assert!(
        apart < (simulated / 4.0).max(least),
        "{estimated} {simulated}"
    );
}

fn model(slots: u32, start_up: f64) -> Model {
    Model {
        slots: Some(slots),
        start_up: Law::Constant(Duration::from_secs_f64(start_up)),
        ..Model::default()
    }
}

/// Requests that come by chance, so many in a second as `rate` says of it, for so long, each of a mean length.
fn by_chance(seconds: u64, mean: f64, rate: impl Fn(u64) -> f64) -> Vec<Arrival> {
    let mut chance = Rng::stream(7, 1);
    let mut load = Vec::new();
    for second in 0..seconds {
        let rate = rate(second);
        let mut at = 0.0;
        loop {
            at += chance.exponential() / rate.max(1e-9);
            if at >= 1.0 {
                break;
            }
            load.push(Arrival {
                at: Moment::from_micros(second * 1_000_000 + (at * 1e6) as u64),
                work: Duration::from_secs_f64(mean * chance.exponential()),
            });
        }
    }
    load
}

/// Where the traces are, if they are.
fn llm(name: &str) -> Option<Vec<Arrival>> {
    let folder = std::env::var_os("CHEERFUL_TRACES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(folder.join(name)) else {
        println!("skipped: no {name} in CHEERFUL_TRACES or ../shared/traces");
        return None;
    };
    let mut first = None;
    let arrivals = text.lines().skip(1).map(|line| {
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
    });
    Some(arrivals.collect())
}

const BOTH: [(Rule, Rule); 4] = [
    (Rule::Auto, Rule::StablePanic),
    (Rule::StablePanic, Rule::Auto),
    (Rule::Auto, Rule::Auto),
    (Rule::StablePanic, Rule::StablePanic),
];

#[test]
fn on_real_traces() {
    for (name, file, cost) in [
        ("LLM-code", "AzureLLMInferenceTrace_code.csv", 0.2),
        ("LLM-conv", "AzureLLMInferenceTrace_conv.csv", 0.05),
    ] {
        let Some(load) = llm(file) else { return };
        let bound = Bound { cost, waits: 0.01 };
        for start_up in [2.0, 10.0] {
            let name = format!("{name}, start {start_up} s");
            for rules in BOTH {
                let model = model(4, start_up);
                check(&name, &load, &model, Target::Auto, rules, bound);
            }
        }
    }
}

#[test]
fn on_loads_by_chance() {
    let waves = by_chance(3600, 0.4, |second| {
        30.0 + 25.0 * (second as f64 / 600.0 * std::f64::consts::TAU).sin()
    });
    let sparse = by_chance(7200, 0.2, |second| if second % 400 < 5 { 1.0 } else { 0.0 });
    for rules in BOTH {
        for (name, load, waits) in [("waves", &waves, 0.015), ("sparse", &sparse, 0.1)] {
            let bound = Bound { cost: 0.05, waits };
            check(name, load, &model(10, 3.0), Target::Auto, rules, bound);
        }
    }
}

/// Each so many seconds, so long, so many requests per second, and so many in between.
const BURSTS: [(u64, u64, f64, f64); 7] = [
    (200, 60, 35.0, 4.0),
    (100, 30, 35.0, 4.0),
    (60, 10, 60.0, 2.0),
    (300, 20, 100.0, 1.0),
    (600, 120, 20.0, 0.5),
    (30, 10, 20.0, 2.0),
    (200, 60, 200.0, 10.0),
];

fn bursts((every, long, high, low): (u64, u64, f64, f64)) -> (String, Vec<Arrival>) {
    let name = format!("{high}/s for {long} s in each {every} s, else {low}/s");
    let rate = |second| if second % every < long { high } else { low };
    (name, by_chance(3600, 0.4, rate))
}

#[test]
fn on_square_bursts() {
    let bound = Bound {
        cost: 0.15,
        waits: 0.01,
    };
    for (name, load) in BURSTS.map(bursts) {
        for acts in [Rule::Auto, Rule::StablePanic] {
            let rules = (acts, Rule::Auto);
            check(&name, &load, &model(10, 3.0), Target::Auto, rules, bound);
        }
    }
}

/// With a learned one it would be of what the policy that acts lets a replica show.
#[test]
fn on_square_bursts_with_a_given_target() {
    let bound = Bound {
        cost: 0.25,
        waits: 0.05,
    };
    let target = Target::PerReplica(7.0);
    for (name, load) in BURSTS.map(bursts) {
        for acts in [Rule::Auto, Rule::StablePanic] {
            let rules = (acts, Rule::StablePanic);
            check(&name, &load, &model(10, 3.0), target, rules, bound);
        }
    }
}
