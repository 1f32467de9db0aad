// SPDX-License-Identifier: Apache-2.0
//! What the platform does: replicas start, become ready, drain, crash.
use std::cmp::Reverse;

use cheerful_scaling::{Moment, Observation, SerializerAction, SerializerEvent};

use super::{
    books::micros,
    departures::Departures,
    replica::{Replica, State},
    run::Run,
};
use crate::{Law, Leaving, Rng};

/// Something that a replica will come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Happening {
    pub(super) at: u64,
    /// The replica's; of another in that slot it does not count.
    number: u64,
    kind: Kind,
    slot: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ready,
    Pause,
    Resume,
    Slow,
    Fast,
    Crash,
}

/// More replicas than any platform starts: a wish beyond is cut.
const MOST_REPLICAS: u32 = 100_000;

impl Run<'_> {
    /// Takes a wish: one request at a time goes to the platform.
    pub(super) fn wish(&mut self, event: SerializerEvent) {
        let action = self.serializer.step(event, self.moment());
        self.send(action);
    }

    /// The platform has the wish.
    pub(super) fn scaled(&mut self, request: u64, replicas: u32) {
        self.scale(replicas);
        self.wish(SerializerEvent::Done { request });
    }

    fn send(&mut self, mut action: SerializerAction) {
        while let SerializerAction::Send {
            request, replicas, ..
        } = action
        {
            let delay = micros(self.model.scaling.draw(&mut self.scaling_chance));
            if delay > 0 {
                self.scaling = Some((self.now + delay, request, replicas));
                return;
            }
            self.scale(replicas);
            let done = SerializerEvent::Done { request };
            action = self.serializer.step(done, self.moment());
        }
    }

    fn scale(&mut self, wanted: u32) {
        let wanted = wanted.min(MOST_REPLICAS);
        self.books.outcome.changes += u64::from(wanted != self.wanted);
        self.wanted = wanted;
        let staying = (self.books.now.ready + self.books.now.starting) as u32;
        if wanted < staying {
            self.lower(staying - wanted);
        } else {
            let recalled = if self.model.recalls {
                self.recall(wanted - staying)
            } else {
                0
            };
            for _ in 0..wanted - staying - recalled {
                self.start();
            }
            self.books.note_most();
        }
    }

    /// The least useful go: those that are starting first, then the one with the fewest requests; among equals as the
    /// policy has it.
    fn lower(&mut self, excess: u32) {
        let by_idleness = self.policy.leaving() == Leaving::LongestIdle;
        let staying = self
            .replicas
            .iter()
            .enumerate()
            .filter_map(|(slot, known)| {
                let usefulness = match known.state {
                    State::Starting => 0,
                    State::Ready => 1,
                    State::Draining | State::Gone => return None,
                };
                let since = if by_idleness { known.last_end() } else { 0 };
                let order = (since, Reverse(known.number));
                Some((usefulness, known.in_flight(), order, slot))
            });
        let mut leaving: Vec<_> = staying.collect();
        leaving.sort_unstable();
        for (_, in_flight, _, slot) in leaving.into_iter().take(excess as usize) {
            if self.replicas[slot].state == State::Ready {
                self.replicas[slot].state = State::Draining;
                self.books.now.ready -= 1;
                self.books.now.draining += 1;
            }
            if in_flight == 0 {
                self.end(slot);
            }
        }
        self.news = true;
        self.reopen();
    }

    fn recall(&mut self, most: u32) -> u32 {
        let draining = self.replicas.iter().enumerate();
        let mut draining: Vec<_> = draining
            .filter(|(_, replica)| replica.state == State::Draining)
            .map(|(slot, replica)| (Reverse(replica.number), slot))
            .collect();
        draining.sort_unstable();
        draining.truncate(most as usize);
        for (_, slot) in &draining {
            self.replicas[*slot].state = State::Ready;
            self.books.now.draining -= 1;
            self.books.now.ready += 1;
        }
        if !draining.is_empty() {
            self.news = true;
            self.reopen();
            self.serve();
        }
        draining.len() as u32
    }

    fn start(&mut self) {
        let slot = self.begin_replica();
        self.books.outcome.starts += 1;
        let start_up = self.model.start_up;
        let delay = micros(start_up.draw(&mut self.replicas[slot].chance));
        if delay == 0 {
            self.open(slot);
        } else {
            self.will(slot, Kind::Ready, delay);
        }
    }

    /// One that is there from the beginning.
    pub(super) fn start_ready(&mut self) {
        let slot = self.begin_replica();
        self.open(slot);
        self.books.note_most();
    }

    fn begin_replica(&mut self) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.replicas.push(Replica::new(self.model.curve));
            self.replicas.len() - 1
        });
        self.last_number += 1;
        let chance = Rng::stream(self.seed, FIRST_STREAM + self.last_number);
        self.replicas[slot].begin(self.last_number, self.now, self.speed.0, chance);
        self.books.now.starting += 1;
        self.news = true;
        slot
    }

    fn open(&mut self, slot: usize) {
        self.replicas[slot].open(self.now);
        self.books.now.starting -= 1;
        self.books.now.ready += 1;
        self.news = true;
        if let Some(pauses) = self.model.pauses {
            let delay = micros(pauses.every.draw(&mut self.replicas[slot].chance));
            self.will(slot, Kind::Pause, delay);
        }
        if let Some(neighbours) = self.model.neighbours {
            let delay = micros(neighbours.every.draw(&mut self.replicas[slot].chance));
            self.will(slot, Kind::Slow, delay);
        }
        if let Some(crash) = self.model.crash {
            let delay = micros(crash.draw(&mut self.replicas[slot].chance));
            self.will(slot, Kind::Crash, delay);
        }
        self.reopen();
        self.serve();
    }

    /// A replica is gone.
    pub(super) fn end(&mut self, slot: usize) {
        let replica = &mut self.replicas[slot];
        match replica.state {
            State::Starting => self.books.now.starting -= 1,
            State::Ready => self.books.now.ready -= 1,
            State::Draining => self.books.now.draining -= 1,
            State::Gone => return,
        }
        replica.state = State::Gone;
        self.departures.set(slot, Departures::NEVER);
        self.free.push(slot);
        self.news = true;
    }

    pub(super) fn happen(&mut self, happening: &Happening) {
        let slot = happening.slot;
        let replica = &mut self.replicas[slot];
        if replica.number != happening.number || replica.state == State::Gone {
            return;
        }
        match happening.kind {
            Kind::Ready => self.open(slot),
            Kind::Crash => self.crash(slot),
            Kind::Pause | Kind::Resume => self.pause(slot, happening.kind == Kind::Pause),
            Kind::Slow | Kind::Fast => self.slow(slot, happening.kind == Kind::Slow),
        }
    }

    fn pause(&mut self, slot: usize, begins: bool) {
        let Some(pauses) = self.model.pauses else {
            return;
        };
        self.replicas[slot].set_paused(begins, self.now);
        if begins {
            self.turn(slot, pauses.length, Kind::Resume);
        } else {
            self.turn(slot, pauses.every, Kind::Pause);
        }
    }

    fn slow(&mut self, slot: usize, begins: bool) {
        let Some(neighbours) = self.model.neighbours else {
            return;
        };
        let speed = if begins {
            neighbours.speed.max(1e-9)
        } else {
            1.0
        };
        self.replicas[slot].set_own_speed(speed, self.now);
        if begins {
            self.turn(slot, neighbours.length, Kind::Fast);
        } else {
            self.turn(slot, neighbours.every, Kind::Slow);
        }
    }

    /// Its speed has changed, and will again.
    fn turn(&mut self, slot: usize, law: Law, next: Kind) {
        let replica = &mut self.replicas[slot];
        self.departures.set(slot, replica.next_end());
        let delay = micros(law.draw(&mut replica.chance));
        // A law that gives nothing twice would go round without end.
        self.will(slot, next, delay.max(1));
    }

    /// What is in it fails; another takes its place, if it was to stay.
    fn crash(&mut self, slot: usize) {
        let lost = u64::from(self.replicas[slot].in_flight());
        let stays = self.replicas[slot].state == State::Ready;
        self.books.outcome.crashes += 1;
        self.books.outcome.failed += lost;
        self.books.now.in_flight -= lost;
        self.books.now.busy -= u64::from(lost > 0);
        self.end(slot);
        self.reopen();
        if stays {
            self.start();
        }
    }

    pub(super) fn change_speed(&mut self) {
        self.speed = self.model.speed(self.now);
        for (slot, replica) in self.replicas.iter_mut().enumerate() {
            if replica.state != State::Gone {
                replica.set_speed(self.speed.0, self.now);
                self.departures.set(slot, replica.next_end());
            }
        }
    }

    /// Tells the door who takes requests.
    pub(super) fn reopen(&mut self) {
        let open = self.replicas.iter().enumerate();
        let open = open
            .filter(|(_, replica)| replica.state == State::Ready)
            .map(|(slot, replica)| (replica.number, slot, replica.in_flight()));
        self.door.reopen(open.collect());
        for (place, slot) in self.door.slots().enumerate() {
            self.replicas[slot].place = place;
        }
    }

    pub(super) fn seen(&self) -> Observation {
        let starting = self
            .replicas
            .iter()
            .filter(|replica| replica.state == State::Starting);
        Observation {
            ready: self.books.now.ready as u32,
            starting: self.books.now.starting as u32,
            draining: self.books.now.draining as u32,
            starting_since: starting
                .map(|replica| Moment::from_micros(replica.created))
                .min(),
            gateway_since: Some(Moment::ZERO),
            busy: 0,
        }
    }

    fn will(&mut self, slot: usize, kind: Kind, delay: u64) {
        self.happenings.push(Reverse(Happening {
            at: self.now.saturating_add(delay),
            number: self.replicas[slot].number,
            kind,
            slot,
        }));
    }
}

/// Streams of chance before those of the replicas.
const FIRST_STREAM: u64 = 1 << 32;
