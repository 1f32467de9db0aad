// SPDX-License-Identifier: Apache-2.0
//! One load through each source of requests in flight: how far the average is off what the queue itself reports, and how
//! long a step of ten times takes to a decision. In virtual time, by the code that reads and decides.
//!
//!     cargo run -p cheerful-signals --example sources
#![allow(clippy::print_stdout, reason = "a command that prints its result")]

use std::{collections::BTreeMap, time::Duration};

use cheerful_manifest::SignalSpec;
use cheerful_scaling::{
    Moment, Observation, Report, Scaler, Scaling, Settings, Start, Target as Aim,
};
use cheerful_signals::{
    Told,
    knative::Stat,
    meter::Figures,
    scrape::{Answer, Pace, Pacing, Said, Slots, Target},
};
use prost::Message as _;
use serde_json::json;

const PODS: usize = 4;
/// Until the step, in seconds.
const STEADY: f64 = 200.0;
/// After it.
const AFTER: f64 = 5.0;
/// Mean duration of a request.
const MEAN: f64 = 0.25;
/// Requests in flight in each pod on average.
const IN_FLIGHT: f64 = 5.0;
const STEPS: u64 = 40;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    println!(
        "{PODS} pods, {IN_FLIGHT} in flight each by chance, {MEAN} s a request; then 10 times as many at once; {STEPS} times"
    );
    println!(
        "| source | average off, of {STEADY} s | of 6 s: mean, 95 % | step to decision: median, worst |"
    );
    println!("|---|---:|---:|---:|");
    for source in Source::ALL {
        let mut off = Vec::new();
        let mut short = Vec::new();
        let mut delays = Vec::new();
        for seed in 0..STEPS {
            let seen = watch(source, seed)?;
            off.push(seen.off.abs());
            short.extend(seen.short);
            delays.push(seen.delay * 1e3);
        }
        for all in [&mut off, &mut short, &mut delays] {
            all.sort_by(f64::total_cmp);
        }
        println!(
            "| {} | {:.2} % | {:.1} %, {:.1} % | {:.0} ms, {:.0} ms |",
            source.name(),
            100.0 * mean(&off),
            100.0 * mean(&short),
            100.0 * quantile(&short, 0.95),
            quantile(&delays, 0.5),
            quantile(&delays, 1.0)
        );
    }
    cost();
    Ok(())
}

/// Reads of 1,000 steady revisions with 10 pods each, beside one a second of each pod.
fn cost() {
    let mut pacing = Pacing::new(Pace::default(), 1);
    let spec: SignalSpec = serde_json::from_value(Source::Gauge.signal()).unwrap_or_default();
    for revision in 0..1000 {
        let name = format!("shop-{revision}");
        let targets = spec.signal().and_then(Target::of).into_iter().collect();
        pacing.targets(&name, targets, Moment::ZERO);
        for pod in 0..10 {
            let at = ([127, 0, 0, 1], 1).into();
            pacing.replica(&name, &format!("pod-{pod}"), at, Moment::ZERO);
        }
    }
    let slots = Slots {
        plain: 10_000,
        failing: 10_000,
    };
    let (mut said, mut reads) = (Vec::new(), 0);
    for step in 1..6000_u32 {
        let at = moment(f64::from(step) / 100.0);
        for read in pacing.due(at, slots, &mut said) {
            let figures = Figures {
                in_flight: Some(IN_FLIGHT),
                ..Figures::default()
            };
            let answer = Answer::Figures(Box::new(figures), None);
            pacing.done(&read, Ok(answer), 4096, at, &mut said);
            // The first half minute is of what is new.
            reads += u32::from(step >= 3000);
        }
        said.clear();
    }
    let each_second = f64::from(reads) / 30.0;
    println!(
        "1,000 steady revisions of 10 pods: {each_second:.0} reads a second, {:.2} of one a second of each",
        each_second / 10_000.0
    );
}

/// What a replica tells.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Queue,
    GaugeAndCounters,
    Lumps,
    Counters,
    Gauge,
    Knative,
}

