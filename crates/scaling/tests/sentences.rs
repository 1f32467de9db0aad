// SPDX-License-Identifier: Apache-2.0
//! What a person reads, to the letter.
#![allow(clippy::unwrap_used)]
mod bed;
use bed::{Bed, at, learned, plain, report, secs};
use cheerful_scaling::{
    Averages, Concurrency, Moment, Objective, Observation, Paused, Percentile, Report, Scaler,
    Scaling, Settings, Start, Target,
};

/// The sentence of a decision from averages.
fn given(settings: Settings, ready: u32, stable: f64, panic: f64) -> String {
    Bed::new(settings, Start::default())
        .given(0.0, ready, stable, panic)
        .sentence()
}

#[test]
fn demand_and_the_bounds_of_a_person() {
    let max = Settings {
        target: Target::PerReplica(5.6),
        max: Some(8),
        ..plain()
    };
    assert_eq!(
        given(max, 3, 30.0, 48.2),
        "3 -> 8: 48.2 requests in flight on average over 6 s (panic), target 5.6 each; \
         limited from 9 by max 8"
    );
    assert_eq!(
        given(plain(), 3, 30.0, 30.0),
        "stays at 3: 30 requests in flight on average over 60 s, target 10 each"
    );
    assert_eq!(
        given(Settings { min: 2, ..plain() }, 2, 1.0, 1.0),
        "stays at 2: 1 request in flight on average over 60 s, target 10 each; kept from 1 by min 2"
    );
    assert_eq!(
        given(
            Settings {
                activation: 3,
                ..plain()
            },
            1,
            15.0,
            15.0
        ),
        "1 -> 3: 15 requests in flight on average over 60 s, target 10 each; \
         kept from 2 by activation 3"
    );
    let paused = Settings {
        paused: Paused::At(4),
        ..plain()
    };
    assert_eq!(
        given(paused, 3, 90.0, 50.0),
        "3 -> 4: 90 requests in flight on average over 60 s, target 10 each; \
         limited from 9 by paused at 4"
    );
}

#[test]
fn the_limits_of_one_step() {
    assert_eq!(
        given(plain(), 1, 1000.0, 1001.0),
        "1 -> 10: 1001 requests in flight on average over 6 s (panic), target 10 each; \
         limited from 101 by maxUp 10"
    );
    assert_eq!(
        given(
            Settings {
                max_down: 1.1,
                ..plain()
            },
            100,
            10.0,
            10.0
        ),
        "100 -> 90: 10 requests in flight on average over 60 s, target 10 each; \
         kept from 1 by maxDown 1.1"
    );
}

#[test]
fn the_automatic_target() {
    let auto = Settings {
        target: Target::Auto,
        ..plain()
    };
    assert_eq!(
        given(auto.clone(), 1, 12.0, 12.0),
        "1 -> 2: 12 requests in flight on average over 60 s, \
         target 10 each (auto: not sure yet: no data)"
    );
    let limited = Settings {
        concurrency: Concurrency::Limit(1),
        ..auto
    };
    assert_eq!(
        given(limited, 0, 0.0, 0.0),
        "stays at 0: no request in flight over 60 s, target 0.7 each (auto: not sure yet: no data)"
    );
}

#[test]
fn from_zero_and_a_backlog() {
    let mut bed = Bed::ready(plain(), 0);
    bed.hold(25, 25);
    assert_eq!(
        bed.decide().sentence(),
        "0 -> 3: 25 requests held, target 10 each"
    );
    bed.observe(0, 3);
    bed.now = 5.0;
    bed.hold(100, 5);
    assert_eq!(
        bed.decide().sentence(),
        "stays at 3: 100 requests held, target 10 each; \
         what piled up is not counted twice while 3 replicas start"
    );
}

#[test]
fn a_burst() {
    let mut bed = Bed::ready(plain(), 1);
    bed.now = 1.0;
    bed.report(&Report {
        in_flight: Some(88.0),
        ..report("a", 0.01, 88.0)
    })
    .unwrap();
    assert_eq!(
        bed.decide().sentence(),
        "1 -> 9: 88 requests in flight or held right now (a burst), target 10 each"
    );
}

#[test]
fn no_data_and_missing_data() {
    let mut bed = Bed::ready(plain(), 3);
    assert_eq!(
        bed.decide().sentence(),
        "stays at 3: no report from 3 ready replicas over 60 s"
    );
    bed.now = 100.0;
    bed.run(60, 0..2, 5.0);
    assert_eq!(
        bed.decide().sentence(),
        "stays at 3: 15 requests in flight on average over 60 s, target 10 each; \
         kept from 2 by missing reports, without which nothing falls"
    );
    let mut bed = Bed::ready(Settings { min: 2, ..plain() }, 0);
    assert_eq!(
        bed.decide().sentence(),
        "0 -> 2: no replica is ready to report, and no request came over 60 s; held by min 2"
    );
    let new = Start {
        new: true,
        ..Start::default()
    };
    let mut scaler = Scaler::new(
        Scaling::new(Settings::default()).unwrap(),
        new,
        Moment::ZERO,
    );
    assert_eq!(
        scaler.decide(Moment::ZERO).sentence(),
        "0 -> 1: new, and no request yet; held by initial 1"
    );
}

