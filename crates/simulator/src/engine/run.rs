// SPDX-License-Identifier: Apache-2.0
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use cheerful_scaling::{Moment, Observation, Report, Serializer, SerializerEvent};

use super::{
    books::{Books, micros},
    departures::Departures,
    door::Door,
    feed::Feed,
    platform::Happening,
    replica::{Replica, State},
};
use crate::{Arrival, Model, Outcome, Policy, Rng};

/// One run: all that there is, and what happens next.
pub(super) struct Run<'a> {
    pub(super) model: &'a Model,
    pub(super) policy: &'a mut dyn Policy,
    pub(super) seed: u64,
    pub(super) now: u64,
    pub(super) books: Books,
    /// By slot; one that is gone leaves its slot to the next.
    pub(super) replicas: Vec<Replica>,
    pub(super) free: Vec<usize>,
    pub(super) last_number: u64,
    pub(super) wanted: u32,
    pub(super) departures: Departures,
    pub(super) door: Door,
    /// Requests held: when they arrived, and their work.
    pub(super) line: VecDeque<(u64, u64)>,
    pub(super) happenings: BinaryHeap<Reverse<Happening>>,
    pub(super) serializer: Serializer,
    /// The scale request under way: when the platform has it, its number, the count.
    pub(super) scaling: Option<(u64, u64, u32)>,
    pub(super) scaling_chance: Rng,
    /// The speed of all replicas, and until when it lasts.
    pub(super) speed: (f64, u64),
    pub(super) feed: Feed,
    pub(super) told: Observation,
    /// Whether the platform has news for the policy.
    pub(super) news: bool,
    pub(super) report: Report,
}

impl<'a> Run<'a> {
    pub(super) fn new(model: &'a Model, policy: &'a mut dyn Policy, seed: u64) -> Self {
        let feed = Feed::new(policy.reporting(), model);
        let door = Door::new(model.slots, policy.choice(), Rng::stream(seed, 1));
        Self {
            books: Books::new(policy.name()),
            model,
            policy,
            seed,
            now: 0,
            replicas: Vec::new(),
            free: Vec::new(),
            last_number: 0,
            wanted: 0,
            departures: Departures::new(),
            door,
            line: VecDeque::new(),
            happenings: BinaryHeap::new(),
            serializer: Serializer::default(),
            scaling: None,
            scaling_chance: Rng::stream(seed, 2),
            speed: model.speed(0),
            feed,
            told: Observation::default(),
            news: true,
            report: Report::default(),
        }
    }

    /// From the first arrival to the last answer.
    pub(super) fn through(mut self, load: &mut dyn Iterator<Item = Arrival>) -> Outcome {
        self.begin();
        let mut load = load.fuse();
        let mut next = load.next();
        let mut last = 0;
        loop {
            let arrival = match next {
                Some(arrival) => arrival.at.as_micros().max(self.now),
                None => {
                    if self.books.horizon() == u64::MAX {
                        self.books.set_horizon(last.max(self.model.end.as_micros()));
                    }
                    u64::MAX
                }
            };
            let (departure, slot) = self.departures.first();
            let timer = self.next_timer();
            if let (Some(request), true) = (next, arrival < departure && arrival <= timer) {
                self.pass(arrival);
                last = arrival;
                if self.feed.is_asleep() {
                    self.feed.wake(self.policy.tick(), arrival);
                }
                self.arrive(micros(request.work).max(1));
                next = load.next();
                continue;
            }
            if next.is_none() && self.is_over(departure.min(timer)) {
                break;
            }
            if departure <= timer {
                self.pass(departure);
                self.depart(slot);
            } else {
                self.pass(timer);
                self.timers();
            }
            self.tell_news();
        }
        self.pass(self.books.horizon().max(self.now));
        self.books.close()
    }

    fn begin(&mut self) {
        for _ in 0..self.model.ready {
            self.start_ready();
        }
        self.wanted = self.model.ready;
        let replicas = self.wanted;
        self.wish(SerializerEvent::Written { replicas });
        self.reopen();
        self.tell_news();
        self.timers();
        self.tell_news();
    }