impl Source {
    const ALL: [Self; 6] = [
        Self::Queue,
        Self::GaugeAndCounters,
        Self::Lumps,
        Self::Counters,
        Self::Gauge,
        Self::Knative,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue's page",
            Self::GaugeAndCounters => "gauge and duration sum (caddy, vllm, metrics)",
            Self::Lumps => "the same, its sum every 5 s (envoy)",
            Self::Counters => "duration sum alone (traefik 3)",
            Self::Gauge => "gauge alone (nginx, haproxy)",
            Self::Knative => "means of a second (knative)",
        }
    }

    fn signal(self) -> serde_json::Value {
        match self {
            Self::Knative => json!({"knative": {}}),
            _ => json!({"metrics": {"inFlight": "a"}}),
        }
    }
}

/// The requests of one pod: each begins and ends; told in the order of time.
struct Pod {
    edges: Vec<(f64, f64, f64)>,
    next: usize,
    now: f64,
    in_flight: f64,
    area: f64,
    requests: f64,
    seconds: f64,
    /// Whole seconds: area and requests at their ends.
    marks: Vec<(f64, f64)>,
    /// What was last told of its sums.
    flushed: (f64, f64, f64),
}

impl Pod {
    /// `step`: when its load becomes ten times as much.
    fn new(step: f64, dice: &mut Dice) -> Self {
        let mut edges = Vec::new();
        let mut add = |begin: f64, length: f64| {
            edges.push((begin, 1.0, 0.0));
            edges.push((begin + length, -1.0, length));
        };
        let mut now = -10.0 * MEAN;
        while now < step + AFTER {
            now += dice.exponential(MEAN / IN_FLIGHT);
            add(now, dice.exponential(MEAN));
        }
        // Clients that send the next request once the last is answered.
        for _ in 0..(9.0 * IN_FLIGHT) as usize {
            let mut now = step;
            while now < step + AFTER {
                let length = dice.exponential(MEAN);
                add(now, length);
                now += length;
            }
        }
        edges.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            edges,
            next: 0,
            now: -10.0 * MEAN,
            in_flight: 0.0,
            area: 0.0,
            requests: 0.0,
            seconds: 0.0,
            marks: Vec::new(),
            flushed: (0.0, 0.0, 0.0),
        }
    }

    fn pass(&mut self, until: f64) {
        while self.now < until {
            let edge = self.edges.get(self.next).copied();
            let second = self.now.floor() + 1.0;
            let stop = edge.map_or(until, |edge| edge.0).min(second).min(until);
            self.area += self.in_flight * (stop - self.now);
            self.now = stop;
            if stop == second && stop >= 1.0 {
                self.marks.push((self.area, self.requests));
            }
            if let Some((at, change, length)) = edge
                && at <= stop
            {
                self.next += 1;
                self.in_flight += change;
                if change < 0.0 {
                    self.requests += 1.0;
                    self.seconds += length;
                }
            }
        }
    }

    fn answer(&mut self, name: &str, source: Source) -> Answer {
        let (mut in_flight, mut sums) = (Some(self.in_flight), (self.requests, self.seconds));
        let mut request_seconds = None;
        match source {
            Source::Queue => request_seconds = Some(self.area + 1000.0),
            Source::GaugeAndCounters | Source::Gauge => {}
            Source::Lumps => {
                if self.now - self.flushed.0 >= 5.0 {
                    self.flushed = ((self.now / 5.0).floor() * 5.0, sums.0, sums.1);
                }
                sums = (self.flushed.1, self.flushed.2);
            }
            Source::Counters => in_flight = None,
            Source::Knative => return Answer::Knative(self.stat(name).encode_to_vec().into()),
        }
        let counted = source != Source::Gauge;
        let figures = Figures {
            in_flight,
            requests: counted.then_some(sums.0),
            seconds: (counted && request_seconds.is_none()).then_some(sums.1),
            request_seconds,
            ..Figures::default()
        };
        Answer::Figures(Box::new(figures), None)
    }

    fn stat(&self, name: &str) -> Stat {
        let last = self.marks.last().copied().unwrap_or_default();
        let before = self
            .marks
            .len()
            .checked_sub(2)
            .and_then(|at| self.marks.get(at));
        let before = before.copied().unwrap_or_default();
        Stat {
            pod_name: name.to_owned(),
            average_concurrent_requests: last.0 - before.0,
            request_count: last.1 - before.1,
            process_uptime: self.marks.len() as f64,
            ..Stat::default()
        }
    }
}

struct Seen {
    off: f64,
    short: Vec<f64>,
    delay: f64,
}

