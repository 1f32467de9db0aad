// SPDX-License-Identifier: Apache-2.0
//! A second policy beside the one that acts: what it sees, what it costs, and what it leaves alone.
#![allow(missing_docs, clippy::unwrap_used)]
use std::time::Duration;

use cheerful_scaling::{
    Aim, Bill, Concurrency, Floor, Gauge, Gauges, Holding, Measured, Moment, Observation, Paused,
    Reading, Report, Scaler, Scaling, Settings, Shadow, Start, Target,
};

const TICK: Duration = Duration::from_secs(2);

fn at(millis: u64) -> Moment {
    Moment::from_micros(millis * 1_000)
}

fn scaling(change: impl FnOnce(&mut Settings)) -> Scaling {
    let mut settings = Settings {
        concurrency: Concurrency::Limit(10),
        target: Target::PerReplica(7.0),
        ..Settings::classic()
    };
    change(&mut settings);
    Scaling::new(settings).unwrap()
}

fn report(replica: &str, concurrency: f64, requests: u64) -> Report {
    Report {
        replica: replica.to_owned(),
        seconds: 1.0,
        request_seconds: concurrency,
        requests,
        ..Report::default()
    }
}

/// One that acts, with so many replicas whatever it wants, and one beside it.
struct Both {
    acting: Scaler,
    shadow: Shadow,
}

impl Both {
    fn new(replicas: u32, beside: Scaling) -> Self {
        let start = Start {
            ready: replicas,
            ..Start::default()
        };
        let mut acting = Scaler::new(scaling(|_| ()), start, at(0));
        let observation = Observation {
            ready: replicas,
            ..Observation::default()
        };
        acting.observe(at(0), observation);
        let shadow = Shadow::new(beside, TICK, &acting, at(0));
        Self { acting, shadow }
    }
    /// A second in which each replica has so many in flight, and so many are held.
    fn second(&mut self, number: u64, replicas: u32, each: f64, held: u64) {
        let now = at((number + 1) * 1000);
        for replica in 0..replicas {
            let report = report(&replica.to_string(), each, (each * 2.0) as u64);
            self.acting.report(now, &report).unwrap();
            self.shadow.report(now, &report, &self.acting);
        }
        let holding = Holding {
            held,
            arrived: held,
        };
        self.acting.holding(now, holding);
        self.shadow.holding(now, holding, &self.acting);
        self.acting.decide(now);
        self.shadow.advance(now, &self.acting);
    }
}

#[test]
fn it_sees_its_own_replicas_and_not_those_that_are_there() {
    // Ten are there, with two requests each; three would do.
    let mut both = Both::new(10, scaling(|_| ()));
    for second in 0..600 {
        both.second(second, 10, 2.0, 0);
    }
    let compared = both.shadow.compared();
    assert_eq!(both.shadow.replicas(), (3, 0));
    assert!((compared.seconds - 535.0).abs() <= 3.0, "{compared:?}");
    assert_eq!(
        compared.acting.replica_seconds.round(),
        10.0 * compared.seconds
    );
    let cost = compared.cost().unwrap();
    assert!((0.3..0.36).contains(&cost), "{compared:?}");
    assert_eq!(compared.silent_seconds, 0.0);
    assert!((compared.requests / compared.seconds - 40.0).abs() < 1.0);
    assert_eq!(compared.long_wait_share(&compared.shadow), 0.0);
    // No replica of it is silent: nothing is held for missing data.
    let last = both.shadow.last().unwrap();
    assert_eq!((last.present, last.ready), (3, 3));
    assert_eq!(last.bounds().count(), 0, "{}", last.sentence());
}

#[test]
fn with_too_few_the_line_grows_as_it_would() {
    let mut both = Both::new(4, scaling(|settings| settings.max = Some(1)));
    for second in 0..300 {
        both.second(second, 4, 5.0, 0);
    }
    let compared = both.shadow.compared();
    assert_eq!(both.shadow.replicas().0, 1);
    // Two in three seconds' work is left undone each second.
    assert!(
        compared.long_wait_share(&compared.shadow) > 0.9,
        "{compared:?}"
    );
    assert!(compared.shadow.waiting_seconds > 1e5, "{compared:?}");
    assert_eq!(compared.acting.waiting_seconds, 0.0);
}

