// SPDX-License-Identifier: Apache-2.0
//! A second policy beside the one that acts, on the same live load: what it would have cost, and who would have waited.
mod bill;
mod chance;
mod fleet;
mod fluid;
mod lines;
mod live;
mod signals;
mod telling;

pub use bill::{Bill, Compared};

use std::{collections::VecDeque, time::Duration};

use crate::{
    Decision, Floor, Holding, Memory, Moment, Observation, Reading, Report, Scaler, Scaling, Start,
    Why,
    bucket::SECOND_MICROS,
    capacity::{Capacity, StartUps},
    history::Second,
};
use chance::Chance;
use fleet::Fleet;
use fluid::{Flow, Fluid};
use live::Live;
use signals::{Signal, Signals};
use telling::{Round, Telling};

/// A policy that decides over replicas that there would be, had it acted.
///
/// The live reports tell what load is offered, whoever scales. Of it a fluid is made, which meets the replicas that the
/// second policy would have: so it sees load, line and replicas as if it acted, and nothing of the difference. The same
/// fluid meets the replicas that were really there, so that both are compared by one measure. It goes 5 s behind the
/// clock, for the reports of a second have to come first; and up to 48 s at the very first, until a request has ended: before
/// it nobody knows how long one takes. Its size is bounded.
#[derive(Clone, Debug)]
pub struct Shadow {
    scaler: Scaler,
    tick: u64,
    live: Live,
    start_ups: StartUps,
    /// What the platform said, and when; the first is what holds at `clock`.
    seen: VecDeque<(u64, Observation)>,
    newest: Observation,
    /// Until when it has been thought through.
    clock: u64,
    /// The next second of which the reports are taken.
    next: u64,
    /// The next second from which it is learned how long a request takes.
    known: u64,
    /// What came before is not compared.
    from: u64,
    decides_at: u64,
    fleet: Fleet,
    telling: Telling,
    signals: Signals,
    /// Since when the gateway would stand in the path, where it does not always.
    gateway_since: Option<Moment>,
    chance: Chance,
    would: Fluid,
    does: Fluid,
    compared: Compared,
    last: Option<Decision>,
}

