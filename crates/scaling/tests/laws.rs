// SPDX-License-Identifier: Apache-2.0
//! What must hold whatever arrives, by random search.
#![allow(clippy::unwrap_used)]
mod bed;
use std::time::Duration;

use bed::{at, secs};
use cheerful_scaling::{
    Averages, Decision, Delay, Holding, Moment, Observation, Paused, Policy, Report, Scaler,
    Scaling, Serializer, SerializerAction, SerializerEvent, Settings, Start, Target, invariants,
};
use proptest::{collection::vec, prelude::*};

#[derive(Clone, Debug)]
enum Input {
    Report(Report),
    Holding(Holding),
    Observation(Observation),
    Averages(Averages),
    Decide,
}

/// An input and how many milliseconds after the last it comes.
type Line = (u64, Input);

fn settings() -> impl Strategy<Value = Settings> {
    let counts = (0_u32..4, prop::option::of(4_u32..30), 0_u32..4, 0_u32..4);
    let factors = (0.5_f64..20.0, 1.0_f64..5.0, 1.1_f64..20.0, 1.1_f64..20.0);
    let times = (2_u64..60, 1_u64..2, 0_u64..20, 0_u64..20, 0_u64..20);
    (counts, factors, times).prop_map(|(counts, factors, times)| Settings {
        target: Target::PerReplica(factors.0),
        min: counts.0,
        max: counts.1,
        initial: counts.2,
        activation: counts.3,
        stable_window: secs(times.0),
        panic_window: secs(times.1),
        panic_threshold: factors.1,
        max_up: factors.2,
        max_down: factors.3,
        idle_delay: secs(times.2).into(),
        grace_period: secs(times.3),
        scale_down_delay: secs(times.4).into(),
        ..Settings::classic()
    })
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0_f64..100.0,
        1 => prop::sample::select(vec![
            0.0, -0.0, -1.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE,
        ]),
    ]
}

fn any_report() -> impl Strategy<Value = Report> {
    let names = prop::sample::select(vec!["a", "b", "c"]);
    let sequence = prop::option::of(0_u64..100);
    (
        names,
        sequence,
        number(),
        number(),
        number(),
        prop::option::of(number()),
        any::<u64>(),
    )
        .prop_map(
            |(replica, sequence, age, seconds, load, in_flight, requests)| Report {
                sequence,
                age_seconds: age / 30.0,
                request_seconds: load,
                in_flight,
                requests,
                ..bed::report(replica, seconds / 30.0, 0.0)
            },
        )
}

fn observation() -> impl Strategy<Value = Observation> {
    (0_u32..6, 0_u32..6, 0_u32..3).prop_map(|(ready, starting, draining)| Observation {
        ready,
        starting,
        draining,
        ..Observation::default()
    })
}

fn holding() -> impl Strategy<Value = Holding> {
    (prop_oneof![4 => 0_u64..50, 1 => Just(u64::MAX)], 0_u64..50)
        .prop_map(|(held, arrived)| Holding { held, arrived })
}

fn line() -> impl Strategy<Value = Line> {
    let input = prop_oneof![
        4 => any_report().prop_map(Input::Report),
        1 => holding().prop_map(Input::Holding),
        1 => observation().prop_map(Input::Observation),
        1 => (number(), number())
            .prop_map(|(stable, panic)| Input::Averages(Averages { stable, panic })),
        3 => Just(Input::Decide),
    ];
    (prop_oneof![9 => 0_u64..1500, 1 => 0_u64..200_000], input)
}

fn start() -> impl Strategy<Value = Start> {
    (0_u32..4, any::<bool>()).prop_map(|(ready, new)| Start {
        ready,
        new,
        ..Start::default()
    })
}

/// Runs the lines and gives the decisions.
fn run(settings: &Settings, start: Start, lines: &[Line]) -> (Scaler, Vec<Decision>, usize) {
    let scaling = Scaling::new(settings.clone()).unwrap();
    let mut scaler = Scaler::new(scaling, start, Moment::ZERO);
    let mut now = Moment::ZERO;
    let (mut decisions, mut refused) = (Vec::new(), 0);
    for (after, input) in lines {
        now = now.plus(Duration::from_millis(*after));
        match input {
            Input::Report(report) => refused += usize::from(scaler.report(now, report).is_err()),
            Input::Holding(holding) => scaler.holding(now, *holding),
            Input::Observation(observation) => scaler.observe(now, *observation),
            Input::Averages(given) => refused += usize::from(scaler.averages(now, *given).is_err()),
            Input::Decide => decisions.push(scaler.decide(now)),
        }
    }
    (scaler, decisions, refused)
}

