// SPDX-License-Identifier: Apache-2.0
//! What a decision costs with 1,000 replicas that report, and how many bytes the history takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::{hint::black_box, time::Duration};

use cheerful_scaling::{Moment, Observation, Report, Scaler, Scaling, Settings, Start};
use criterion::{Criterion, criterion_group, criterion_main};

const REPLICAS: u32 = 1000;

fn report(replica: u32, second: u64) -> Report {
    Report {
        replica: format!("replica-{replica}"),
        sequence: Some(second),
        age_seconds: 0.0,
        seconds: 1.0,
        request_seconds: f64::from(replica % 17),
        waiting_seconds: 0.0,
        requests: 20,
        refused: 0,
        in_flight: None,
        latency: None,
    }
}

/// A scaler that has seen a whole stable window.
fn busy(stable_window: u64) -> (Scaler, Moment) {
    let stable_window = Duration::from_secs(stable_window);
    let scaling = Scaling::new(Settings {
        stable_window,
        ..Settings::default()
    })
    .unwrap();
    let mut scaler = Scaler::new(scaling, Start::default(), Moment::ZERO);
    scaler.observe(
        Moment::ZERO,
        Observation {
            ready: REPLICAS,
            ..Observation::default()
        },
    );
    let mut now = Moment::ZERO;
    for second in 0..stable_window.as_secs() + 2 {
        now = now.plus(Duration::from_secs(1));
        for replica in 0..REPLICAS {
            scaler.report(now, &report(replica, second)).unwrap();
        }
    }
    (scaler, now)
}

fn benches(criterion: &mut Criterion) {
    for stable_window in [60, 3600] {
        let (mut scaler, mut now) = busy(stable_window);
        println!(
            "history of {stable_window} s: {} bytes",
            scaler.history_bytes()
        );
        criterion.bench_function(&format!("decide, {stable_window} s window"), |bencher| {
            bencher.iter(|| black_box(scaler.decide(now)));
        });
        let mut sequence = stable_window + 2;
        let mut reports: Vec<Report> = (0..REPLICAS).map(|replica| report(replica, 0)).collect();
        let mut next = 0;
        criterion.bench_function(&format!("report, {stable_window} s window"), |bencher| {
            bencher.iter(|| {
                if next == reports.len() {
                    next = 0;
                    sequence += 1;
                    now = now.plus(Duration::from_secs(1));
                }
                reports[next].sequence = Some(sequence);
                scaler.report(now, &reports[next]).unwrap();
                next += 1;
            });
        });
    }
}

criterion_group!(decide, benches);
criterion_main!(decide);