#[test]
fn the_way_to_zero() {
    let settings = Settings {
        idle_delay: secs(30).into(),
        ..plain()
    };
    let mut bed = Bed::ready(settings.clone(), 1);
    bed.run(60, 0..1, 0.0);
    bed.given(60.0, 1, 1.0, 1.0);
    bed.given(72.0, 1, 0.0, 0.0);
    assert_eq!(
        bed.decide().sentence(),
        "stays at 1: no request in flight over 60 s, target 10 each; \
         kept from 0 by idleDelay 30 s (18 s to go)"
    );
    assert_eq!(
        bed.given(90.0, 1, 0.0, 0.0).sentence(),
        "1 -> 0: no request in flight over 60 s, target 10 each"
    );
    let mut bed = Bed::ready(settings, 1);
    bed.run(60, 0..1, 10.0);
    bed.run(30, 0..1, 0.0);
    assert_eq!(
        bed.decide().sentence(),
        "1 -> 0: the last request is longer ago than the idle delay of 30 s, target 10 each"
    );
}

#[test]
fn the_grace_period() {
    let sentence = |gateway_since| {
        let mut bed = Bed::new(
            Settings {
                grace_period: secs(30),
                ..plain()
            },
            Start::default(),
        );
        let observation = Observation {
            ready: 1,
            gateway_since,
            ..Observation::default()
        };
        bed.scaler.observe(at(100.0), observation);
        bed.scaler
            .averages(
                at(100.0),
                Averages {
                    stable: 0.0,
                    panic: 0.0,
                },
            )
            .unwrap();
        bed.scaler.decide(at(100.0)).sentence()
    };
    assert_eq!(
        sentence(Some(at(82.0))),
        "stays at 1: no request in flight over 60 s, target 10 each; \
         kept from 0 by gracePeriod 30 s (12 s to go)"
    );
    assert_eq!(
        sentence(None),
        "stays at 1: no request in flight over 60 s, target 10 each; \
         kept from 0 by the gateway, which is not in the path yet"
    );
}

#[test]
fn delay_panic_and_initial() {
    let settings = Settings {
        scale_down_delay: secs(300).into(),
        panic_threshold: 100.0,
        ..plain()
    };
    let mut bed = Bed::new(settings, Start::default());
    bed.given(0.0, 4, 40.0, 40.0);
    assert_eq!(
        bed.given(180.0, 4, 10.0, 10.0).sentence(),
        "stays at 4: 10 requests in flight on average over 60 s, target 10 each; \
         kept from 1 by scaleDownDelay 300 s (120 s to go)"
    );
    let mut bed = Bed::new(plain(), Start::default());
    bed.given(0.0, 1, 40.0, 40.0);
    assert_eq!(
        bed.given(18.0, 4, 10.0, 10.0).sentence(),
        "stays at 4: 10 requests in flight on average over 6 s (panic), target 10 each; \
         kept from 1 by panic, in which nothing falls (42 s to go)"
    );
    let start = Start {
        new: true,
        ..Start::default()
    };
    let mut bed = Bed::new(
        Settings {
            initial: 2,
            ..plain()
        },
        start,
    );
    assert_eq!(
        bed.given(0.0, 0, 0.0, 0.0).sentence(),
        "0 -> 2: no request in flight over 60 s, target 10 each; kept from 0 by initial 2"
    );
}

#[test]
fn as_json_it_carries_the_same() {
    let decision = Bed::new(plain(), Start::default()).given(30.0, 40, 30.0, 41.0);
    let line: serde_json::Value = serde_json::to_value(decision).unwrap();
    assert_eq!(line["at"], 30.0);
    assert_eq!(line["mode"], "stable");
    assert_eq!(line["replicas"], 3);
    assert_eq!(line["bounds"], serde_json::json!([]));
    assert_eq!(line["why"], decision.sentence());
}

#[test]
fn the_learned_target() {
    let steep = "[[5,0.4,2,[0.2,0.4,1]],[7,0.6,2,[0.2,0.4,1]],[9,1.6,2,[0.9,1,1]]]";
    let flat = "[[5,0.02,2,[0.1,0.1,1]],[7,0.02,2,[0.1,0.1,1]],[9,0.02,2,[0.1,0.1,1]]]";
    let within = |millis| {
        Some(Objective {
            percentile: Percentile::P95,
            within: std::time::Duration::from_millis(millis),
        })
    };
    let said = [
        learned(None, steep, None),
        learned(None, flat, None),
        learned(None, "[]", None),
        learned(within(250), steep, Some(200)),
        learned(within(250), flat, Some(200)),
        learned(within(250), flat, Some(900)),
    ];
    let expected = [
        "learned: latency rises 50 % above 4.59; 12 min of data",
        "learned: latency rises less than 50 % up to 12.5; 12 min of data",
        "auto: not sure yet: the load of a replica hardly changes; 12 min of data",
        "learned: p95 is over 250 ms above 4.11; 12 min of data",
        "learned: p95 stays within 250 ms up to 12.5; 12 min of data",
        "learned: p95 is over 250 ms even for a request that is alone; 12 min of data",
    ];
    assert_eq!(said, expected);
}
