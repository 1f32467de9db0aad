// SPDX-License-Identifier: Apache-2.0
//! What the policy is told, and when it decides.
use std::time::Duration;

use cheerful_scaling::{Holding, SerializerEvent};

use super::{books::micros, replica::State, run::Run};
use crate::{Model, OnHold, Reporting, Waiting};

/// When the policy is fed next.
#[derive(Debug)]
pub(super) struct Feed {
    reporting: Reporting,
    phase: u64,
    report_at: u64,
    tick_at: u64,
    /// When a burst is looked at.
    look_at: u64,
    /// When what came to be held is told.
    held_at: u64,
    /// The earliest of these.
    pub(super) next: u64,
    /// Nothing is there and the policy is at rest: its ticks and reports are left out until a request comes.
    asleep: bool,
    /// Whether a crossing of the threshold is to be told.
    armed: bool,
    burst_threshold: f64,
    /// Requests that came to be held since that was told.
    pub(super) arrived: u64,
    held_told: u64,
    told_at: u64,
}

/// From the moment a burst shows to the look, as in the gateway.
const BURST_DELAY: u64 = micros(Duration::from_millis(20));
/// Most turns of news and decision in one moment: a policy that never comes to rest waits for the next tick.
const MOST_TURNS: usize = 16;

impl Feed {
    pub(super) fn new(reporting: Reporting, model: &Model) -> Self {
        let phase = micros(model.phase);
        let reports_from = phase.saturating_add(micros(model.reports_after));
        Self {
            report_at: reporting.interval.map_or(u64::MAX, |every| {
                interval(every).saturating_add(reports_from)
            }),
            phase,
            reporting,
            tick_at: 0,
            look_at: u64::MAX,
            held_at: u64::MAX,
            next: 0,
            asleep: false,
            armed: true,
            burst_threshold: f64::INFINITY,
            arrived: 0,
            held_told: 0,
            told_at: 0,
        }
    }
    /// A request came to be held, as one of so many.
    pub(super) fn hold(&mut self, held: usize, now: u64) {
        let told = match self.reporting.on_hold {
            OnHold::Nothing => false,
            OnHold::First => held == 1,
            OnHold::Each => true,
        };
        if told {
            self.held_at = now;
            self.next = self.next.min(now);
        }
    }
    /// So many requests are in flight and held.
    pub(super) fn show_burst(&mut self, present: u64, now: u64) {
        if self.armed && present as f64 > self.burst_threshold {
            self.armed = false;
            self.look_at = self.look_at.min(now + BURST_DELAY);
            self.next = self.next.min(self.look_at);
        }
    }
    /// A request comes: ticks and reports go on as if they had never been left out.
    pub(super) fn wake(&mut self, tick: Duration, now: u64) {
        if !std::mem::take(&mut self.asleep) {
            return;
        }
        let tick = interval(tick);
        // What is due at this very moment still is.
        self.tick_at += now.saturating_sub(self.tick_at).div_ceil(tick) * tick;
        if let Some(every) = self.reporting.interval.map(interval) {
            self.report_at += now.saturating_sub(self.report_at).div_ceil(every) * every;
            let before = self.report_at.saturating_sub(every).min(now);
            self.told_at = self.told_at.max(before);
        }
        self.plan();
    }
    pub(super) const fn is_asleep(&self) -> bool {
        self.asleep
    }
    fn set_threshold(&mut self, requests: f64) {
        self.armed |= requests.to_bits() != self.burst_threshold.to_bits();
        self.burst_threshold = requests;
    }
    fn plan(&mut self) {
        let at_once = self.look_at.min(self.held_at);
        self.next = if self.asleep {
            at_once
        } else {
            at_once.min(self.report_at).min(self.tick_at)
        };
    }
}

impl Run<'_> {
    /// Tells what is due, and decides if it is time.
    pub(super) fn feed_policy(&mut self) {
        if self.feed.held_at <= self.now {
            self.feed.held_at = u64::MAX;
            self.collect(false);
        }
        if self.feed.look_at <= self.now {
            self.feed.look_at = u64::MAX;
            self.collect(true);
        }
        if self.feed.report_at <= self.now {
            let every = self.feed.reporting.interval.map_or(u64::MAX, interval);
            self.feed.report_at = self.feed.report_at.saturating_add(every);
            self.collect(false);
        }
        if self.feed.tick_at <= self.now {
            let tick = interval(self.policy.tick());
            // The first one is at the very beginning.
            let phase = if self.feed.tick_at == 0 {
                self.feed.phase
            } else {
                0
            };
            self.feed.tick_at += tick + phase;
            if self.policy.is_at_rest(self.moment()) {
                self.feed.asleep = self.nothing_is_there() && self.scaling.is_none();
            } else {
                self.wish(SerializerEvent::Tick);
                self.decide();
            }
        }
        self.feed.plan();
    }

    /// What the platform has to say; a decision may follow, and news of it.
    pub(super) fn tell_news(&mut self) {
        for _ in 0..MOST_TURNS {
            if !std::mem::take(&mut self.news) {
                return;
            }
            let seen = self.seen();
            if seen == self.told && self.now > 0 {
                return;
            }
            self.told = seen;
            self.policy.observe(self.moment(), seen);
            self.ask_threshold();
            self.decide_if_wanted();
        }
    }

    fn collect(&mut self, burst: bool) {
        let present = self.books.now.in_flight + self.books.now.held;
        self.feed.armed |= !burst || present as f64 <= self.feed.burst_threshold;
        let held = self.books.now.held;
        let nobody = self.books.now.ready + self.books.now.draining == 0;
        if nobody && self.nothing_to_tell() {
            self.feed.told_at = self.now;
            return;
        }
        self.feed.held_told = held;
        // Read at one moment, then told one by one: a decision between two must not change the second.
        let mut report = std::mem::take(&mut self.report);
        for slot in 0..self.replicas.len() {
            let replica = &mut self.replicas[slot];
            let counts = matches!(replica.state, State::Ready | State::Draining);
            if counts && replica.report(&mut report, self.now, burst) {
                self.policy.report(self.moment(), &report);
                self.decide_if_wanted();
            }
        }
        self.report = report;
        let micros = self.now - self.feed.told_at;
        self.feed.told_at = self.now;
        let waiting = Waiting {
            holding: Holding {
                held,
                arrived: std::mem::take(&mut self.feed.arrived),
            },
            seconds: micros as f64 / 1e6,
            request_seconds: std::mem::take(&mut self.books.held_micros) as f64 / 1e6,
        };
        self.policy.holding(self.moment(), &waiting);
        self.decide_if_wanted();
        self.tell_news();
    }

    fn nothing_to_tell(&self) -> bool {
        self.books.now.held == 0 && self.feed.held_told == 0 && self.feed.arrived == 0
    }
    fn nothing_is_there(&self) -> bool {
        let now = self.books.now;
        now.ready + now.starting + now.draining == 0 && self.nothing_to_tell()
    }

    fn decide_if_wanted(&mut self) {
        if self.policy.wants_decision_now(self.moment()) {
            self.decide();
        }
    }

    fn decide(&mut self) {
        self.books.outcome.decisions += 1;
        let wanted = self.policy.decide(self.moment());
        if let Some(replicas) = wanted {
            self.wish(SerializerEvent::Wanted { replicas });
        }
        self.ask_threshold();
    }

    fn ask_threshold(&mut self) {
        let requests = self.policy.burst_threshold();
        self.feed.set_threshold(requests);
        self.door.set_choice(self.policy.choice());
    }
}

fn interval(duration: Duration) -> u64 {
    micros(duration).max(1)
}
