// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use serde::Serialize;

use crate::{Outcome, Point};

/// What one policy made of a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Its name, as it is given on the command line.
    pub policy: String,
    /// What it does, in one sentence.
    pub about: String,
    /// Requests that arrived.
    pub requests: u64,
    /// The share of them that waited longer than 0.1 s, from 0 to 1; who was refused counts as one that waited.
    pub waiting_share: f64,
    /// Half of the requests waited less.
    pub p50_wait_seconds: f64,
    /// 99 of 100 waited less.
    pub p99_wait_seconds: f64,
    /// The longest wait.
    pub most_wait_seconds: f64,
    /// Half of the requests were answered within this.
    pub p50_latency_seconds: f64,
    /// 99 of 100 were.
    pub p99_latency_seconds: f64,
    /// Replica-seconds over those of the clairvoyant; absent when it was not run.
    pub cost: Option<f64>,
    /// From the creation of each replica to its end.
    pub replica_seconds: f64,
    /// Of these, with at least one request in it.
    pub busy_seconds: f64,
    /// Over the whole time.
    pub mean_replicas: f64,
    /// At once.
    pub most_replicas: u32,
    /// Replicas started.
    pub starts: u64,
    /// Requests that found no replica ready.
    pub cold_starts: u64,
    /// Requests that were turned away because the hold line was full.
    pub refused: u64,
    /// Requests that were held longer than the limit.
    pub timed_out: u64,
    /// The share of requests that waited longer, for rising lengths.
    pub tail: Vec<Tail>,
    /// Load and replicas over time.
    pub timeline: Vec<Sample>,
}

impl Figures {
    /// The figures of an outcome; the cost is relative to so many replica-seconds.
    #[must_use]
    pub fn of(outcome: &Outcome, about: &str, floor: Option<f64>) -> Self {
        let seconds = |duration: Duration| duration.as_secs_f64();
        Self {
            policy: outcome.policy.clone(),
            about: about.to_owned(),
            requests: outcome.requests,
            waiting_share: outcome.long_wait_share(),
            p50_wait_seconds: seconds(outcome.waits.quantile(0.5)),
            p99_wait_seconds: seconds(outcome.waits.quantile(0.99)),
            most_wait_seconds: seconds(outcome.waits.max()),
            p50_latency_seconds: seconds(outcome.latencies.quantile(0.5)),
            p99_latency_seconds: seconds(outcome.latencies.quantile(0.99)),
            cost: floor
                .filter(|floor| *floor > 0.0)
                .map(|floor| outcome.replica_seconds / floor),
            replica_seconds: outcome.replica_seconds,
            busy_seconds: outcome.busy_seconds,
            mean_replicas: outcome.mean_replicas(),
            most_replicas: outcome.most_replicas,
            starts: outcome.starts,
            cold_starts: outcome.cold_starts,
            refused: outcome.refused,
            timed_out: outcome.timed_out,
            tail: tail(outcome),
            timeline: timeline(outcome),
        }
    }
}

/// The waits at which the tail is read: eight to a decade from 1 ms to 1,000 s, 0.1 s among them.
fn tail(outcome: &Outcome) -> Vec<Tail> {
    (0..=48)
        .map(|step| {
            let wait = Duration::from_secs_f64(0.001 * 10_f64.powf(f64::from(step) / 8.0));
            Tail {
                seconds: wait.as_secs_f64(),
                share: outcome.waits.share_above(wait),
            }
        })
        .collect()
}

fn timeline(outcome: &Outcome) -> Vec<Sample> {
    let points: Vec<_> = outcome.timeline.points().collect();
    let together = points.len().div_ceil(SAMPLES).max(1);
    points
        .chunks(together)
        .map(|points| {
            let mean = |value: fn(&Point) -> f64| {
                points.iter().map(value).sum::<f64>() / points.len() as f64
            };
            Sample {
                seconds: points.first().map_or(0.0, |point| point.at),
                in_flight: mean(|point| point.in_flight + point.held),
                replicas: mean(|point| point.ready + point.starting + point.draining),
            }
        })
        .collect()
}

/// Samples of a timeline at most: more cannot be seen.
const SAMPLES: usize = 2048;

/// One point of the tail of the waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tail {
    /// A wait.
    pub seconds: f64,
    /// The share of requests that waited longer, from 0 to 1.
    pub share: f64,
}

/// The mean over a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When the stretch begins, since the start of the load.
    pub seconds: f64,
    /// Requests in flight or held.
    pub in_flight: f64,
    /// Replicas, those that start or drain too.
    pub replicas: f64,
}
