// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{
    Aim, Gauge, Gauges, Measured, Objective, Percentile, Policy, Reading, Report, Settings, Start,
    Target,
};

use super::{
    Reason,
    bed::{Bed, at, learned, plain, report, secs},
    bounds::given,
};

/// How the load is told.
pub(crate) fn reasons() -> Vec<Reason> {
    let reason = |sentence: String, meaning, then| Reason {
        sentence,
        meaning,
        then,
    };
    vec![
        reason(
            given(plain(), 3, 30.0, 30.0).sentence(),
            "The usual case: the mean over the stable window.",
            "`stableWindow`, `target`",
        ),
        reason(
            given(plain(), 3, 30.0, 80.0).sentence(),
            "Panic: over the short window the load is twice what the ready replicas are meant for. The larger of the two means counts, and nothing falls.",
            "`panicWindow`, `panicThreshold`",
        ),
        reason(
            burst(),
            "A burst: so many are there at this very moment that it is not waited for any mean.",
            "",
        ),
        reason(
            from_zero(),
            "There was no replica, and requests wait.",
            "`hold`",
        ),
        reason(
            held_beside(),
            "Replicas are there, and requests wait all the same.",
            "",
        ),
        reason(
            backlog(),
            "What has waited since before the last step has its replicas on the way already.",
            "",
        ),
        reason(given(plain(), 1, 0.0, 0.0).sentence(), "Rest.", ""),
        reason(
            idle(),
            "The mean still has a tail, and the idle delay is over: it is gone by the last request.",
            "`idleDelay`",
        ),
        reason(
            with_spare(0),
            "`policy: auto`: the load now, and what it may become while another replica starts, as it was seen to move.",
            "`thrift`",
        ),
        reason(
            with_spare(25),
            "The same when what is ready is too little.",
            "`thrift`",
        ),
        reason(
            each(48.0, 0.0),
            "A signal asks for more than the requests do: the value over what one replica is meant for.",
            "`perReplica` of the signal",
        ),
        reason(
            mean(),
            "A signal that is the mean of the replicas, and what it should be.",
            "`target` of the signal",
        ),
        reason(
            each(48.0, 100.0),
            "A signal that was not read for three intervals: what it last asked for stays.",
            "`cheerful explain` has why",
        ),
        reason(
            none(),
            "No signal asks for anything, and requests do not count here.",
            "",
        ),
        reason(
            unread(),
            "Only signals count, and none could be read yet.",
            "`cheerful explain` has why",
        ),
        reason(
            Bed::ready(plain(), 3).decide().sentence(),
            "Replicas ought to report and do not.",
            "the replicas, or the way from them",
        ),
        reason(
            Bed::ready(Settings { min: 2, ..plain() }, 0)
                .decide()
                .sentence(),
            "Nothing is there that could report.",
            "",
        ),
        reason(
            crate::bounds::example(cheerful_scaling::Bound::Initial).sentence(),
            "The first decision of all.",
            "`initial`",
        ),
    ]
}

/// A queue's length as the only signal, ten for each replica.
pub(crate) fn queue_length() -> Settings {
    with_gauge(Aim::Each(10.0))
}

fn with_gauge(aim: Aim) -> Settings {
    let gauge = Gauge {
        name: "mail-queue".to_owned(),
        aim,
        activation: None,
        interval: Gauge::INTERVAL,
        measured: Measured::Elsewhere,
    };
    Settings {
        gauges: Gauges::from_iter([gauge]),
        scale_down_delay: Settings::default().scale_down_delay,
        ..plain()
    }
}

/// The signal was read just now.
pub(crate) fn read(bed: &mut Bed, value: f64) {
    let reading = Reading {
        signal: "mail-queue".to_owned(),
        age_seconds: 0.0,
        value,
    };
    bed.scaler.read(at(bed.now), &reading).unwrap();
}

/// Requests do not count.
pub(crate) fn alone(settings: Settings) -> Settings {
    Settings {
        requests: false,
        ..settings
    }
}

fn none() -> String {
    let mut bed = Bed::ready(alone(queue_length()), 2);
    // What is found at a start is held for a stable window.
    bed.now = 100.0;
    read(&mut bed, 0.0);
    bed.decide().sentence()
}

