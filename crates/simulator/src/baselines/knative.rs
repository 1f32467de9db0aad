// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Moment, Observation, Report};

use super::seconds::Seconds;
use crate::{Choice, OnHold, Policy, Reporting, Waiting};

/// Knative's autoscaler behind its activator, with its defaults: a target of 70 % of the container concurrency, stable
/// window 60 s, panic window a tenth of it, panic at twice the ready pods, up at most 1,000 times and down at most by
/// half in one decision, a decision every 2 s and at once for the first request at zero; to zero a stable window after
/// the last request and 30 s of grace.
///
/// The rule is written from its public behaviour, and held against the scenarios of its public tests. What is taken as
/// given: each pod is heard each second (no sample); the activator stands in the path all the time, as it does
/// with a target burst capacity of 211 and pods of few slots; it counts what it holds; its line is first in first out.
#[derive(Clone, Debug)]
pub struct Knative {
    rule: Rule,
    /// For the name: the share of the container concurrency.
    share: Option<f64>,
    slots: Option<u32>,
    grace_period: Duration,
    load: Seconds,
    present: u32,
    ready: u32,
    wanted: u32,
    idle_since: Option<Moment>,
    /// A request is held at zero.
    poked: bool,
}

impl Knative {
    /// With so many slots per pod, and a target of that share of them (0.7).
    #[must_use]
    pub fn of_slots(slots: u32, share: f64) -> Self {
        Self {
            share: Some(share),
            slots: Some(slots),
            ..Self::with_target(f64::from(slots) * share)
        }
    }
    /// Without a limit per pod; its default is a target of 70.
    #[must_use]
    pub fn with_target(target: f64) -> Self {
        Self {
            rule: Rule {
                target: target.max(0.01),
                stable_window: 60,
                panic_window: 6,
                panic_threshold: 2.0,
                max_up: 1000.0,
                max_down: 2.0,
                scale_down_delay: 0,
                panic_since: None,
                most_panic: 0,
                wishes: Vec::new(),
            },
            share: None,
            slots: None,
            grace_period: Duration::from_secs(30),
            load: Seconds::new(60),
            present: 0,
            ready: 0,
            wanted: 0,
            idle_since: None,
            poked: false,
        }
    }
    /// With another scale-down delay than none.
    #[must_use]
    pub fn scale_down_delay(mut self, delay: Duration) -> Self {
        self.rule.scale_down_delay = delay.as_secs();
        self
    }
    /// With another stable window than 60 s.
    #[must_use]
    pub fn stable_window(mut self, window: Duration) -> Self {
        let seconds = window.as_secs().clamp(6, 3600);
        self.rule.stable_window = seconds;
        self.rule.panic_window = (seconds / 10).max(1);
        self.load = Seconds::new(seconds);
        self
    }
}

impl Policy for Knative {
    fn name(&self) -> String {
        let mut name = match self.share {
            Some(share) => format!("Knative {:.0} %", share * 100.0),
            None => format!("Knative target {}", self.rule.target),
        };
        if self.rule.stable_window != 60 {
            name.push_str(&format!(", window {} s", self.rule.stable_window));
        }
        if self.rule.scale_down_delay > 0 {
            name.push_str(&format!(", delay {} s", self.rule.scale_down_delay));
        }
        name
    }
    fn reporting(&self) -> Reporting {
        Reporting {
            on_hold: OnHold::First,
            ..Reporting::default()
        }
    }
    fn report(&mut self, _now: Moment, report: &Report) {
        self.load.add(report.request_seconds);
    }
    fn holding(&mut self, now: Moment, waiting: &Waiting) {
        self.load.add(waiting.request_seconds);
        self.load.pass(now);
        self.poked |= waiting.holding.held > 0 && self.present == 0;
    }
    fn observe(&mut self, _now: Moment, observation: Observation) {
        self.ready = observation.ready;
        self.present = observation.present();
    }
    fn tick(&self) -> Duration {
        Duration::from_secs(2)
    }
    fn wants_decision_now(&self, _now: Moment) -> bool {
        self.poked
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        if std::mem::take(&mut self.poked) && self.wanted == 0 {
            // The activator tells of the first request at once, as one in flight.
            self.load.put(now, 1.0);
        }
        let stable = self.load.mean(now, self.rule.stable_window);
        let panic = self.load.mean(now, self.rule.panic_window);
        let desired = self.rule.decide(now, self.ready, stable, panic);
        if desired > 0 {
            self.idle_since = None;
            self.wanted = desired;
        } else if self.wanted > 0 {
            let since = *self.idle_since.get_or_insert(now);
            if now.since(since) >= self.grace_period {
                self.wanted = 0;
            }
        }
        Some(self.wanted)
    }
    fn is_at_rest(&self, _now: Moment) -> bool {
        self.wanted == 0 && self.present == 0
    }
    fn choice(&self) -> Choice {
        match self.slots {
            None => Choice::TwoAtRandom,
            Some(0..=3) => Choice::Oldest,
            Some(_) => Choice::InTurn,
        }
    }
}

