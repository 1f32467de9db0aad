// SPDX-License-Identifier: Apache-2.0
//! What must hold whatever arrives of the policy that sets itself, by random search. That its scale is within its bounds,
//! that panic lowers nothing and that what is refused changes nothing stands in `laws.rs`, for both policies.
#![allow(clippy::unwrap_used)]
mod bed;
use std::time::Duration;

use bed::{at, report, secs};
use cheerful_scaling::{
    Concurrency, Decision, Holding, Latency, Mode, Moment, Observation, Report, Scaler, Scaling,
    Settings, Start, Target,
};
use proptest::{collection::vec, prelude::*};

/// What comes in one second.
#[derive(Clone, Debug)]
struct Second {
    /// Of each replica.
    loads: Vec<f64>,
    /// Requests of each replica that ended, each after so many milliseconds.
    requests: u64,
    latency_millis: u64,
    held: u64,
    arrived: u64,
    starting: u32,
}

fn settings() -> impl Strategy<Value = Settings> {
    let target = prop_oneof![
        2 => (0.5_f64..20.0).prop_map(Target::PerReplica),
        1 => Just(Target::Auto),
    ];
    let limit = prop_oneof![
        Just(Concurrency::Multi),
        (20_u32..40).prop_map(Concurrency::Limit),
    ];
    let factors = (0.0_f64..=1.0, 1.1_f64..20.0, 1.1_f64..20.0);
    (target, limit, factors).prop_map(|(target, concurrency, (thrift, max_up, max_down))| {
        Settings {
            target,
            concurrency,
            thrift,
            max_up,
            max_down,
            grace_period: Duration::ZERO,
            ..Settings::default()
        }
    })
}

/// Some minutes of some replicas: calm, silent, and at times far too much.
fn seconds() -> impl Strategy<Value = Vec<Second>> {
    let load = prop_oneof![4 => 0.0_f64..15.0, 2 => Just(0.0), 1 => 0.0_f64..150.0];
    let held = prop_oneof![6 => Just(0), 1 => 0_u64..100];
    (1_usize..5, 0.0_f64..1.0).prop_flat_map(move |(replicas, scale)| {
        let loads = vec(load.clone().prop_map(move |load| load * scale), replicas);
        let second = (
            loads,
            0_u64..40,
            1_u64..3_000,
            (held.clone(), 0_u64..20),
            0_u32..3,
        );
        vec(
            second.prop_map(
                |(loads, requests, latency_millis, (held, arrived), starting)| Second {
                    loads,
                    requests,
                    latency_millis,
                    held,
                    arrived: arrived.min(held),
                    starting,
                },
            ),
            90..200,
        )
    })
}

fn scaler(settings: &Settings, ready: usize) -> Scaler {
    let scaling = Scaling::new(settings.clone()).unwrap();
    let mut scaler = Scaler::new(scaling, Start::default(), Moment::ZERO);
    scaler.observe(Moment::ZERO, observation(ready, 0));
    scaler
}

fn observation(ready: usize, starting: u32) -> Observation {
    Observation {
        ready: u32::try_from(ready).unwrap(),
        starting,
        ..Observation::default()
    }
}

fn reports(number: usize, second: &Second) -> Vec<Report> {
    let mut counts = [0; Latency::BUCKETS];
    counts[Latency::bucket_of(second.latency_millis * 1_000)] =
        u32::try_from(second.requests).unwrap();
    let latency = (second.requests > 0).then(|| Latency::from_counts(&counts));
    let one = |(replica, load): (usize, &f64)| Report {
        sequence: Some(number as u64),
        requests: second.requests,
        waiting_seconds: load / 10.0,
        latency: latency.clone(),
        ..report(&replica.to_string(), 1.0, *load)
    };
    second.loads.iter().enumerate().map(one).collect()
}

