// SPDX-License-Identifier: Apache-2.0
//! 50 sparse apps of one day: what they pay in cold starts and in memory that idles (RUM), over all and app by app.
use std::{fmt::Write as _, time::Duration};

use cheerful_scaling::Moment;
use cheerful_simulator::{Contender, Law, Model, Outcome};

use crate::{
    row::Row,
    traces::{self, App},
};

/// One cold start in seconds, and the GB-seconds of idle memory that weigh as much as one second (FeMux).
const COLD_START_SECONDS: f64 = 0.808;
const GB_SECONDS_PER_SECOND: f64 = 99.69;

const POLICIES: [Contender; 6] = [
    Contender::Auto,
    Contender::StablePanic,
    Contender::Year2018,
    Contender::Knative,
    Contender::Hpa,
    Contender::Keda,
];

pub(crate) fn sparse() -> Result<Row, String> {
    let (even, evenly) = bill(&traces::sparse_apps(false)?);
    let (chance, by_chance) = bill(&traces::sparse_apps(true)?);
    let both = |index: usize| [even[index], chance[index]];
    let (ours, knative) = (both(0), both(3));
    let share = [ours[0] / knative[0], ours[1] / knative[1]];
    Ok(Row {
        case: "50 sparse apps (Azure 2019), one day",
        measure: "RUM: seconds of cold starts and of idle memory; requests spread within their minute evenly / by chance",
        baseline: format!("{:.0} / {:.0}", knative[0], knative[1]),
        ours: format!(
            "{:.0} / {:.0} ({:.2} / {:.2} of it)",
            ours[0], ours[1], share[0], share[1]
        ),
        aim: "half of it",
        reached: share[0] <= 0.5 && share[1] <= 0.5,
        details: format!("spread evenly\n{evenly}\nspread by chance\n{by_chance}"),
        comparison: None,
    })
}

/// The RUM of each policy, and all figures as text.
fn bill(apps: &[App]) -> ([f64; POLICIES.len()], String) {
    let middle = apps.len() / 2;
    let (left, right) = apps.split_at(middle);
    let each = |apps: &[App]| apps.iter().map(of_app).collect::<Vec<_>>();
    let bills: Vec<[Bill; POLICIES.len()]> = std::thread::scope(|scope| {
        let left = scope.spawn(|| each(left));
        let right = each(right);
        let mut all = left.join().unwrap_or_default();
        all.extend(right);
        all
    });
    let mut details = format!(
        "{:<14}{:>8}{:>8}{:>11}{:>9}{:>9}{:>9}{:>9}\n",
        "policy", "RUM", "cold", "GB-s idle", "p50 app", "p90 app", "p99 app", "worst"
    );
    let mut sums = [0.0; POLICIES.len()];
    for (index, policy) in POLICIES.iter().enumerate() {
        let of_apps = || bills.iter().map(|bills| bills[index]);
        let mut rums: Vec<f64> = of_apps().map(|bill| bill.rum()).collect();
        rums.sort_by(f64::total_cmp);
        let sum: f64 = rums.iter().sum();
        let cold: u64 = of_apps().map(|bill| bill.cold_starts).sum();
        let idle: f64 = of_apps().map(|bill| bill.idle_gb_seconds).sum();
        let quantile = |share: f64| rums[((rums.len() - 1) as f64 * share).round() as usize];
        writeln!(
            details,
            "{:<14}{sum:>8.0}{cold:>8}{idle:>11.0}{:>9.2}{:>9.1}{:>9.1}{:>9.1}",
            policy.to_string(),
            quantile(0.5),
            quantile(0.9),
            quantile(0.99),
            quantile(1.0)
        )
        .ok();
        sums[index] = sum;
    }
    (sums, details)
}

#[derive(Clone, Copy, Default)]
struct Bill {
    cold_starts: u64,
    idle_gb_seconds: f64,
}

impl Bill {
    fn rum(self) -> f64 {
        COLD_START_SECONDS * self.cold_starts as f64 + self.idle_gb_seconds / GB_SECONDS_PER_SECOND
    }
}

fn of_app(app: &App) -> [Bill; POLICIES.len()] {
    let model = Model {
        slots: Some(1),
        start_up: Law::Constant(Duration::from_secs_f64(COLD_START_SECONDS)),
        end: Moment::ZERO.plus(Duration::from_secs(24 * 3600)),
        ..Model::default()
    };
    POLICIES.each_ref().map(|policy| {
        let outcome: Outcome = policy.run(|| app.load.iter().copied(), &model, 1);
        Bill {
            cold_starts: outcome.cold_starts,
            idle_gb_seconds: app.gigabytes * (outcome.replica_seconds - outcome.busy_seconds),
        }
    })
}