/// One load for each of 90 seconds, of each of some replicas: from nearly none to far too much.
fn loads() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let load = prop_oneof![3 => 0.0_f64..15.0, 1 => Just(0.0), 1 => 0.0_f64..150.0];
    let seconds = (1_usize..6).prop_flat_map(move |replicas| vec(vec(load.clone(), replicas), 90));
    (seconds, 0.0_f64..1.0).prop_map(|(mut seconds, scale)| {
        seconds.iter_mut().flatten().for_each(|load| *load *= scale);
        seconds
    })
}

/// Each replica reports each second, unless it is said otherwise; decisions at each second.
fn steady(loads: &[Vec<f64>], change: impl Fn(usize, usize, Report) -> Vec<(f64, Report)>) -> Run {
    let ready = u32::try_from(loads[0].len()).unwrap();
    let settings = Settings {
        target: Target::PerReplica(10.0),
        ..bed::plain()
    };
    let settings = Settings {
        max_down: 2.0,
        idle_delay: secs(10).into(),
        ..settings
    };
    let scaling = Scaling::new(settings).unwrap();
    let mut scaler = Scaler::new(scaling, Start::default(), Moment::ZERO);
    scaler.observe(
        Moment::ZERO,
        Observation {
            ready,
            ..Observation::default()
        },
    );
    let mut reports = Vec::new();
    for (second, loads) in loads.iter().enumerate() {
        for (replica, load) in loads.iter().enumerate() {
            let sequence = Some(second as u64);
            let report = Report {
                sequence,
                ..bed::report(&replica.to_string(), 1.0, *load)
            };
            let end = second as f64 + 1.0;
            for (late, report) in change(second, replica, report) {
                let age_seconds = report.age_seconds + late;
                reports.push((
                    end + late,
                    Report {
                        age_seconds,
                        ..report
                    },
                ));
            }
        }
    }
    reports.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reports = reports.into_iter().peekable();
    let decisions = (1..=loads.len()).map(|second| {
        while let Some((now, report)) = reports.next_if(|(now, _)| *now <= second as f64) {
            // A report that comes twice is refused, which is what is tested.
            scaler.report(at(now), &report).ok();
        }
        scaler.decide(at(second as f64))
    });
    Run {
        present: ready,
        replicas: decisions.map(|decision| decision.replicas).collect(),
    }
}

#[derive(Debug, PartialEq)]
struct Run {
    present: u32,
    replicas: Vec<u32>,
}

impl Run {
    /// From which second on, and up to which, it is never below the present scale or the other run.
    fn holds_against(&self, other: &Self, seconds: std::ops::Range<usize>) -> Result<(), String> {
        for second in seconds {
            let least = other.replicas[second].min(self.present);
            if self.replicas[second] < least {
                return Err(format!("at {second} s {} < {least}", self.replicas[second]));
            }
        }
        Ok(())
    }
}