/// Runs the seconds: each replica reports each second, unless `change` says otherwise, and a decision follows.
fn run(
    settings: &Settings,
    seconds: &[Second],
    change: impl Fn(usize, Report) -> Vec<(f64, Report)>,
) -> (Scaler, Vec<Decision>) {
    let mut scaler = scaler(settings, seconds[0].loads.len());
    let mut due: Vec<(f64, Report)> = Vec::new();
    let mut decisions = Vec::new();
    for (number, second) in seconds.iter().enumerate() {
        let end = number as f64 + 1.0;
        for report in reports(number, second) {
            let changed = change(number, report).into_iter().map(|(late, report)| {
                let age_seconds = report.age_seconds + late;
                (
                    end + late,
                    Report {
                        age_seconds,
                        ..report
                    },
                )
            });
            due.extend(changed);
        }
        due.sort_by(|one, other| one.0.total_cmp(&other.0));
        let come = due.iter().take_while(|(now, _)| *now <= end).count();
        for (now, report) in due.drain(..come) {
            // One that comes twice is refused, which is what is tested.
            scaler.report(at(now), &report).ok();
        }
        scaler.observe(at(end), observation(second.loads.len(), second.starting));
        let (held, arrived) = (second.held, second.arrived);
        scaler.holding(at(end), Holding { held, arrived });
        decisions.push(scaler.decide(at(end)));
    }
    (scaler, decisions)
}

