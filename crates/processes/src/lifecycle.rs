// SPDX-License-Identifier: Apache-2.0
//! The replicas of one revision as a pure machine: events in, actions out, no clock and no process.
//!
//! ```text
//!            probe ok             take out            drained, limit
//! Spawning ─> Starting ──────> Ready ──────> Draining ──────> Stopping ──> gone
//!    │           │  ^  failing   │              │ wanted again   (SIGTERM, SIGKILL after the grace)
//!    │           │  └────────────┤              └──> Ready
//!    └───────────┴── ended ──────┴──> Waiting ── backoff over ──> Spawning
//! ```
mod replica;
mod steps;

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use cheerful_scaling::{Moment, Observation};

use self::replica::{Replica, State, observation_of};
pub(crate) use self::{
    replica::Number,
    steps::{Action, Event, Wait, WaitEnd},
};

/// The first wait after a replica ended on its own; it doubles with each failure in a row.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// A replica that was ready for so long begins anew with the first backoff.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// How long a killed process may take to vanish (one that hangs in the kernel never does).
const REAP_LIMIT: Duration = Duration::from_secs(5);

/// One revision's replicas.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    drain: Duration,
    grace: Duration,
    wanted: u32,
    last_number: Number,
    last_ticket: u64,
    replicas: BTreeMap<Number, Replica>,
    told: Observation,
}

impl Lifecycle {
    pub(crate) fn new(drain: Duration, grace: Duration) -> Self {
        Self {
            drain,
            grace,
            wanted: 0,
            last_number: 0,
            last_ticket: 0,
            replicas: BTreeMap::new(),
            told: observation_of(&BTreeMap::new()),
        }
    }

    /// Takes new limits for the drains and stops that begin from now on.
    pub(crate) fn set_limits(&mut self, drain: Duration, grace: Duration) {
        self.drain = drain;
        self.grace = grace;
    }

