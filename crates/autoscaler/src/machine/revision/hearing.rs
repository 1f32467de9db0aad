// SPDX-License-Identifier: Apache-2.0
//! What a revision hears is kept for a while, as far as there is room for it.
use cheerful_scaling::{Moment, Start};

use super::RevisionState;
use crate::machine::{
    Desk,
    tape::{Heard, Opening, Tape},
};

impl RevisionState {
    /// What was heard lately.
    pub(in crate::machine) fn tape(&self) -> Option<&Tape> {
        self.tape.as_deref()
    }

    /// Forgets what was heard lately.
    pub(in crate::machine) fn forget_tape(&mut self, desk: &mut Desk) {
        desk.taped -= self.tape.take().map_or(0, |tape| tape.len());
    }

    /// Keeps what is heard, as far as there is room.
    pub(super) fn hear(&mut self, now: Moment, heard: impl FnOnce() -> Heard, desk: &mut Desk) {
        if desk.taped >= Tape::MOST {
            let before = desk.taped;
            let of_this = self.tape.as_ref().map_or(0, |tape| tape.len());
            if self.tape.as_mut().is_some_and(|tape| tape.shorten()) {
                desk.taped -= of_this - self.tape.as_ref().map_or(0, |tape| tape.len());
            } else {
                self.forget_tape(desk);
            }
            desk.forgot(before - desk.taped);
        }
        let is_due = self.tape.as_ref().is_none_or(|tape| tape.is_due(now));
        if is_due {
            if self.tape.is_none() && desk.taped >= Tape::ROOM {
                desk.forgot(1);
                return;
            }
            let before = self.tape.as_ref().map_or(0, |tape| tape.len());
            let opening = self.opening();
            match &mut self.tape {
                Some(tape) => tape.turn(now, opening),
                None => self.tape = Some(Box::new(Tape::new(now, opening))),
            }
            let (observation, floor) = (self.observation, self.acting().floor().cloned());
            if let Some(tape) = &mut self.tape {
                tape.hear(now, Heard::Observation(Box::new(observation)));
                tape.hear(now, Heard::Floor(floor.map(Box::new)));
                desk.taped = desk.taped + tape.len() - before;
            }
        }
        if let Some(tape) = &mut self.tape {
            tape.hear(now, heard());
            desk.taped += 1;
        }
    }

    /// What is known now, for decisions from now on.
    fn opening(&self) -> Opening {
        Opening {
            settings: Box::new(self.acting().scaling().settings().clone()),
            start: Start {
                ready: self.observation.ready,
                ..Start::default()
            },
            memory: self.acting().remember().map(Box::new),
        }
    }
}
