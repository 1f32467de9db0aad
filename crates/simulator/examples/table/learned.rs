// SPDX-License-Identifier: Apache-2.0
//! Apps of known behaviour: the target that is learned against the best fixed one, found by trying them all.
use std::{fmt::Write as _, time::Duration};

use cheerful_scaling::{Concurrency, Memory, Scaling, Settings, Start, Target};
use cheerful_simulator::{Ours, Outcome, simulate};

use crate::{
    apps::{App, WORK, apps, load},
    row::Row,
};

pub(crate) fn learned() -> Result<Row, String> {
    let apps = apps();
    let (left, right) = apps.split_at(apps.len() / 2);
    let each = |apps: &[App]| apps.iter().map(measure).collect::<Result<Vec<_>, _>>();
    let measured: Vec<Measured> = std::thread::scope(|scope| {
        let left = scope.spawn(|| each(left));
        let right = each(right)?;
        let mut all = left.join().map_err(|_| "a run failed")??;
        all.extend(right);
        Ok::<_, String>(all)
    })?;
    let mut details = format!(
        "{:<54}{:>9}{:>9}{:>8}{:>14}\n{:<54}{:>9}{:>9}{:>8}{:>14}\n",
        "app",
        "learned",
        "latency",
        "cost",
        "fixed at 70",
        "",
        "target",
        "x alone",
        "x best",
        "latency, cost"
    );
    for (app, one) in apps.iter().zip(&measured) {
        writeln!(
            details,
            "{:<54}{:>9.1}{:>9.2}{:>8.3}{:>14}",
            app.name,
            one.target,
            one.latency,
            one.cost,
            format!("{:.1}, {:.2}", one.default_latency, one.default_cost)
        )
        .ok();
    }
    let dearest = |cost: &dyn Fn(&Measured) -> f64| {
        let all = apps.iter().zip(&measured);
        all.map(|(app, one)| (app.name, cost(one)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default()
    };
    let ours = dearest(&|one| one.cost);
    let slowest = dearest(&|one| one.default_latency);
    Ok(Row {
        case: "synthetic apps: learned target",
        measure: "cost, times that of the best fixed target with the same latency",
        baseline: format!(
            "100 x 70 %: latency {:.1}x alone ({})",
            slowest.1, slowest.0
        ),
        ours: format!("at most {:.3} ({})", ours.1, ours.0),
        aim: "at most 1.05",
        reached: ours.1 <= 1.05,
        details,
        comparison: None,
    })
}

/// What was found for one app; costs in times of the best fixed target that is no slower.
#[derive(Clone, Copy)]
struct Measured {
    target: f64,
    latency: f64,
    cost: f64,
    default_latency: f64,
    default_cost: f64,
}

/// What Knative aims for where nobody says anything: 70 % of 100.
const DEFAULT_TARGET: f64 = 70.0;

fn measure(app: &App) -> Result<Measured, String> {
    // An app that has been seen for a while: what was learned in a first run is kept, as over a restart.
    let (_, ours) = run(app, Target::Auto, None)?;
    let memory = ours.scaler().remember();
    let (learned, ours) = run(app, Target::Auto, memory.as_ref())?;
    let limit = app.limit.map_or(f64::INFINITY, f64::from);
    let mut fixed = Vec::new();
    for step in -2..17 {
        let target = 2.0_f64.powf(f64::from(step) / 2.0);
        if target <= limit {
            let (outcome, _) = run(app, Target::PerReplica(target), None)?;
            fixed.push((slowdown(&outcome), outcome.replica_seconds));
        }
    }
    let (by_default, _) = run(app, Target::PerReplica(DEFAULT_TARGET.min(limit)), None)?;
    let latency = slowdown(&learned);
    let best = cheapest(&fixed, latency);
    Ok(Measured {
        target: ours.scaler().target(),
        latency,
        cost: learned.replica_seconds / best,
        default_latency: slowdown(&by_default),
        default_cost: by_default.replica_seconds / best,
    })
}

/// The least cost among targets with at most this latency; between two targets that were tried, the straight line.
fn cheapest(fixed: &[(f64, f64)], latency: f64) -> f64 {
    let tried = fixed.iter().filter(|(other, _)| *other <= latency);
    let between = fixed.windows(2).filter_map(|pair| {
        let [(fast, dear), (slow, cheap)] = [pair[0], pair[1]];
        let inside = fast < latency && latency < slow;
        inside.then(|| dear + (cheap - dear) * (latency - fast) / (slow - fast))
    });
    let least = tried.map(|(_, cost)| *cost).chain(between);
    let dearest = || fixed.iter().map(|(_, cost)| *cost).fold(0.0, f64::max);
    least.reduce(f64::min).unwrap_or_else(dearest)
}

fn run(app: &App, target: Target, memory: Option<&Memory>) -> Result<(Outcome, Ours), String> {
    let scaling = Scaling::new(Settings {
        target,
        concurrency: app.limit.map_or(Concurrency::Multi, Concurrency::Limit),
        ..Settings::classic()
    });
    let scaling = scaling.map_err(|faults| format!("{faults:?}"))?;
    let mut ours = Ours::new("ours", scaling, Start::default());
    if let Some(memory) = memory {
        let recalled = ours.recall(memory, Duration::ZERO);
        recalled.map_err(|why| why.to_string())?;
    }
    let outcome = simulate(load(app.rate, 1), &app.model, &mut ours, 1);
    Ok((outcome, ours))
}

fn slowdown(outcome: &Outcome) -> f64 {
    outcome.latencies.mean().as_secs_f64() / WORK.as_secs_f64()
}