    pub(crate) fn replicas(&self) -> impl Iterator<Item = (Number, &Replica)> {
        self.replicas
            .iter()
            .map(|(number, replica)| (*number, replica))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    pub(crate) fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Wanted {
                replicas,
                in_flight,
            } => {
                self.wanted = replicas;
                self.lower(&in_flight, now, &mut actions);
                self.raise(now, &mut actions);
            }
            Event::Spawned(number) => self.spawned(number, &mut actions),
            Event::Ended(number) => self.ended(number, now, &mut actions),
            Event::Failing(number) => self.failing(number, now, &mut actions),
            Event::Waited {
                number,
                ticket,
                end,
            } => {
                if self
                    .replicas
                    .get(&number)
                    .is_some_and(|replica| replica.ticket == ticket)
                {
                    self.waited(number, end, now, &mut actions);
                }
            }
            Event::KillAll => self.kill_all(&mut actions),
        }
        let seen = observation_of(&self.replicas);
        if seen != self.told {
            self.told = seen;
            actions.push(Action::Observe(seen));
        }
        actions
    }

    /// Replicas that are to stay.
    fn staying(&self) -> usize {
        self.replicas
            .values()
            .filter(|replica| replica.state.stays())
            .count()
    }

    /// Lets the least useful replicas go until no more than wanted stay.
    fn lower(&mut self, in_flight: &BTreeMap<Number, u64>, now: Moment, actions: &mut Vec<Action>) {
        let excess = self.staying().saturating_sub(self.wanted as usize);
        if excess == 0 {
            return;
        }
        let mut leaving: Vec<_> = self
            .replicas
            .iter()
            .filter(|(_, replica)| replica.state.stays())
            .map(|(number, replica)| {
                let busy = in_flight.get(number).copied().unwrap_or(0);
                (replica.state.usefulness(), busy, Reverse(*number))
            })
            .collect();
        leaving.sort_unstable();
        for (_, _, Reverse(number)) in leaving.into_iter().take(excess) {
            self.let_go(number, now, actions);
        }
    }

    /// Takes back what drains and starts what is missing.
    fn raise(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let mut missing = (self.wanted as usize).saturating_sub(self.staying());
        for (number, replica) in self.replicas.iter_mut().rev() {
            if let (1.., State::Draining { recalled, .. }) = (missing, &mut replica.state)
                && !*recalled
            {
                *recalled = true;
                replica.starting_since = now;
                actions.push(Action::Recall(*number));
                missing -= 1;
            }
        }
        for _ in 0..missing {
            self.last_number += 1;
            let replica = Replica {
                state: State::Spawning,
                born: now,
                restarts: 0,
                starting_since: now,
                spawned: now,
                failures: 0,
                ticket: 0,
            };
            self.replicas.insert(self.last_number, replica);
            actions.push(Action::Spawn(self.last_number));
        }
    }

    fn let_go(&mut self, number: Number, now: Moment, actions: &mut Vec<Action>) {
        let Some(replica) = self.replicas.get_mut(&number) else {
            return;
        };
        match &mut replica.state {
            State::Waiting => self.gone(number, false, actions),
            State::Ready { .. } | State::Starting { opened: true } => {
                replica.state = State::Draining {
                    until: now.plus(self.drain),
                    recalled: false,
                };
                actions.push(Action::TakeOut(number));
                self.wait(number, Wait::Drain(self.drain), actions);
            }
            // Its drain has been called off; the end of that wait begins it again.
            State::Draining { recalled, .. } => *recalled = false,
            State::Spawning | State::Starting { opened: false } => self.terminate(number, actions),
            State::Stopping { .. } => {}
        }
    }

    fn spawned(&mut self, number: Number, actions: &mut Vec<Action>) {
        let Some(replica) = self.replicas.get_mut(&number) else {
            return;
        };
        if replica.state == State::Spawning {
            replica.state = State::Starting { opened: false };
            self.wait(number, Wait::Probe(probe_interval(Duration::ZERO)), actions);
        }
    }

    fn ended(&mut self, number: Number, now: Moment, actions: &mut Vec<Action>) {
        let Some(replica) = self.replicas.get_mut(&number) else {
            return;
        };
        if replica.state.known_at_door() {
            actions.push(Action::Forget(number));
        }
        if !replica.state.stays() {
            self.gone(number, false, actions);
            return;
        }
        if let State::Ready { since } = replica.state {
            replica.starting_since = now;
            if now.since(since) >= HEALTHY_AFTER {
                replica.failures = 0;
            }
        }
        if replica.state != State::Waiting {
            replica.state = State::Waiting;
            replica.failures = replica.failures.saturating_add(1);
            let restart_in = backoff(replica.failures);
            actions.push(Action::Crashed { number, restart_in });
            self.wait(number, Wait::Time(restart_in), actions);
        }
    }

    fn failing(&mut self, number: Number, now: Moment, actions: &mut Vec<Action>) {
        let Some(replica) = self.replicas.get_mut(&number) else {
            return;
        };
        if matches!(replica.state, State::Ready { .. }) {
            replica.state = State::Starting { opened: true };
            replica.starting_since = now;
            replica.spawned = now;
            self.wait(number, Wait::Probe(probe_interval(Duration::ZERO)), actions);
        }
    }

    fn waited(&mut self, number: Number, end: WaitEnd, now: Moment, actions: &mut Vec<Action>) {
        let Some(replica) = self.replicas.get_mut(&number) else {
            return;
        };
        match (replica.state, end) {
            (State::Starting { opened }, WaitEnd::Answered) => {
                let first_after = (!opened).then(|| now.since(replica.spawned));
                replica.state = State::Ready { since: now };
                actions.push(Action::Open {
                    number,
                    first_after,
                });
            }
            (State::Starting { .. }, _) => {
                let next = probe_interval(now.since(replica.spawned));
                self.wait(number, Wait::Probe(next), actions);
            }
            // Whatever ended the wait: the front door has let go of it, so that it can be opened.
            (State::Draining { recalled: true, .. }, _) => {
                replica.state = State::Ready { since: now };
                actions.push(Action::Open {
                    number,
                    first_after: None,
                });
            }
            (State::Draining { until, .. }, WaitEnd::Recalled) => {
                self.wait(number, Wait::Drain(until.since(now)), actions);
            }
            (State::Draining { .. }, _) => self.terminate(number, actions),
            (State::Stopping { killed: false }, _) => {
                replica.state = State::Stopping { killed: true };
                actions.push(Action::Kill {
                    number,
                    after_grace: true,
                });
                self.wait(number, Wait::Time(REAP_LIMIT), actions);
            }
            (State::Stopping { killed: true }, _) => self.gone(number, true, actions),
            (State::Waiting, _) => {
                replica.state = State::Spawning;
                replica.spawned = now;
                replica.restarts = replica.restarts.saturating_add(1);
                actions.push(Action::Spawn(number));
            }
            (State::Spawning | State::Ready { .. }, _) => {}
        }
    }

    fn kill_all(&mut self, actions: &mut Vec<Action>) {
        self.wanted = 0;
        let numbers: Vec<_> = self.replicas.keys().copied().collect();
        for number in numbers {
            let Some(replica) = self.replicas.get_mut(&number) else {
                continue;
            };
            if replica.state == State::Waiting {
                self.gone(number, false, actions);
                continue;
            }
            if replica.state.known_at_door() {
                actions.push(Action::Forget(number));
            }
            if replica.state != (State::Stopping { killed: true }) {
                replica.state = State::Stopping { killed: true };
                actions.push(Action::Kill {
                    number,
                    after_grace: false,
                });
                self.wait(number, Wait::Time(REAP_LIMIT), actions);
            }
        }
    }

    fn terminate(&mut self, number: Number, actions: &mut Vec<Action>) {
        if let Some(replica) = self.replicas.get_mut(&number) {
            replica.state = State::Stopping { killed: false };
            actions.push(Action::Terminate(number));
            self.wait(number, Wait::Time(self.grace), actions);
        }
    }

    fn gone(&mut self, number: Number, lost: bool, actions: &mut Vec<Action>) {
        self.replicas.remove(&number);
        actions.push(Action::Gone { number, lost });
    }

    fn wait(&mut self, number: Number, wait: Wait, actions: &mut Vec<Action>) {
        if let Some(replica) = self.replicas.get_mut(&number) {
            self.last_ticket += 1;
            replica.ticket = self.last_ticket;
            actions.push(Action::Wait {
                number,
                ticket: self.last_ticket,
                wait,
            });
        }
    }
}

/// How long to wait after so many failures in a row: 0.1 s, doubling, at most a minute.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    FIRST_BACKOFF
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACKOFF)
}

/// How long to wait before the next probe: a tenth of the start's age, within 10 ms and 100 ms;
/// 1 s once it has lasted a minute.
fn probe_interval(age: Duration) -> Duration {
    if age >= Duration::from_secs(60) {
        Duration::from_secs(1)
    } else {
        (age / 10).clamp(Duration::from_millis(10), Duration::from_millis(100))
    }
}

#[cfg(test)]
mod tests;