#[test]
fn who_is_held_counts_as_coming_once_for_both() {
    let mut both = Both::new(0, scaling(|settings| settings.min = 1));
    // The one that acts never gets a replica: 5 wait, and for how long one takes it is waited for 48 s.
    for second in 0..110 {
        both.second(second, 0, 0.0, if second < 10 { 0 } else { 5 });
    }
    let compared = both.shadow.compared();
    assert!((compared.requests - 5.0).abs() < 0.1, "{compared:?}");
    assert!(
        (compared.acting.cold_starts - 5.0).abs() < 0.1,
        "{compared:?}"
    );
    assert_eq!(compared.shadow.cold_starts, 0.0);
    assert!(compared.measured_waiting_seconds > 200.0, "{compared:?}");
    assert_eq!((compared.cost(), compared.start_up_known), (None, false));
}

#[test]
fn at_zero_it_rests_and_a_long_rest_costs_nothing() {
    let mut both = Both::new(0, scaling(|settings| settings.initial = 0));
    both.second(10, 0, 0.0, 3);
    for second in 11..300 {
        both.second(second, 0, 0.0, 0);
    }
    assert!(both.shadow.is_at_rest());
    let before = both.shadow.compared();
    assert!(before.shadow.replica_seconds > 60.0);
    // Ten years later.
    both.second(315_360_000, 0, 0.0, 0);
    let after = both.shadow.compared();
    assert_eq!(after.shadow.replica_seconds, before.shadow.replica_seconds);
    assert!(after.seconds > 315_359_000.0);
    both.second(315_360_001, 0, 0.0, 1);
    for second in 315_360_002..315_360_060 {
        both.second(second, 0, 0.0, 1);
    }
    assert!(both.shadow.replicas() != (0, 0));
}

#[test]
fn the_same_is_the_same_to_the_bit() {
    let run = || {
        let mut both = Both::new(2, scaling(|_| ()));
        for second in 0..200 {
            both.second(second, 2, (second % 13) as f64, second % 3);
        }
        both.shadow.compared()
    };
    assert_eq!(run(), run());
}

#[test]
fn with_other_settings_what_is_compared_begins_anew() {
    let mut both = Both::new(2, scaling(|_| ()));
    for second in 0..200 {
        both.second(second, 2, 5.0, 0);
    }
    assert!(both.shadow.compared().seconds > 100.0);
    both.shadow.change(scaling(|settings| settings.min = 6));
    assert_eq!(both.shadow.compared().shadow, Bill::default());
    for second in 200..300 {
        both.second(second, 2, 5.0, 0);
    }
    let compared = both.shadow.compared();
    assert_eq!(both.shadow.replicas().0, 6);
    assert!((95.0..=101.0).contains(&compared.seconds), "{compared:?}");
    // Five seconds to start; then six.
    let cost = compared.cost().unwrap();
    assert!((2.8..=3.0).contains(&cost), "{compared:?}");
}

#[test]
fn a_pause_holds_the_acting_one_alone() {
    let mut both = Both::new(1, scaling(|settings| settings.paused = Paused::At(1)));
    for second in 0..100 {
        both.second(second, 1, 9.0, 5);
    }
    assert!(both.shadow.replicas().0 > 1, "{:?}", both.shadow.last());
}

/// A gauge that is the mean of the replicas, of which one is ready, and would be shared by those of the one beside.
#[test]
fn signals_and_schedules_reach_it_when_its_clock_does() {
    let cpu = Gauge {
        name: "cpu".to_owned(),
        aim: Aim::Mean(0.5),
        activation: None,
        interval: Duration::from_secs(10),
        measured: Measured::AtReplicas,
    };
    let gauges: Gauges = [cpu].into_iter().collect();
    let mut both = Both::new(1, scaling(|settings| settings.gauges = gauges.clone()));
    both.acting.change(
        scaling(|settings| {
            settings.gauges = gauges;
            settings.max = Some(1);
        }),
        at(0),
    );
    for second in 0..120 {
        both.second(second, 1, 1.0, 0);
        let now = at((second + 1) * 1000);
        let reading = Reading {
            signal: "cpu".to_owned(),
            age_seconds: 0.0,
            value: 1.0,
        };
        both.acting.read(now, &reading).unwrap();
        both.shadow.read(now, &reading, &both.acting);
    }
    // Of one whole CPU two replicas at a half each; told apart from its own count it would grow without end.
    assert_eq!(both.shadow.replicas(), (2, 0), "{:?}", both.shadow.last());
    let floor = Some(Floor {
        replicas: 5,
        name: "office".to_owned(),
    });
    both.acting.schedule(at(120_000), floor.clone());
    both.shadow.schedule(at(120_000), floor, &both.acting);
    for second in 120..140 {
        both.second(second, 1, 1.0, 0);
    }
    assert_eq!(both.shadow.replicas(), (5, 0), "{:?}", both.shadow.last());
}

#[test]
fn it_is_small_however_long_it_runs() {
    assert!(size_of::<Shadow>() <= 5_120, "{}", size_of::<Shadow>());
}