/// The rule alone: averages in, count out.
#[derive(Clone, Debug)]
struct Rule {
    target: f64,
    stable_window: u64,
    panic_window: u64,
    panic_threshold: f64,
    max_up: f64,
    max_down: f64,
    scale_down_delay: u64,
    panic_since: Option<Moment>,
    most_panic: u32,
    /// Wishes within the scale-down delay, each larger than those after it.
    wishes: Vec<(Moment, u32)>,
}

impl Rule {
    fn decide(&mut self, now: Moment, ready: u32, stable: f64, panic: f64) -> u32 {
        let pods = f64::from(ready.max(1));
        let most = (self.max_up * pods).ceil();
        let least = (pods / self.max_down).floor();
        let stable = (stable / self.target).ceil();
        let panic = (panic / self.target).ceil();
        let bounded = |replicas: f64| replicas.max(least).min(most) as u32;
        let is_over = panic / pods >= self.panic_threshold;
        let window = Duration::from_secs(self.stable_window);
        match self.panic_since {
            _ if is_over => self.panic_since = Some(now),
            Some(since) if now.since(since) > window => {
                self.panic_since = None;
                self.most_panic = 0;
            }
            _ => {}
        }
        let mut desired = bounded(stable);
        if self.panic_since.is_some() {
            self.most_panic = self.most_panic.max(desired).max(bounded(panic));
            desired = self.most_panic;
        }
        self.largest_of_late(now, desired)
    }

    fn largest_of_late(&mut self, now: Moment, desired: u32) -> u32 {
        let delay = Duration::from_secs(self.scale_down_delay);
        self.wishes.retain(|(at, _)| now.since(*at) < delay);
        while self.wishes.last().is_some_and(|(_, wish)| *wish <= desired) {
            self.wishes.pop();
        }
        self.wishes.push((now, desired));
        self.wishes.first().map_or(desired, |(_, wish)| *wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(target: f64) -> Rule {
        Rule {
            max_up: 10.0,
            max_down: 10.0,
            ..Knative::with_target(target).rule
        }
    }
    fn at(seconds: f64) -> Moment {
        Moment::from_micros((seconds * 1e6) as u64)
    }
    /// A call (t, ready, stable, panic) and the count that is expected.
    type Call = ((f64, u32, f64, f64), u32);

    fn calls(mut rule: Rule, calls: &[Call]) {
        for ((now, ready, stable, panic), expected) in calls {
            let found = rule.decide(at(*now), *ready, *stable, *panic);
            assert_eq!(found, *expected, "{now} {ready} {stable} {panic}");
        }
    }

    #[test]
    fn the_scenarios_of_its_public_tests() {
        calls(rule(10.0), &[((0.0, 1, 0.0, 0.0), 0)]);
        calls(rule(10.0), &[((0.0, 1, 50.0, 49.0), 5)]);
        calls(rule(10.0), &[((0.0, 5, 50.0, 50.0), 5)]);
        let slow = Rule {
            max_down: 1.1,
            ..rule(10.0)
        };
        calls(slow, &[((0.0, 100, 1.0, 1.0), 90)]);
        calls(rule(10.0), &[((0.0, 1, 50.0, 100.0), 10)]);
        let extended = [((0.0, 10, 11.0, 25.0), 25), ((30.0, 40, 30.0, 80.0), 80)];
        calls(rule(1.0), &extended);
        let growth = [
            ((0.0, 1, 6.0, 6.0), 6),
            ((0.0, 6, 36.0, 36.0), 36),
            ((1.0, 36, 216.0, 216.0), 216),
            ((1.0, 216, 1296.0, 1296.0), 1296),
            ((2.0, 1296, 1296.0, 1296.0), 1296),
        ];
        calls(rule(1.0), &growth);
        let limit = [
            ((0.0, 1, 1000.0, 1001.0), 10),
            ((0.0, 10, 1000.0, 1001.0), 100),
        ];
        calls(rule(10.0), &limit);
        calls(rule(10.0), &[((0.0, 0, 1000.0, 888.0), 10)]);
    }

    #[test]
    fn the_largest_wish_within_the_delay_holds() {
        let delayed = Rule {
            panic_threshold: 100.0,
            scale_down_delay: 300,
            ..rule(10.0)
        };
        let rows = [
            (2.0, 40.0, 4),
            (300.0, 0.0, 4),
            (302.0, 0.0, 0),
            (540.0, 40.0, 4),
            (600.0, 30.0, 4),
            (660.0, 0.0, 4),
            (840.0, 0.0, 3),
            (900.0, 0.0, 0),
        ];
        let rows = rows.map(|(now, load, expected)| ((now, 0, load, load), expected));
        calls(delayed, &rows);
    }
}
