// SPDX-License-Identifier: Apache-2.0
//! Signals that are no requests in flight: the largest wins and is named, one that has gone holds, and what cannot be
//! counted changes nothing.
#![allow(clippy::unwrap_used)]
mod bed;
use bed::{Bed, at, plain, report, secs};
use cheerful_scaling::{
    Aim, Delay, Floor, Gauge, Measured, Reading, Refusal, Settings, Start, invariants,
};
use proptest::{collection::vec, prelude::*};

/// A signal that is read elsewhere each 15 s: a queue's length.
fn each(name: &str, value: f64) -> Gauge {
    Gauge {
        name: name.to_owned(),
        aim: Aim::Each(value),
        activation: None,
        interval: Gauge::INTERVAL,
        measured: Measured::Elsewhere,
    }
}

/// A signal that is the mean of the ready replicas: their CPU.
fn mean(name: &str, target: f64) -> Gauge {
    Gauge {
        aim: Aim::Mean(target),
        measured: Measured::AtReplicas,
        ..each(name, target)
    }
}

/// With these signals in place of requests, and no wait before a step down.
fn signals(gauges: Vec<Gauge>) -> Settings {
    Settings {
        requests: false,
        gauges: gauges.into_iter().collect(),
        scale_down_delay: Delay::Given(secs(0)),
        ..plain()
    }
}

fn reading(signal: &str, value: f64) -> Reading {
    Reading {
        signal: signal.to_owned(),
        age_seconds: 0.0,
        value,
    }
}

/// Some time after a start, in which nothing falls.
fn bed(settings: Settings, ready: u32) -> Bed {
    let mut bed = Bed::ready(settings, ready);
    bed.now = 100.0;
    bed
}

impl Bed {
    fn read(&mut self, signal: &str, value: f64) -> Result<(), Refusal> {
        self.scaler.read(at(self.now), &reading(signal, value))
    }
}

#[test]
fn the_largest_of_several_wins_and_is_named() {
    let mut settings = signals(vec![
        each("mails", 10.0),
        each("orders", 2.0),
        mean("cpu", 70.0),
    ]);
    settings.requests = true;
    let mut bed = bed(settings, 2);
    bed.run(5, 0..2, 15.0);
    for (mails, orders, cpu, replicas, sentence) in [
        // Requests alone: 30 in flight at 10 each.
        (
            0.0,
            0.0,
            10.0,
            3,
            "2 -> 3: 30 requests in flight on average over 60 s, target 10 each",
        ),
        (
            48.0,
            3.0,
            10.0,
            5,
            "2 -> 5: the signal mails wants 5: 48 over all, 10 each; the requests want 3",
        ),
        (
            48.0,
            13.0,
            10.0,
            7,
            "2 -> 7: the signal orders wants 7: 13 over all, 2 each; the requests want 3",
        ),
        (
            48.0,
            13.0,
            280.0,
            8,
            "2 -> 8: the signal cpu wants 8: 280 on average over 2 replicas, target 70; the requests want 3",
        ),
    ] {
        bed.now += 0.1;
        bed.read("mails", mails).unwrap();
        bed.read("orders", orders).unwrap();
        bed.read("cpu", cpu).unwrap();
        let decision = bed.decide();
        assert_eq!(
            (decision.replicas, decision.sentence()),
            (replicas, sentence.to_owned())
        );
    }
}

#[test]
fn a_signal_that_has_gone_holds_what_it_last_asked_for_and_says_so() {
    let mut bed = bed(signals(vec![each("mails", 10.0), each("orders", 2.0)]), 5);
    bed.read("mails", 48.0).unwrap();
    bed.read("orders", 2.0).unwrap();
    assert_eq!(bed.replicas(), 5);
    // The other goes on and asks for less all the time.
    for _ in 0..240 {
        bed.now += 15.0;
        bed.read("orders", 1.0).unwrap();
        assert_eq!(bed.replicas(), 5, "after {} s", bed.now);
    }
    let sentence = bed.decide().sentence();
    assert!(
        sentence.starts_with(
            "stays at 5: the signal mails wants 5: 48 over all, 10 each (not read for "
        ),
        "{sentence}"
    );
    let views = bed.scaler.gauges(at(bed.now));
    assert_eq!((views[0].gone, views[1].gone), (true, false));
    // Once it is read again, it counts as it is.
    bed.now += 1.0;
    bed.read("mails", 9.0).unwrap();
    assert_eq!(bed.replicas(), 1);
}