/// The same with the policy that learns, and with delays and targets that are not given.
fn settings_of_both() -> impl Strategy<Value = Settings> {
    let auto = (any::<bool>(), any::<bool>(), any::<bool>(), 0.0_f64..=1.0);
    prop_oneof![
        settings(),
        (settings(), auto).prop_map(|(settings, (target, idle, down, thrift))| Settings {
            policy: Policy::Auto,
            thrift,
            target: if target {
                Target::Auto
            } else {
                settings.target
            },
            idle_delay: if idle {
                Delay::Auto
            } else {
                settings.idle_delay
            },
            scale_down_delay: if down {
                Delay::Auto
            } else {
                settings.scale_down_delay
            },
            ..settings
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_arrives_the_scale_is_within_its_bounds(
        settings in settings_of_both(), start in start(), lines in vec(line(), 0..150),
        paused in prop::sample::select(vec![Paused::No, Paused::No, Paused::Present, Paused::At(9)]),
    ) {
        let settings = Settings { paused, ..settings };
        // Debug assertions check panic and missing data as well.
        let (scaler, decisions, refused) = run(&settings, start, &lines);
        for decision in decisions {
            prop_assert!(invariants::is_within_bounds(&decision, &settings));
            prop_assert!(invariants::panic_lowers_nothing(&decision));
            prop_assert!(decision.stable.is_finite() && decision.panic.is_finite());
            prop_assert!(!decision.sentence().is_empty());
        }
        prop_assert_eq!(scaler.refused().total(), refused as u64);
    }

    #[test]
    fn what_is_refused_changes_nothing(
        settings in settings_of_both(), start in start(), lines in vec(line(), 0..150),
    ) {
        let scaling = Scaling::new(settings.clone()).unwrap();
        let mut scaler = Scaler::new(scaling, start, Moment::ZERO);
        let mut now = Moment::ZERO;
        let mut taken: Vec<Line> = Vec::new();
        let mut waited = 0;
        for (after, input) in &lines {
            now = now.plus(Duration::from_millis(*after));
            waited += after;
            let refused = match input {
                Input::Report(report) => scaler.report(now, report).is_err(),
                Input::Averages(averages) => scaler.averages(now, *averages).is_err(),
                _ => false,
            };
            if !refused {
                taken.push((waited, input.clone()));
                waited = 0;
            }
        }
        let (_, all, _) = run(&settings, start, &lines);
        let (_, taken, refused) = run(&settings, start, &taken);
        prop_assert_eq!(refused, 0);
        prop_assert_eq!(all, taken);
    }

    #[test]
    fn more_load_never_gives_fewer_replicas(
        settings in settings(), start in start(),
        lines in vec((line(), 0.0_f64..50.0, 0_u64..20), 0..120),
    ) {
        let lines: Vec<_> = lines
            .into_iter()
            .filter(|((_, input), ..)| !matches!(input, Input::Report(report) if is_nonsense(report)))
            .collect();
        let less: Vec<Line> = lines.iter().map(|(line, ..)| line.clone()).collect();
        let more: Vec<Line> = lines
            .into_iter()
            .map(|((after, input), load, held)| (after, more_of(input, load, held)))
            .collect();
        let (less, more) = (run(&settings, start, &less).1, run(&settings, start, &more).1);
        for (less, more) in less.iter().zip(&more) {
            prop_assert!(more.replicas >= less.replicas, "{}\n{}", less.sentence(), more.sentence());
        }
    }

    #[test]
    fn a_doubled_report_changes_nothing(loads in loads(), late in 0.0_f64..30.0) {
        let once = steady(&loads, |_, _, report| vec![(0.0, report)]);
        let twice = steady(&loads, |second, replica, report| {
            let second_time = if (second + replica).is_multiple_of(3) { late } else { 0.0 };
            vec![(0.0, report.clone()), (second_time, report)]
        });
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn splitting_a_report_changes_nothing(loads in loads()) {
        let whole = steady(&loads, |_, _, report| vec![(0.0, report)]);
        let halves = steady(&loads, |_, _, report| {
            let half = |place: u64| Report {
                sequence: report.sequence.map(|sequence| 2 * sequence + place),
                age_seconds: if place == 0 { 0.5 } else { 0.0 },
                seconds: 0.5,
                request_seconds: report.request_seconds / 2.0,
                ..report.clone()
            };
            vec![(0.0, half(0)), (0.0, half(1))]
        });
        prop_assert_eq!(whole, halves);
    }

    /// As soon as a report can be missed (2.5 s), and as long as the window remembers its time.
    #[test]
    fn a_lost_report_never_lowers_the_scale(
        loads in loads(), lost_second in 0_usize..85, lost_replica in 0_usize..6,
        spike in 0.0_f64..3000.0,
    ) {
        let mut loads = loads;
        let lost_replica = lost_replica % loads[0].len();
        // What is lost may be all that there was.
        loads[lost_second][lost_replica] += spike;
        let all = steady(&loads, |_, _, report| vec![(0.0, report)]);
        let lost = steady(&loads, |second, replica, report| {
            if (second, replica) == (lost_second, lost_replica) { vec![] } else { vec![(0.0, report)] }
        });
        let held = lost.holds_against(&all, lost_second + 3..(lost_second + 60).min(90));
        prop_assert!(held.is_ok(), "{:?}", held);
    }

    /// And once they have come it is as if they had come in time. Up to 1.5 s a report is on its way and not late: what
    /// it tells is decided with the next tick, on what is known by then.
    #[test]
    fn late_and_reordered_reports_never_lower_the_scale(
        loads in loads(), from in 0_usize..50, length in 1_usize..10, late in 1.501_f64..20.0,
        spike in 0.0_f64..3000.0,
    ) {
        let mut loads = loads;
        loads[2 * (from / 2)][0] += spike;
        let in_time = steady(&loads, |_, _, report| vec![(0.0, report)]);
        let late = steady(&loads, |second, replica, report| {
            let is_late = (from..from + length).contains(&second) && (second + replica).is_multiple_of(2);
            vec![(if is_late { late } else { 0.0 }, report)]
        });
        let held = late.holds_against(&in_time, from + length + 2..60);
        prop_assert!(held.is_ok(), "{:?}", held);
    }

    #[test]
    fn the_serializer_writes_one_wish_at_a_time_and_the_newest_last(
        events in vec((0_u64..2000, 0_u8..6, 0_u32..4), 0..200),
    ) {
        let mut world = World::default();
        for (after, kind, replicas) in events {
            world.now = world.now.plus(Duration::from_millis(after));
            let event = match (kind, world.under_way) {
                (0..=2, _) => {
                    world.wishes.push(replicas);
                    SerializerEvent::Wanted { replicas }
                }
                (3, Some((request, _, _))) => SerializerEvent::Done { request },
                (4, Some((request, _, _))) => SerializerEvent::Failed { request },
                // A late answer to a request that was given up.
                (3 | 4, None) => SerializerEvent::Done { request: 0 },
                _ => SerializerEvent::Tick,
            };
            world.step(event);
        }
        // Then the platform works, and time passes.
        for _ in 0..10 {
            world.now = world.now.plus(secs(1));
            world.step(SerializerEvent::Tick);
            if let Some((request, _, _)) = world.under_way {
                world.step(SerializerEvent::Done { request });
            }
        }
        prop_assert!(invariants::no_older_wish_after_a_newer(&world.sent));
        prop_assert_eq!(world.has, world.wishes.last().copied());
    }
}

fn is_nonsense(report: &Report) -> bool {
    let values = [
        report.seconds,
        report.request_seconds,
        report.age_seconds,
        report.in_flight.unwrap_or(0.0),
    ];
    values
        .iter()
        .any(|value| !value.is_finite() || *value < 0.0)
        || report.requests > Report::MAX_COUNT
        || report.request_seconds / report.seconds > 1e5
        || report.in_flight.unwrap_or(0.0) > 1e5
}

fn more_of(input: Input, load: f64, more_held: u64) -> Input {
    match input {
        Input::Report(report) => Input::Report(Report {
            request_seconds: report.request_seconds + load * report.seconds,
            in_flight: report.in_flight.map(|requests| requests + load),
            ..report
        }),
        Input::Holding(Holding { held, arrived }) => Input::Holding(Holding {
            held: held.saturating_add(more_held),
            arrived,
        }),
        Input::Averages(Averages { stable, panic }) => {
            let more = |average: f64| {
                if (0.0..1e9).contains(&average) {
                    average + load
                } else {
                    average
                }
            };
            Input::Averages(Averages {
                stable: more(stable),
                panic: more(panic),
            })
        }
        other => other,
    }
}

/// A platform, and the wishes by number.
#[derive(Default)]
struct World {
    serializer: Serializer,
    now: Moment,
    wishes: Vec<u32>,
    /// Number, replicas, deadline.
    under_way: Option<(u64, u32, Moment)>,
    /// The numbers of the wishes that were sent.
    sent: Vec<u64>,
    has: Option<u32>,
}

impl World {
    fn step(&mut self, event: SerializerEvent) {
        let ends = match event {
            SerializerEvent::Done { request } | SerializerEvent::Failed { request } => {
                Some(request)
            }
            _ => None,
        };
        let ended = self.under_way.take_if(|way| Some(way.0) == ends);
        if let (Some((_, replicas, _)), SerializerEvent::Done { .. }) = (ended, event) {
            self.has = Some(replicas);
        }
        match self.serializer.step(event, self.now) {
            SerializerAction::Rest => {}
            SerializerAction::Send {
                request,
                replicas,
                deadline,
            } => {
                // One at a time: the one before has answered or is late.
                assert!(self.under_way.is_none_or(|way| self.now >= way.2));
                assert_eq!(deadline, self.now.plus(Serializer::LIMIT));
                self.under_way = Some((request, replicas, deadline));
                // What is sent is the newest wish of that count.
                let newest = self
                    .wishes
                    .iter()
                    .rposition(|wish| *wish == replicas)
                    .unwrap();
                self.sent.push(newest as u64);
            }
        }
    }
}