    /// Whether nothing that counts is to come.
    fn is_over(&self, next: u64) -> bool {
        let horizon = self.books.horizon();
        let answered = self.line.is_empty() && self.books.now.in_flight == 0;
        let patience = micros(self.model.hold.wait).saturating_add(LONGEST_REST);
        next == u64::MAX || next > horizon && (answered || next > horizon.saturating_add(patience))
    }

    fn pass(&mut self, now: u64) {
        if now > self.now {
            self.now = now;
            self.books.pass(now);
        }
    }
    pub(super) fn moment(&self) -> Moment {
        Moment::from_micros(self.now)
    }

    fn arrive(&mut self, work: u64) {
        self.books.arrived();
        if self.line.is_empty()
            && let Some((place, slot)) = self.door.take()
        {
            self.enter(place, slot, self.now, work);
        } else if self.line.len() >= self.model.hold.requests {
            self.books.outcome.refused += 1;
            self.books.waited_long(self.now);
        } else {
            self.books.outcome.held += 1;
            self.books.outcome.cold_starts += u64::from(self.door.is_empty());
            self.line.push_back((self.now, work));
            self.books.now.held += 1;
            self.feed.arrived += 1;
            self.feed.hold(self.line.len(), self.now);
        }
        let present = self.books.now.in_flight + self.books.now.held;
        self.feed.show_burst(present, self.now);
    }

    fn enter(&mut self, place: usize, slot: usize, arrived: u64, work: u64) {
        let replica = &mut self.replicas[slot];
        debug_assert_eq!(replica.place, place);
        self.books.now.busy += u64::from(replica.in_flight() == 0);
        replica.enter(arrived, work, self.now);
        self.departures.set(slot, replica.next_end());
        self.books.now.in_flight += 1;
        self.books.placed(arrived, self.now);
    }

    /// Gives places to the first in the line, as many as there are.
    pub(super) fn serve(&mut self) {
        while let Some((arrived, work)) = self.line.front().copied() {
            let Some((place, slot)) = self.door.take() else {
                break;
            };
            self.line.pop_front();
            self.books.now.held -= 1;
            self.enter(place, slot, arrived, work);
        }
    }

    fn depart(&mut self, slot: usize) {
        let replica = &mut self.replicas[slot];
        let Some(ended) = replica.leave(self.now) else {
            self.departures.set(slot, Departures::NEVER);
            return;
        };
        self.departures.set(slot, replica.next_end());
        let idle = replica.in_flight() == 0;
        let (state, place) = (replica.state, replica.place);
        self.books.now.in_flight -= 1;
        self.books.now.busy -= u64::from(idle);
        self.books.answered(ended.arrived, self.now);
        if state == State::Ready {
            self.door.give_back(place);
            if !self.line.is_empty() {
                self.serve();
            }
        } else if idle {
            self.end(slot);
        }
    }

    fn next_timer(&self) -> u64 {
        let held = self.line.front();
        let give_up = held.map_or(u64::MAX, |(arrived, _)| {
            arrived + micros(self.model.hold.wait)
        });
        let happening = self.happenings.peek().map_or(u64::MAX, |next| next.0.at);
        let scaling = self.scaling.map_or(u64::MAX, |(at, _, _)| at);
        self.feed
            .next
            .min(give_up)
            .min(happening)
            .min(scaling)
            .min(self.speed.1)
    }

    /// All that is due.
    fn timers(&mut self) {
        if self.now >= self.speed.1 {
            self.change_speed();
        }
        while let Some(happening) = self.happenings.peek()
            && happening.0.at <= self.now
        {
            if let Some(Reverse(happening)) = self.happenings.pop() {
                self.happen(&happening);
            }
        }
        while let Some((arrived, _)) = self.line.front()
            && arrived + micros(self.model.hold.wait) <= self.now
        {
            self.books.outcome.timed_out += 1;
            self.books.waited_long(*arrived);
            self.line.pop_front();
            self.books.now.held -= 1;
        }
        if let Some((at, request, replicas)) = self.scaling
            && at <= self.now
        {
            self.scaling = None;
            self.scaled(request, replicas);
        }
        self.tell_news();
        self.feed_policy();
    }
}

/// How long after the load and the longest wait a run is given up that has not answered all.
const LONGEST_REST: u64 = 86_400_000_000;