fn as_it_is(_: usize, report: Report) -> Vec<(f64, Report)> {
    vec![(0.0, report)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// With the same past. (A past with more load is another one: it may have moved less, and teach a smaller margin.)
    #[test]
    fn more_load_never_gives_fewer_replicas(
        settings in settings(), seconds in seconds(), more in 0.0_f64..200.0, more_held in 0_u64..100,
        kind in 0_u8..3, later in 0_u64..3_000,
    ) {
        // What is reported of latencies teaches the target, which is the past too.
        let target = match settings.target {
            Target::Auto if kind == 0 => Target::PerReplica(7.0),
            target => target,
        };
        let settings = Settings { target, ..settings };
        let (past, last) = seconds.split_at(seconds.len() - 1);
        let (scaler, _) = run(&settings, past, as_it_is);
        let end = at(seconds.len() as f64);
        let decided = |load: f64, burst: Option<f64>, held: u64| {
            let mut scaler = scaler.clone();
            for one in reports(past.len(), &last[0]) {
                let request_seconds = one.request_seconds + load;
                let report = Report { request_seconds, in_flight: burst.map(|burst| burst + load), ..one };
                scaler.report(end, &report).unwrap();
            }
            scaler.holding(end, Holding { held, arrived: last[0].arrived });
            let now = end.plus(Duration::from_millis(later));
            (scaler.wants_decision_now(now), scaler.decide(now))
        };
        let held = last[0].held;
        let (less, more) = match kind {
            0 => (decided(0.0, None, held), decided(more, None, held)),
            1 => (decided(0.0, None, held), decided(0.0, Some(more), held)),
            _ => (decided(0.0, None, held), decided(0.0, None, held + more_held)),
        };
        prop_assert!(more.1.replicas >= less.1.replicas, "{}\n{}", less.1.sentence(), more.1.sentence());
        prop_assert!(more.0 || !less.0, "{}\n{}", less.1.sentence(), more.1.sentence());
    }

    /// As soon as a report can be missed (2.5 s), and as long as the window remembers its time.
    #[test]
    fn a_lost_report_never_lowers_the_scale(
        settings in settings(), seconds in seconds(), lost in 0_usize..85, spike in 0.0_f64..3000.0,
    ) {
        let mut seconds = seconds;
        // What is lost may be all that there was.
        seconds[lost].loads[0] += spike;
        let (_, all) = run(&settings, &seconds, as_it_is);
        let (_, with_a_loss) = run(&settings, &seconds, |second, report| {
            if second == lost && report.replica == "0" { vec![] } else { as_it_is(second, report) }
        });
        for second in lost + 3..(lost + 60).min(seconds.len()) {
            let (all, one) = (&all[second], &with_a_loss[second]);
            prop_assert!(one.replicas >= all.replicas.min(all.present), "{}\n{}", all.sentence(), one.sentence());
        }
    }

    /// While reports are late nothing falls; and that they come in the end takes nothing away.
    #[test]
    fn late_reports_never_lower_the_scale(
        settings in settings(), seconds in seconds(), from in 0_usize..60, length in 1_usize..10,
        late in 1.501_f64..20.0, spike in 0.0_f64..3000.0,
    ) {
        let mut seconds = seconds;
        seconds[from].loads[0] += spike;
        let (_, in_time) = run(&settings, &seconds, as_it_is);
        let (_, late) = run(&settings, &seconds, |second, report| {
            let is_late = (from..from + length).contains(&second) && report.replica == "0";
            vec![(if is_late { late } else { 0.0 }, report)]
        });
        for second in from + length + 2..(from + 60).min(seconds.len()) {
            let (in_time, late) = (&in_time[second], &late[second]);
            let least = in_time.replicas.min(in_time.present);
            prop_assert!(late.replicas >= least, "{second} s\n{}\n{}", in_time.sentence(), late.sentence());
        }
    }

    #[test]
    fn a_doubled_report_changes_nothing(settings in settings(), seconds in seconds(), late in 0.0_f64..30.0) {
        let (once, decided) = run(&settings, &seconds, as_it_is);
        let (twice, decided_twice) = run(&settings, &seconds, |_, report| vec![(0.0, report.clone()), (late, report)]);
        prop_assert_eq!(decided, decided_twice);
        prop_assert_eq!(once.remember(), twice.remember());
    }

    #[test]
    fn in_panic_and_without_data_nothing_falls(settings in settings(), seconds in seconds(), silent in 0_usize..60) {
        let (_, decisions) = run(&settings, &seconds, |second, report| {
            if second >= silent && report.replica == "0" { vec![] } else { as_it_is(second, report) }
        });
        for (second, decision) in decisions.iter().enumerate() {
            let missed = second > silent + 3;
            if decision.mode == Mode::Panic || missed {
                prop_assert!(decision.replicas >= decision.present, "{second} s: {}", decision.sentence());
            }
        }
    }

    /// The same lines give the same decisions and teach the same, to the bit; and to look changes nothing of it.
    #[test]
    fn what_is_decided_and_learned_hangs_on_what_came_alone(settings in settings(), seconds in seconds()) {
        let (scaler, decisions) = run(&settings, &seconds, as_it_is);
        let (again, decisions_again) = run(&settings, &seconds, as_it_is);
        prop_assert_eq!(&decisions, &decisions_again);
        prop_assert_eq!(scaler.remember(), again.remember());

        let memory = scaler.remember().unwrap();
        let text = serde_json::to_string(&memory).unwrap();
        prop_assert_eq!(&memory, &serde_json::from_str(&text).unwrap());
        let recalled = |memory| {
            let mut scaler = self::scaler(&settings, 1);
            let recalled = scaler.recall(memory, Duration::ZERO);
            assert_eq!(recalled, Ok(()), "{}", serde_json::to_string(memory).unwrap());
            scaler
        };
        let (mut one, mut other) = (recalled(&memory), recalled(&serde_json::from_str(&text).unwrap()));
        for second in 1..30_u64 {
            let now = Moment::ZERO.plus(secs(second));
            for scaler in [&mut one, &mut other] {
                scaler.report(now, &report("0", 1.0, second as f64)).unwrap();
            }
            let looked = (other.wants_decision_now(now.plus(Duration::from_millis(300))), other.is_at_rest(now));
            prop_assert!(!looked.1);
            prop_assert_eq!(one.decide(now), other.decide(now));
        }
    }

    /// What a start costs keeps what is there, and starts nothing.
    #[test]
    fn nothing_is_started_that_nothing_asks_for(settings in settings(), seconds in seconds()) {
        let (_, decisions) = run(&settings, &seconds, as_it_is);
        for pair in decisions.windows(2) {
            let most = pair[0].replicas.max(pair[1].present).max(pair[1].wanted).max(1);
            prop_assert!(pair[1].replicas <= most, "{}\n{}", pair[0].sentence(), pair[1].sentence());
        }
    }
}