#[test]
fn one_that_was_never_read_lowers_nothing() {
    let mut bed = bed(signals(vec![each("mails", 10.0), each("orders", 2.0)]), 6);
    bed.read("orders", 2.0).unwrap();
    let decision = bed.decide();
    assert_eq!(decision.replicas, 6);
    assert_eq!(
        decision.sentence(),
        "stays at 6: the signal orders wants 1: 2 over all, 2 each; kept from 1 by the signal mails, which was never read"
    );
    // Nor does it stand in the way of more.
    bed.now += 1.0;
    bed.read("orders", 20.0).unwrap();
    assert_eq!(bed.replicas(), 10);
}

#[test]
fn what_cannot_be_counted_is_refused_by_reason_and_changes_nothing() {
    let mut bed = bed(signals(vec![each("mails", 10.0)]), 5);
    bed.read("mails", 48.0).unwrap();
    bed.now += 10.0;
    for (reading, refusal) in [
        (reading("mails", f64::NAN), Refusal::NotFinite),
        (reading("mails", f64::INFINITY), Refusal::NotFinite),
        (reading("mails", f64::NEG_INFINITY), Refusal::NotFinite),
        (reading("mails", -1.0), Refusal::Negative),
        (reading("mails", 1e19), Refusal::TooLarge),
        (reading("others", 1.0), Refusal::UnknownSignal),
        (
            Reading {
                age_seconds: -1.0,
                ..reading("mails", 0.0)
            },
            Refusal::Future,
        ),
        (
            Reading {
                age_seconds: f64::NAN,
                ..reading("mails", 0.0)
            },
            Refusal::NotFinite,
        ),
        (
            Reading {
                age_seconds: 60.0,
                ..reading("mails", 0.0)
            },
            Refusal::TooOld,
        ),
        (
            Reading {
                age_seconds: 11.0,
                ..reading("mails", 0.0)
            },
            Refusal::Duplicate,
        ),
    ] {
        let before = bed.scaler.refused().get(refusal);
        assert_eq!(
            bed.scaler.read(at(bed.now), &reading),
            Err(refusal),
            "{reading:?}"
        );
        assert_eq!(bed.scaler.refused().get(refusal), before + 1);
        assert_eq!(bed.replicas(), 5, "{reading:?}");
    }
}

#[test]
fn a_schedule_is_a_floor_below_which_nothing_goes_and_is_named() {
    let mut bed = bed(signals(vec![each("mails", 10.0)]), 1);
    bed.read("mails", 9.0).unwrap();
    let floor = |replicas| Floor {
        replicas,
        name: "office hours".to_owned(),
    };
    bed.scaler.schedule(at(0.0), Some(floor(4)));
    let decision = bed.decide();
    assert_eq!(decision.replicas, 4);
    assert_eq!(
        decision.sentence(),
        "1 -> 4: the signal mails wants 1: 9 over all, 10 each; kept from 1 by the schedule office hours: min 4"
    );
    bed.now += 1.0;
    bed.read("mails", 70.0).unwrap();
    let decision = bed.decide();
    assert_eq!(decision.replicas, 7);
    assert!(
        !decision.sentence().contains("schedule"),
        "{}",
        decision.sentence()
    );
    bed.observe(7, 0);
    bed.now += 1.0;
    bed.read("mails", 9.0).unwrap();
    assert_eq!(bed.replicas(), 4);
    bed.scaler.schedule(at(bed.now), None);
    assert_eq!(bed.replicas(), 1);
}

#[test]
fn what_is_longer_than_a_sentence_takes_is_cut_and_shows_it() {
    let name = "the-longest-name-of-a-signal-that-the-settings-would-ever-take";
    let mut bed = bed(signals(vec![each(name, 10.0)]), 1);
    bed.read(name, 15.0).unwrap();
    let floor = Floor {
        replicas: 3,
        name: name.to_owned(),
    };
    bed.scaler.schedule(at(0.0), Some(floor));
    assert_eq!(
        bed.decide().sentence(),
        "1 -> 3: the signal the-longest-name-of-a-signal-th... wants 2: 15 over all, 10 each; \
         kept from 2 by the schedule the-longest-name-of-a-signal-th...: min 3"
    );
}

/// What may arrive: of which signal, after how long, how old, how much.
#[derive(Clone, Debug)]
struct Arrival {
    after: f64,
    reading: Reading,
}

const NAMES: [&str; 3] = ["mails", "orders", "cpu"];

fn watched(delay: u64) -> Settings {
    Settings {
        max: Some(40),
        max_up: 1e9,
        scale_down_delay: secs(delay).into(),
        ..signals(vec![
            each("mails", 10.0),
            each("orders", 2.0),
            mean("cpu", 70.0),
        ])
    }
}

