// SPDX-License-Identifier: Apache-2.0
//! A live run under a load against its simulation: the same requests, the same settings, the start-up times and the moments
//! of reports that were measured. In a process of its own, for other tests at the same time would be a load too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods
)]
use std::{
    collections::VecDeque,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cheerful_manifest::settings_from_json;
use cheerful_scaling::{Moment, Start};
use cheerful_simulator::{
    Arrival, Law, Model, Ours, Outcome,
    load::{Load, Pattern, Trace},
    simulate,
};
use rustix::process::Signal;
use serde_json::Value;

#[allow(dead_code)]
#[path = "run_instance/rig.rs"]
mod rig;

use rig::{CHEERFUL, Instance, get};

/// Bursts with silence between them that outlasts the stable window and the idle delay, as often as `CHEERFUL_LIVE_ROUNDS` says, by default
/// once: cold starts, waits for a place, replicas that come and go. Which of two replicas a request finds a moment too
/// late is left to the machine, so silence is never about as long as the idle delay, which would make of that a cold
/// start more or less.
const BURSTS: [&str; 4] = [
    "poisson:8/s",
    "poisson:24/s",
    "poisson:12/s",
    "poisson:18/s",
];
const SERVICE: &str = "service=uniform:100ms:300ms";
const BURST: Duration = Duration::from_secs(6);
const SILENCE: Duration = Duration::from_secs(13);
const SEED: u64 = 5;
/// Simulations that the mean is taken of: they differ in how long each replica takes to start, and one that is ready a few
/// hundredths of a second later can let all be kept for a tick of two seconds more.
const RUNS: u64 = 32;
const SLOTS: u32 = 2;
/// The stable window is no multiple of the tick of two seconds: of one that is, a thousandth of a second decides whether a
/// panic ends at a tick or at the next one.
const SCALING: &str = "{policy: stable-panic, target: 1.5, max: 10, initial: 0, stableWindow: 7s, panicWindow: 3s, idleDelay: 2500ms, maxDown: 10}";

/// What happened, by one way to know it.
#[derive(Debug)]
struct Figures {
    way: &'static str,
    requests: usize,
    mean_replicas: f64,
    replica_seconds: f64,
    /// The standard deviation of one run's replica-seconds, as a share of them.
    deviation: f64,
    cold_starts: f64,
    p50_wait: f64,
    p99_wait: f64,
}

#[test]
fn a_live_run_and_its_simulation_agree() {
    let (arrivals, end) = load();
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording.ndjson");
    let (begun, waits) = run(&recording, &arrivals, end);
    let seen = Seen::read(&recording, begun);
    let live = seen.figures(&arrivals, &waits, end);

    let seconds = end.as_seconds();
    // The recording begins before the load does, with nothing there; ticks are counted from there.
    let end = end.plus(seen.begun);
    let model = Model {
        slots: Some(SLOTS),
        start_up: seen.start_up(),
        recalls: true,
        reports_after: seen.reports_after(),
        end,
        ..Model::default()
    };
    let shifted = arrivals.iter().map(|arrival| Arrival {
        at: arrival.at.plus(seen.begun),
        ..*arrival
    });
    let of_load = simulated("simulated", &seen, &model, seconds, || shifted.clone());
    let recorded = || Trace::new(&recording).open(SEED).unwrap();
    let of_recording = simulated("from recording", &seen, &model, seconds, recorded);

    eprintln!(
        "{:?} of {SERVICE} for {BURST:?} each, silence for {SILENCE:?}; start-up {:?}, reports {:?} after the decisions",
        BURSTS,
        seen.start_up(),
        seen.reports_after()
    );
    for figures in [of_load, of_recording] {
        compare(&live, &figures);
    }
}

/// Aims, on average over many minutes, are 3 % of the mean, 5 % of the replica-seconds, 10 % of cold starts and waits; the
/// bounds here are wider, for they have to hold of one run, and on a machine that does something else too.
fn compare(live: &Figures, simulated: &Figures) {
    eprintln!(
        "{}: {} requests, of {} live; one run of {RUNS} differs by {:.1} % of its replica-seconds (standard deviation)",
        simulated.way,
        simulated.requests,
        live.requests,
        100.0 * simulated.deviation
    );
    let chance = f64::max(0.2, 4.0 * simulated.deviation);
    for (what, live, simulated, bound, least) in [
        (
            "replicas",
            live.mean_replicas,
            simulated.mean_replicas,
            chance,
            0.1,
        ),
        (
            "replica-seconds",
            live.replica_seconds,
            simulated.replica_seconds,
            chance,
            1.0,
        ),
        (
            "cold starts",
            live.cold_starts,
            simulated.cold_starts,
            0.4,
            5.0,
        ),
        ("p50 of waits", live.p50_wait, simulated.p50_wait, 0.4, 0.05),
        ("p99 of waits", live.p99_wait, simulated.p99_wait, 0.4, 0.1),
    ] {
        let apart = (simulated - live).abs();
        eprintln!(
            "{what}: {live:.3} live, {simulated:.3} simulated: {:+.1} %",
            100.0 * (simulated / live - 1.0)
        );
        assert!(
            apart < f64::max(least, bound * live),
            "{what}: {live} live, {simulated} simulated"
        );
    }
}

fn load() -> (Vec<Arrival>, Moment) {
    let asked = std::env::var("CHEERFUL_LIVE_ROUNDS").ok();
    let rounds: u64 = asked.map_or(1, |rounds| rounds.parse().unwrap());
    let mut arrivals = Vec::new();
    let mut begin = Moment::ZERO;
    for round in 0..rounds {
        for (number, burst) in (0..).zip(BURSTS) {
            let pattern: Pattern = format!("{burst},{SERVICE}").parse().unwrap();
            let load = Load::Pattern(Pattern {
                lasts: BURST,
                ..pattern
            });
            let drawn = load.open(SEED + 100 * round + number).unwrap();
            let after = begin.since(Moment::ZERO);
            arrivals.extend(drawn.map(|arrival| Arrival {
                at: arrival.at.plus(after),
                ..arrival
            }));
            begin = begin.plus(BURST + SILENCE);
        }
    }
    (arrivals, begin)
}

/// Runs the load live: when it began, and how long each request waited, in seconds.
fn run(recording: &Path, arrivals: &[Arrival], end: Moment) -> (SystemTime, Vec<f64>) {
    let command = serde_json::to_string(&[
        CHEERFUL,
        "sample",
        "--start-up",
        "800ms",
        "--port",
        "{port}",
    ])
    .unwrap();
    let manifest = format!(
        "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: hello}}\nspec:\n  \
         concurrency: {SLOTS}\n  command: {command}\n  scaling: {SCALING}\n"
    );
    let mut instance = Instance::of_manifest(&["--record", recording.to_str().unwrap()], &manifest);
    let address = instance.address;
    let begin = Instant::now() + Duration::from_millis(500);
    let begun = SystemTime::now() + Duration::from_millis(500);
    let mut clients = Vec::new();
    for Arrival { at, work } in arrivals.iter().copied() {
        let due = begin + at.since(Moment::ZERO);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        clients.push(thread::spawn(move || {
            let millis = work.as_millis();
            let answer = get(address, &format!("/wait?ms={millis}")).unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            // From when it was due: a client that is late has waited too.
            (due.elapsed().as_secs_f64() - millis as f64 / 1e3).max(0.0)
        }));
    }
    thread::sleep((begin + end.since(Moment::ZERO)).saturating_duration_since(Instant::now()));
    let waits = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .collect();
    instance.signal(Signal::TERM);
    instance.wait();
    (begun, waits)
}

/// What the recording says of the run.
struct Seen {
    /// When the load began, since the recording did.
    begun: Duration,
    settings: Value,
    start: Start,
    /// From when on so many were ready, starting and draining; since the recording began.
    counts: Vec<(f64, [u64; 3])>,
    start_ups: Vec<f64>,
    /// When replicas reported in their turn.
    reported: Vec<f64>,
}

impl Seen {
    fn read(recording: &Path, begun: SystemTime) -> Self {
        let text = fs::read_to_string(recording).unwrap();
        let mut seen = Self {
            begun: Duration::ZERO,
            settings: Value::Null,
            start: Start::default(),
            counts: Vec::new(),
            start_ups: Vec::new(),
            reported: Vec::new(),
        };
        let mut begun_at = VecDeque::new();
        let mut before = (0, 0);
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if let Some(millis) = line["unixMillis"].as_u64() {
                let wall = begun.duration_since(UNIX_EPOCH).unwrap();
                seen.begun = wall - Duration::from_millis(millis);
            }
            if !line["settings"].is_null() {
                seen.settings = line["settings"].clone();
                seen.start = serde_json::from_value(line["state"].clone()).unwrap_or_default();
            }
            // One that told of a burst, or is new, tells of less.
            if (line["seconds"].as_f64()).is_some_and(|seconds| (0.95..1.05).contains(&seconds)) {
                seen.reported.push(line["at"].as_f64().unwrap());
            }
            let Some(ready) = line["ready"].as_u64() else {
                continue;
            };
            let at = line["at"].as_f64().unwrap();
            let count = |field: &str| line[field].as_u64().unwrap_or(0);
            let starting = count("starting");
            // The oldest is ready first, and the newest is given up first.
            let became_ready = ready.saturating_sub(before.0).min(before.1);
            for _ in 0..became_ready {
                seen.start_ups
                    .extend(begun_at.pop_front().map(|begun| at - begun));
            }
            begun_at.resize(starting as usize, at);
            before = (ready, starting);
            seen.counts.push((at, [ready, starting, count("draining")]));
        }
        seen
    }

    /// Evenly spread, so that as many take less and more than the middle eight of ten as did: a few that the machine held up
    /// do not widen it.
    fn start_up(&self) -> Law {
        let mut took = self.start_ups.clone();
        took.sort_by(f64::total_cmp);
        let tenth = took[took.len() / 10];
        let width = took[took.len() * 9 / 10] - tenth;
        let least = tenth - width / 8.0;
        Law::Uniform(
            Duration::from_secs_f64(least),
            Duration::from_secs_f64(least + width * 1.25),
        )
    }

    /// How long after the whole seconds, which are those of the decisions, reports come.
    fn reports_after(&self) -> Duration {
        let mut parts: Vec<f64> = self.reported.iter().map(|at| at.fract()).collect();
        parts.sort_by(f64::total_cmp);
        Duration::from_secs_f64(parts[parts.len() / 2])
    }

    fn figures(&self, arrivals: &[Arrival], waits: &[f64], end: Moment) -> Figures {
        let begun = self.begun.as_secs_f64();
        let until = begun + end.as_seconds();
        let next = self
            .counts
            .iter()
            .skip(1)
            .map(|(at, _)| *at)
            .chain([f64::INFINITY]);
        let replica_seconds: f64 = self
            .counts
            .iter()
            .zip(next)
            .map(|((at, counts), next)| {
                let seconds = next.min(until) - at.max(begun);
                counts.iter().sum::<u64>() as f64 * seconds.max(0.0)
            })
            .sum();
        let is_cold = |arrival: &&Arrival| {
            let at = begun + arrival.at.as_seconds();
            let before = self.counts.iter().rev().find(|(since, _)| *since <= at);
            before.is_none_or(|(_, [ready, ..])| *ready == 0)
        };
        let mut waits = waits.to_vec();
        waits.sort_by(f64::total_cmp);
        Figures {
            way: "live",
            requests: waits.len(),
            mean_replicas: replica_seconds / end.as_seconds(),
            replica_seconds,
            deviation: f64::NAN,
            cold_starts: arrivals.iter().filter(is_cold).count() as f64,
            p50_wait: waits[waits.len() / 2],
            p99_wait: waits[waits.len() * 99 / 100],
        }
    }
}

fn simulated<L: Iterator<Item = Arrival>>(
    way: &'static str,
    seen: &Seen,
    model: &Model,
    seconds: f64,
    load: impl Fn() -> L,
) -> Figures {
    let scaling = settings_from_json(&seen.settings).unwrap();
    let outcomes: Vec<Outcome> = (0..RUNS)
        .map(|seed| {
            let mut policy = Ours::new("ours", scaling.clone(), seen.start);
            simulate(load(), model, &mut policy, seed)
        })
        .collect();
    let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / RUNS as f64;
    let replica_seconds = mean(|run| run.replica_seconds);
    let square: f64 = outcomes
        .iter()
        .map(|run| (run.replica_seconds - replica_seconds).powi(2))
        .sum();
    Figures {
        way,
        requests: outcomes[0].requests as usize,
        mean_replicas: replica_seconds / seconds,
        replica_seconds,
        deviation: (square / RUNS as f64).sqrt() / replica_seconds,
        cold_starts: mean(|run| run.cold_starts as f64),
        p50_wait: mean(|run| run.waits.quantile(0.5).as_secs_f64()),
        p99_wait: mean(|run| run.waits.quantile(0.99).as_secs_f64()),
    }
}