fn each(value: f64, later: f64) -> String {
    let settings = alone(queue_length());
    let mut bed = Bed::ready(settings, 2);
    read(&mut bed, value);
    bed.now += later;
    bed.decide().sentence()
}

fn mean() -> String {
    let settings = alone(with_gauge(Aim::Mean(70.0)));
    let mut bed = Bed::ready(settings, 2);
    read(&mut bed, 93.0);
    bed.decide().sentence()
}

fn unread() -> String {
    let settings = alone(queue_length());
    Bed::ready(settings, 2).decide().sentence()
}

fn burst() -> String {
    let mut bed = Bed::ready(plain(), 1);
    bed.now = 1.0;
    let now = Report {
        in_flight: Some(88.0),
        ..report("a", 0.01, 88.0)
    };
    bed.report(&now).unwrap();
    bed.decide().sentence()
}

fn from_zero() -> String {
    let mut bed = Bed::ready(plain(), 0);
    bed.hold(25, 25);
    bed.decide().sentence()
}

fn held_beside() -> String {
    let mut bed = Bed::new(plain(), Start::default());
    bed.given(0.0, 3, 30.0, 30.0);
    bed.hold(4, 4);
    bed.decide().sentence()
}

fn backlog() -> String {
    let mut bed = Bed::ready(plain(), 0);
    bed.hold(25, 25);
    bed.decide();
    bed.observe(0, 3);
    bed.now = 5.0;
    bed.hold(100, 5);
    bed.decide().sentence()
}

fn idle() -> String {
    let settings = Settings {
        idle_delay: secs(30).into(),
        ..plain()
    };
    let mut bed = Bed::ready(settings, 1);
    bed.run(60, 0..1, 10.0);
    bed.run(30, 0..1, 0.0);
    bed.decide().sentence()
}

/// A load that moves, with replicas that take 2 s to start.
fn with_spare(held: u64) -> String {
    let settings = Settings {
        policy: Policy::Auto,
        ..plain()
    };
    let mut bed = Bed::ready(settings, 4);
    for second in 0_u32..60 {
        bed.now += 1.0;
        let each = 7.5 + f64::from(second % 2) * 2.5;
        for replica in ["a", "b", "c", "d"] {
            let with_requests = Report {
                requests: 8,
                ..report(replica, 1.0, each)
            };
            bed.report(&with_requests).unwrap();
        }
        bed.decide();
    }
    bed.now += 1.0;
    bed.hold(held, held);
    bed.decide().sentence()
}

/// What is known of a learned target.
pub(crate) fn targets() -> Vec<Reason> {
    let steep = "[[5,0.4,2,[0.2,0.4,1]],[7,0.6,2,[0.2,0.4,1]],[9,1.6,2,[0.9,1,1]]]";
    let flat = "[[5,0.02,2,[0.1,0.1,1]],[7,0.02,2,[0.1,0.1,1]],[9,0.02,2,[0.1,0.1,1]]]";
    let within = Some(Objective {
        percentile: Percentile::P95,
        within: std::time::Duration::from_millis(250),
    });
    let auto = Settings {
        target: Target::Auto,
        ..plain()
    };
    let nothing = Bed::new(auto, Start::default()).scaler.learned().unwrap();
    let reason = |sentence: String, meaning| Reason {
        sentence,
        meaning,
        then: "",
    };
    vec![
        reason(
            nothing.to_string(),
            "No latency was seen yet: 10 each, or 0.7 times the hard limit.",
        ),
        reason(
            learned(None, "[]", None),
            "There is data, but always of the same load; how latency rises with it cannot be known.",
        ),
        reason(
            learned(None, steep, None),
            "Above that many at once in a replica latency is half as much again as for a request that is alone.",
        ),
        reason(
            learned(None, flat, None),
            "It was never so high; the target rises with what was seen.",
        ),
        reason(
            learned(within, steep, Some(200)),
            "With `latency: {p95: 250ms}`: where that objective ends.",
        ),
        reason(
            learned(within, flat, Some(200)),
            "It holds as far as was seen.",
        ),
        reason(
            learned(within, flat, Some(900)),
            "More replicas would not help: the objective cannot be met.",
        ),
    ]
}