fn arrivals(
    values: impl Strategy<Value = f64>,
    names: usize,
) -> impl Strategy<Value = Vec<Arrival>> {
    let arrival =
        (0.0..30.0_f64, 0..names, 0.0..5.0_f64, values).prop_map(|(after, name, age, value)| {
            Arrival {
                after,
                reading: Reading {
                    signal: NAMES[name].to_owned(),
                    age_seconds: age,
                    value,
                },
            }
        });
    vec(arrival, 1..40)
}

fn bad() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1.0,
        -1e-300,
        1.1e18,
        f64::MAX,
    ])
}

proptest! {
    #[test]
    fn bad_values_are_as_if_they_had_not_come(good in arrivals(0.0..500.0_f64, 3), wrong in vec((bad(), 0..3_usize), 40)) {
        let mut plain = bed(watched(0), 2);
        let mut troubled = bed(watched(0), 2);
        for (arrival, (value, name)) in good.iter().zip(&wrong) {
            for bed in [&mut plain, &mut troubled] {
                bed.now += arrival.after;
                let _taken_or_late = bed.scaler.read(at(bed.now), &arrival.reading);
            }
            prop_assert!(troubled.read(NAMES[*name], *value).is_err());
            let (a, b) = (plain.decide(), troubled.decide());
            prop_assert_eq!(a.sentence(), b.sentence());
            prop_assert_eq!(a, b);
        }
        let refused = troubled.scaler.refused().total() - plain.scaler.refused().total();
        prop_assert_eq!(refused, good.len().min(wrong.len()) as u64);
    }

    #[test]
    fn whatever_is_read_the_scale_is_within_its_bounds(
        any in arrivals(prop_oneof![4 => 0.0..500.0_f64, 1 => bad(), 1 => 0.0..1e18_f64], 3),
        delay in 0..100_u64, ready in 0..9_u32,
    ) {
        let settings = watched(delay);
        let mut bed = bed(settings.clone(), ready);
        for arrival in any {
            bed.now += arrival.after;
            let _taken_or_refused = bed.scaler.read(at(bed.now), &arrival.reading);
            let decision = bed.decide();
            prop_assert!(invariants::is_within_bounds(&decision, &settings), "{decision:?}");
            bed.observe(decision.replicas, 0);
        }
    }

    #[test]
    fn a_signal_that_goes_silent_never_pulls_down(
        last in 0.0..500.0_f64, others in arrivals(0.0..100.0_f64, 2), delay in 0..100_u64,
    ) {
        // Of the two others one is the first of the list, so that the silent one is now first, now not.
        let mut settings = watched(delay);
        settings.gauges = vec![each("mails", 10.0), each("orders", 2.0), each("silent", 7.0)].into_iter().collect();
        let mut bed = bed(settings, 3);
        bed.read("silent", last).unwrap();
        let wants = ((last / 7.0).ceil() as u32).min(40);
        for arrival in others {
            bed.now += 20.0 * arrival.after;
            let _taken_or_late = bed.scaler.read(at(bed.now), &arrival.reading);
            let decision = bed.decide();
            prop_assert!(decision.replicas >= wants, "{wants}: {}", decision.sentence());
            bed.observe(decision.replicas, 0);
        }
    }

    #[test]
    fn the_largest_wish_counts_and_the_first_that_has_it_is_named(
        mails in 0.0..300.0_f64, orders in 0.0..60.0_f64, load in 0.0..100.0_f64,
    ) {
        let mut settings = signals(vec![each("mails", 10.0), each("orders", 2.0)]);
        settings.requests = true;
        settings.max_up = 1e9;
        let mut bed = Bed::new(settings, Start { ready: 1, ..Start::default() });
        bed.observe(1, 0);
        for _ in 0..60 {
            bed.now += 1.0;
            bed.report(&report("a", 1.0, load)).unwrap();
        }
        bed.read("mails", mails).unwrap();
        bed.read("orders", orders).unwrap();
        let decision = bed.decide();
        let count = |value: f64, each: f64| (value / each - 1e-9).ceil().max(0.0) as u32;
        let (by_mails, by_orders) = (count(mails, 10.0), count(orders, 2.0));
        let sentence = decision.sentence();
        prop_assert!(decision.wanted >= by_mails.max(by_orders), "{sentence}");
        let requests = decision.wanted > by_mails.max(by_orders);
        let named = if by_mails >= by_orders { "the signal mails wants" } else { "the signal orders wants" };
        prop_assert!(requests || by_mails.max(by_orders) == 0 || sentence.contains(named)
            || sentence.contains("in flight"), "{sentence}");
    }
}
