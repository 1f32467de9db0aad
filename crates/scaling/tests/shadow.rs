// SPDX-License-Identifier: Apache-2.0
//! A second policy beside the one that acts: what it sees, what it costs, and what it leaves alone.
#![allow(missing_docs, clippy::unwrap_used)]
use std::time::Duration;

use cheerful_scaling::{
    Concurrency, Holding, Moment, Observation, Report, Scaler, Scaling, Settings, Shadow, Start,
    Target,
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
        sequence: None,
        age_seconds: 0.0,
        seconds: 1.0,
        request_seconds: concurrency,
        waiting_seconds: 0.0,
        requests,
        refused: 0,
        in_flight: None,
        latency: None,
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
        let shadow = Shadow::new(beside, start, TICK, &acting, at(0));
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
    // The one that acts never gets a replica: 5 wait.
    for second in 0..60 {
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
    for second in 315_360_002..315_360_010 {
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
fn other_settings_keep_what_was_counted() {
    let mut both = Both::new(2, scaling(|_| ()));
    for second in 0..200 {
        both.second(second, 2, 5.0, 0);
    }
    let before = both.shadow.compared();
    both.shadow.change(scaling(|settings| settings.min = 6));
    for second in 200..300 {
        both.second(second, 2, 5.0, 0);
    }
    assert_eq!(both.shadow.replicas().0, 6);
    assert!(both.shadow.compared().seconds > before.seconds + 90.0);
}