fn watch(source: Source, seed: u64) -> Result<Seen> {
    let mut dice = Dice(seed * 7919 + 1);
    // At any place within a second of a sidecar that tells of whole seconds.
    let step = STEADY + dice.next();
    let mut pods: BTreeMap<String, Pod> = (0..PODS)
        .map(|pod| (format!("pod-{pod}"), Pod::new(step, &mut dice)))
        .collect();
    // So that the step comes at any place between two reads.
    let begin = moment(dice.next() / 5.0);
    let spec: SignalSpec = serde_json::from_value(source.signal())?;
    let target = spec.signal().and_then(Target::of);
    let mut pacing = Pacing::new(Pace::default(), seed);
    pacing.targets("shop", target.into_iter().collect(), begin);
    for name in pods.keys() {
        pacing.replica("shop", name, ([127, 0, 0, 1], 1).into(), begin);
    }
    let settings = Settings {
        target: Aim::PerReplica(10.0),
        ..Settings::default()
    };
    let start = Start {
        ready: PODS as u32,
        ..Start::default()
    };
    let mut scaler = Scaler::new(
        Scaling::new(settings).map_err(|wrong| format!("{wrong:?}"))?,
        start,
        Moment::ZERO,
    );
    let observation = Observation {
        ready: PODS as u32,
        ..Observation::default()
    };
    scaler.observe(Moment::ZERO, observation);
    let slots = Slots {
        plain: 100,
        failing: 100,
    };
    let (mut said, mut told) = (Vec::new(), Vec::new());
    let (mut now, mut tick) = (0.0, 0.0);
    while now < step + AFTER {
        now += 0.005;
        let at = moment(now);
        for read in pacing.due(at, slots, &mut said) {
            if let Some(pod) = pods.get_mut(&*read.replica) {
                pod.pass(now);
                let answer = pod.answer(&read.replica, source);
                pacing.done(&read, Ok(answer), 1000, at, &mut said);
            }
        }
        for one in said.drain(..) {
            if let Said::Told {
                told: Told::Report(report),
                ..
            } = one
            {
                scaler.report(at, &report)?;
                told.push((now, report));
            }
        }
        if now >= tick || scaler.wants_decision_now(at) {
            tick = now + 2.0;
            let decision = scaler.decide(at);
            pacing.threshold("shop", scaler.burst_threshold());
            if now > step && decision.replicas > PODS as u32 * 2 {
                return Ok(seen(&told, seed, now - step));
            }
        }
    }
    Err(format!("{}: the step was not seen", source.name()).into())
}

/// Of the time between the first ten seconds and the step.
fn seen(told: &[(f64, Report)], seed: u64, delay: f64) -> Seen {
    let mut dice = Dice(seed * 7919 + 1);
    let step = STEADY + dice.next();
    let mut pods: BTreeMap<String, Pod> = (0..PODS)
        .map(|pod| (format!("pod-{pod}"), Pod::new(step, &mut dice)))
        .collect();
    let (mut sum, mut truth, mut short) = (0.0, 0.0, Vec::new());
    for (name, pod) in &mut pods {
        let own: Vec<_> = told
            .iter()
            .filter(|(at, report)| report.replica == *name && (10.0..STEADY).contains(at))
            .collect();
        let (mut window, mut exact, mut length) = (0.0, 0.0, 0.0);
        for (at, report) in own {
            let end = if report.sequence.is_none() {
                at.floor()
            } else {
                *at
            };
            pod.pass((end - report.seconds).max(pod.now));
            let before = pod.area;
            pod.pass(end.max(pod.now));
            let area = pod.area - before;
            sum += report.request_seconds;
            truth += area;
            window += report.request_seconds;
            exact += area;
            length += report.seconds;
            if length >= 6.0 && exact > 0.0 {
                short.push((window / exact - 1.0).abs());
                (window, exact, length) = (0.0, 0.0, 0.0);
            }
        }
    }
    Seen {
        off: sum / truth - 1.0,
        short,
        delay,
    }
}

fn moment(seconds: f64) -> Moment {
    Moment::ZERO.plus(Duration::from_secs_f64(seconds))
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len() as f64
}

/// Of what is sorted.
fn quantile(all: &[f64], share: f64) -> f64 {
    let place = ((all.len() as f64 * share).ceil() as usize).clamp(1, all.len());
    all.get(place - 1).copied().unwrap_or(f64::NAN)
}

/// Splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.next()).ln()
    }
}