impl Shadow {
    /// A second policy with these settings from `now` on, beside one that acts: with the replicas that are ready, and with
    /// what that one has learned. `tick` is from one decision to the next. A pause holds the one that acts alone.
    ///
    /// Where it begins with 2 replicas or more it keeps them for a stable window, as an autoscaler does that was restarted;
    /// that time is not compared.
    #[must_use]
    pub fn new(scaling: Scaling, tick: Duration, acting: &Scaler, now: Moment) -> Self {
        let start = Start {
            ready: acting.observation.ready,
            new: acting.initial_until.is_some(),
            ..Start::default()
        };
        let second = now.as_micros().div_ceil(SECOND_MICROS);
        let clock = second * SECOND_MICROS;
        let observation = acting.observation;
        let mut from = clock;
        if start.ready >= 2 {
            let window = scaling.settings().stable_window.as_micros();
            from += u64::try_from(window).unwrap_or(u64::MAX / 2);
        }
        let scaling = scaling.unpaused();
        let mut scaler = Scaler::new(scaling, start, Moment::from_micros(clock));
        scaler.schedule(Moment::from_micros(clock), acting.floor().cloned());
        if let Some(memory) = acting.remember() {
            // What the acting one remembers now is of use to any.
            drop(scaler.recall(&memory, Duration::ZERO));
        }
        let known = acting.capacity.as_ref();
        Self {
            tick: u64::try_from(tick.as_micros()).unwrap_or(u64::MAX).max(1),
            live: Live::default(),
            start_ups: known.map_or_else(StartUps::default, |known| known.start_ups().clone()),
            seen: VecDeque::from([(0, observation)]),
            newest: observation,
            clock,
            next: second,
            known: second,
            from,
            decides_at: clock,
            fleet: Fleet::of(start.ready),
            telling: Telling::new(clock),
            signals: Signals::default(),
            gateway_since: None,
            chance: Chance::default(),
            would: Fluid::default(),
            does: Fluid::default(),
            compared: Compared::default(),
            last: None,
            scaler,
        }
    }
    /// Changes its settings. What is known is kept, and what is compared begins anew: it would be of two policies.
    pub fn change(&mut self, scaling: Scaling) {
        let clock = Moment::from_micros(self.clock);
        self.scaler.change(scaling.unpaused(), clock);
        self.compare_anew();
    }
    /// What is compared begins anew: the one that acts has other settings from now on.
    pub fn compare_anew(&mut self) {
        self.from = self.from.max(self.clock);
        self.compared = Compared::default();
    }
    /// What was learned before a restart, so long ago, is known to the acting one from now on; and to this one.
    pub fn recall(&mut self, memory: &Memory, age: Duration, acting: &Scaler) {
        // What is of no use to it changes nothing, as it does for the acting one.
        drop(self.scaler.recall(memory, age));
        if let Some(known) = acting.capacity.as_ref().or(self.scaler.capacity.as_ref())
            && !self.start_ups.is_known()
        {
            self.start_ups = known.start_ups().clone();
        }
    }
    /// Takes a report that the acting one has taken.
    pub fn report(&mut self, now: Moment, report: &Report, acting: &Scaler) {
        self.advance(now, acting);
        let age = (report.age_seconds * 1e6).round() as u64;
        let end = now.as_micros().saturating_sub(age);
        self.live.wait(now.as_micros(), end, report.waiting_seconds);
        // How latency rises with requests in flight is the app's, whoever scales it.
        self.scaler.learn(now, report);
    }
    /// Takes what the gateway holds, as the acting one has.
    pub fn holding(&mut self, now: Moment, holding: Holding, acting: &Scaler) {
        self.advance(now, acting);
        self.live.hold(now.as_micros(), holding.held);
    }
    /// Takes what the platform says is there, as the acting one has.
    pub fn observe(&mut self, now: Moment, observation: Observation, acting: &Scaler) {
        self.advance(now, acting);
        let now = now.as_micros();
        self.start_ups.observe(now, &self.newest, &observation);
        let opened = observation.ready.saturating_sub(self.newest.ready);
        if let Some(places) = places_of(acting).filter(|_| opened > 0) {
            self.live.open(now, f64::from(opened) * places);
        }
        self.newest = observation;
        if self.seen.len() >= Self::MOST_SEEN {
            self.seen.pop_back();
        }
        self.seen.push_back((now, observation));
    }
    /// Takes the value of a signal that the acting one has taken.
    pub fn read(&mut self, now: Moment, reading: &Reading, acting: &Scaler) {
        self.advance(now, acting);
        let ready = acting.observation.ready;
        self.signals
            .wait(now.as_micros(), Signal::Reading(reading.clone(), ready));
    }
    /// Takes the least that a schedule asks for from now on, as the acting one has.
    pub fn schedule(&mut self, now: Moment, floor: Option<Floor>, acting: &Scaler) {
        self.advance(now, acting);
        self.signals.wait(now.as_micros(), Signal::Floor(floor));
    }
    /// Thinks through what is settled by `now`: up to a second, of which all reports have come.
    pub fn advance(&mut self, now: Moment, acting: &Scaler) {
        let now = now.as_micros();
        self.live.pass(now);
        let Some(settled) = now.checked_sub(Capacity::SETTLED + SECOND_MICROS) else {
            return;
        };
        let last = settled / SECOND_MICROS;
        if self.next + Self::LONGEST_PAUSE < last || self.is_at_rest() {
            self.jump(last.saturating_sub(Live::LATER));
        }
        let places = places_of(acting);
        self.known = self.known.max(self.next);
        while self.known <= last {
            let second = second_of(acting, self.known);
            self.live.learn(self.known, second);
            self.known += 1;
        }
        let window = acting.scaling.settings().stable_window.as_secs();
        let patience = Live::PATIENCE.min(window.saturating_sub(Self::BEHIND));
        while self.next <= last {
            let second = second_of(acting, self.next);
            if self.next + patience > last && self.live.is_unknown(self.next, second) {
                break;
            }
            let flow = self.live.take(self.next, second);
            let is_silent = second == Second::Unknown;
            if self.clock + Live::LATER * SECOND_MICROS <= self.next * SECOND_MICROS {
                self.pass(&flow, places, is_silent);
            }
            self.next += 1;
        }
    }
    /// Whether nothing is there, would be there, or is expected: no tick is needed until something comes in.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let there = self.newest.present() + self.newest.draining;
        there + self.fleet.present() == 0
            && self.would.is_empty()
            && self.live.is_empty(self.next)
            && self.signals.is_empty()
            && self.scaler.is_at_rest(Moment::from_micros(self.clock))
    }
    /// Its settings.
    #[must_use]
    pub const fn scaling(&self) -> &Scaling {
        self.scaler.scaling()
    }
    /// Replicas that there would be: ready, and on their way.
    #[must_use]
    pub fn replicas(&self) -> (u32, u32) {
        (self.fleet.ready, self.fleet.present() - self.fleet.ready)
    }
    /// Its last decision, over the replicas that there would be.
    #[must_use]
    pub const fn last(&self) -> Option<&Decision> {
        self.last.as_ref()
    }
    /// What both policies cost so far, and who waits with them.
    #[must_use]
    pub fn compared(&self) -> Compared {
        Compared {
            start_up_known: self.start_ups.is_known(),
            ..self.compared
        }
    }

    /// Seconds that it goes behind the clock, and a few more.
    const BEHIND: u64 = 8;
    /// What the platform said within a few seconds.
    const MOST_SEEN: usize = 256;
    /// After a longer pause what lies between is not compared.
    const LONGEST_PAUSE: u64 = 600;

    /// Nothing happens until that second.
    fn jump(&mut self, second: u64) {
        if second <= self.next {
            return;
        }
        let at = second * SECOND_MICROS;
        if self.is_at_rest() {
            let passed = at.saturating_sub(self.clock.max(self.from));
            self.compared.seconds += passed as f64 / 1e6;
        }
        self.clock = self.clock.max(at);
        self.next = second;
        self.decides_at = self.clock;
        self.telling.jump(self.clock);
        (self.signals).tell(&mut self.scaler, self.clock, self.fleet.ready);
        (self.would, self.does) = (Fluid::default(), Fluid::default());
    }

    /// A second passes.
    fn pass(&mut self, flow: &Flow, places: Option<f64>, is_silent: bool) {
        let counts = self.clock >= self.from;
        let before = self.compared;
        for offered in self.chance.path(flow) {
            self.part(flow, offered, places);
        }
        if counts {
            self.compared.seconds += 1.0;
            let counts_requests = self.scaling().settings().requests;
            self.compared.silent_seconds += f64::from(u8::from(is_silent && counts_requests));
            self.compared.requests += flow.arrivals;
            self.compared.measured_waiting_seconds += self.live.waiting();
            self.compared.places = places;
        } else {
            self.compared = before;
        }
    }

    fn part(&mut self, flow: &Flow, offered: f64, places: Option<f64>) {
        (self.signals).tell(&mut self.scaler, self.clock, self.fleet.ready);
        let risen = self.fleet.advance(self.clock);
        if risen > 0 {
            self.telling.rise(self.clock, risen);
            self.observe_fleet();
            self.decide_if_wanted(flow);
        }
        let seen = self.seen_now();
        let there = seen.present().saturating_add(seen.draining);
        let compared = &mut self.compared;
        compared.acting.inhabit(there, PART);
        compared.shadow.inhabit(self.fleet.present(), PART);
        let meets = |fluid: &mut Fluid, bill: &mut Bill, ready| {
            let places = all_places(ready, places);
            let passed = fluid.pass(flow, offered, places, PART);
            bill.enter(&passed, ready, PART);
            passed
        };
        meets(&mut self.does, &mut compared.acting, seen.ready);
        let passed = meets(&mut self.would, &mut compared.shadow, self.fleet.ready);

        self.clock += SECOND_MICROS / PARTS as u64;
        let waiting = self.would.waiting(all_places(self.fleet.ready, places));
        self.telling.pass(&passed, flow, waiting, self.fleet.ready);
        self.tell(flow, places);
    }

    /// What the platform said last by now.
    fn seen_now(&mut self) -> Observation {
        while (self.seen.get(1)).is_some_and(|(at, _)| *at <= self.clock) {
            let before = self.seen.pop_front().map_or(0, |(_, seen)| seen.present());
            let after = self.seen.front().map_or(0, |(_, seen)| seen.present());
            self.compared.acting.starts += u64::from(after.saturating_sub(before));
        }
        self.seen.front().map_or(self.newest, |(_, seen)| *seen)
    }

    /// Tells the scaler what an autoscaler would be told: each second, at once when a request comes to be held while none
    /// was, and at once when a burst shows. After each report it may decide at once, as an autoscaler may. Then it decides,
    /// if it is time.
    fn tell(&mut self, flow: &Flow, places: Option<f64>) {
        let now = Moment::from_micros(self.clock);
        let is_second = self.clock.is_multiple_of(SECOND_MICROS);
        let present = self.would.present();
        let threshold = self.scaler.burst_threshold();
        let burst = !is_second && self.telling.shows_burst(present, threshold);
        if is_second || burst || self.telling.holds_anew() {
            let full = self
                .scaler
                .target()
                .ceil()
                .min(places.unwrap_or(f64::INFINITY));
            let mut round = (self.telling).round(now, self.fleet.ready, full, burst);
            let mut report = Round::blank();
            while round.next(&mut report) {
                let taken = self.scaler.report_untaught(now, &report);
                debug_assert!(taken.is_ok(), "{report:?}: {taken:?}");
                self.decide_if_wanted(flow);
            }
            if let Some(holding) = self.telling.holding() {
                self.scaler.holding(now, holding);
            }
            self.decide_if_wanted(flow);
        }
        if self.clock >= self.decides_at {
            // At the same moments as reports come, as far as whole seconds go.
            self.decides_at = (self.clock / self.tick + 1).saturating_mul(self.tick);
            self.decide(flow);
        }
    }

    fn decide_if_wanted(&mut self, flow: &Flow) {
        if (self.scaler).wants_decision_now(Moment::from_micros(self.clock)) {
            self.decide(flow);
        }
    }

    fn decide(&mut self, flow: &Flow) {
        let decision = self.scaler.decide(Moment::from_micros(self.clock));
        self.last = Some(decision);
        let (ready, present) = (self.fleet.ready, self.fleet.present());
        if decision.replicas != present {
            let started = self.fleet.started;
            let gone = (self.fleet).scale(self.clock, decision.replicas, &self.start_ups);
            self.compared.shadow.starts += self.fleet.started - started;
            // The idle ones go first and at once; a busy one ends what it has.
            let busy = (self.telling.in_flight() / self.scaler.target()).ceil() as u32;
            let draining = gone.saturating_sub(ready.saturating_sub(busy));
            (self.compared.shadow).inhabit(draining, flow.service_seconds);
        }
        let in_path = self.fleet.ready == 0 || decision.spare_capacity < 0;
        if in_path != self.gateway_since.is_some() {
            self.gateway_since = in_path.then(|| Moment::from_micros(self.clock));
        }
        self.observe_fleet();
    }

    fn observe_fleet(&mut self) {
        // On one machine it always stands there.
        let always = self.newest.gateway_since == Some(Moment::ZERO);
        let gateway_since = if always {
            Some(Moment::ZERO)
        } else {
            self.gateway_since
        };
        let observation = self.fleet.observation(gateway_since);
        if observation != self.scaler.observation {
            self.telling.shrink(self.fleet.ready);
            let now = Moment::from_micros(self.clock);
            self.scaler.observe(now, observation);
        }
    }
}

/// Parts of a second that are thought through one by one.
const PARTS: usize = 10;
/// Length of a part of a second, in seconds.
const PART: f64 = 1.0 / PARTS as f64;

/// What is known of a second, with its load averaged over the whole of it, whoever was there.
fn second_of(acting: &Scaler, number: u64) -> Second {
    match acting.history.second(number) {
        Second::Known { load, requests } => Second::Known {
            load: load * acting.history.inhabited(number),
            requests,
        },
        unknown => unknown,
    }
}

/// Requests at once that a replica has places for: the hard limit, or as many as latency allows where that is learned.
fn places_of(acting: &Scaler) -> Option<f64> {
    let rises =
        (acting.learned()).is_some_and(|learned| matches!(learned.why, Why::Rises | Why::Unmet));
    let learned = rises.then(|| acting.scaling.capacity_at(acting.target()));
    acting.scaling.limit().or(learned)
}

fn all_places(ready: u32, places: Option<f64>) -> f64 {
    match (ready, places) {
        (0, _) => 0.0,
        (ready, Some(places)) => f64::from(ready) * places,
        (_, None) => f64::INFINITY,
    }
}
