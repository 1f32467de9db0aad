// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const DRAIN: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(10);

fn at(seconds: u64) -> Moment {
    Moment::from_micros(seconds * 1_000_000)
}

fn wanted(replicas: u32) -> Event {
    Event::Wanted {
        replicas,
        in_flight: BTreeMap::new(),
    }
}

/// Ends the present wait of a replica.
fn end_wait(machine: &mut Lifecycle, number: Number, end: WaitEnd, now: Moment) -> Vec<Action> {
    let ticket = machine
        .replicas
        .get(&number)
        .map_or(0, |replica| replica.ticket);
    machine.step(
        Event::Waited {
            number,
            ticket,
            end,
        },
        now,
    )
}

/// A machine with so many ready replicas, at second 1.
fn ready(replicas: u32) -> Lifecycle {
    let mut machine = Lifecycle::new(DRAIN, GRACE);
    machine.step(wanted(replicas), at(0));
    for number in 1..=u64::from(replicas) {
        machine.step(Event::Spawned(number), at(0));
        end_wait(&mut machine, number, WaitEnd::Answered, at(1));
    }
    assert_eq!(machine.told.ready, replicas);
    machine
}

fn without_waits(actions: Vec<Action>) -> Vec<Action> {
    let kept = actions.into_iter();
    kept.filter(|action| !matches!(action, Action::Wait { .. } | Action::Observe(_)))
        .collect()
}

fn waits(actions: &[Action]) -> Vec<Wait> {
    let wait_of = |action: &Action| match action {
        Action::Wait { wait, .. } => Some(*wait),
        _ => None,
    };
    actions.iter().filter_map(wait_of).collect()
}

#[test]
fn opens_at_the_door_before_it_tells_of_readiness() {
    let mut machine = Lifecycle::new(DRAIN, GRACE);
    let actions = machine.step(wanted(1), at(0));
    assert!(
        matches!(actions.as_slice(), [Action::Spawn(1), Action::Observe(seen)]
        if seen.starting == 1 && seen.starting_since == Some(at(0)))
    );
    let actions = machine.step(Event::Spawned(1), at(0));
    assert_eq!(waits(&actions), [Wait::Probe(Duration::from_millis(10))]);
    let actions = end_wait(&mut machine, 1, WaitEnd::NotAnswered, at(2));
    assert_eq!(waits(&actions), [Wait::Probe(Duration::from_millis(100))]);
    let actions = end_wait(&mut machine, 1, WaitEnd::Answered, at(3));
    let took = Some(Duration::from_secs(3));
    assert!(matches!(actions.as_slice(),
        [Action::Open { number: 1, first_after }, Action::Observe(seen)]
        if seen.ready == 1 && seen.starting == 0 && *first_after == took));
}

#[test]
fn the_idle_replica_goes_first_and_of_idle_ones_the_youngest() {
    let mut machine = ready(4);
    let in_flight = BTreeMap::from([(1, 5), (2, 0), (3, 0), (4, 1)]);
    let actions = machine.step(
        Event::Wanted {
            replicas: 3,
            in_flight: in_flight.clone(),
        },
        at(2),
    );
    assert_eq!(without_waits(actions.clone()), [Action::TakeOut(3)]);
    assert_eq!(waits(&actions), [Wait::Drain(DRAIN)]);
    let actions = machine.step(
        Event::Wanted {
            replicas: 1,
            in_flight,
        },
        at(3),
    );
    assert_eq!(
        without_waits(actions),
        [Action::TakeOut(2), Action::TakeOut(4)]
    );
}

#[test]
fn what_is_not_ready_goes_before_what_is() {
    let mut machine = ready(1);
    machine.step(wanted(3), at(2));
    machine.step(Event::Ended(2), at(2));
    let actions = machine.step(wanted(2), at(3));
    assert_eq!(
        without_waits(actions),
        [Action::Gone {
            number: 2,
            lost: false
        }]
    );
    let actions = machine.step(wanted(1), at(3));
    assert_eq!(without_waits(actions), [Action::Terminate(3)]);
}

#[test]
fn drains_then_terminates_then_kills() {
    let mut machine = ready(1);
    machine.step(wanted(0), at(2));
    assert_eq!((machine.told.ready, machine.told.draining), (0, 1));
    let actions = end_wait(&mut machine, 1, WaitEnd::Drained, at(3));
    assert_eq!(without_waits(actions.clone()), [Action::Terminate(1)]);
    assert_eq!(waits(&actions), [Wait::Time(GRACE)]);
    let actions = end_wait(&mut machine, 1, WaitEnd::TimeOver, at(13));
    assert_eq!(
        without_waits(actions),
        [Action::Kill {
            number: 1,
            after_grace: true
        }]
    );
    let actions = machine.step(Event::Ended(1), at(14));
    let gone = Action::Gone {
        number: 1,
        lost: false,
    };
    assert_eq!(without_waits(actions), [Action::Forget(1), gone]);
    assert!(machine.is_empty());
    assert_eq!(machine.told.draining, 0);
}

#[test]
fn a_process_that_does_not_even_vanish_on_sigkill_is_given_up() {
    let mut machine = ready(1);
    let actions = machine.step(Event::KillAll, at(2));
    let kill = Action::Kill {
        number: 1,
        after_grace: false,
    };
    assert_eq!(without_waits(actions), [Action::Forget(1), kill]);
    let actions = end_wait(&mut machine, 1, WaitEnd::TimeOver, at(7));
    assert_eq!(
        without_waits(actions),
        [Action::Gone {
            number: 1,
            lost: true
        }]
    );
}

#[test]
fn a_draining_replica_is_taken_back_when_it_is_wanted_again() {
    let mut machine = ready(2);
    machine.step(wanted(1), at(2));
    let actions = machine.step(wanted(3), at(3));
    assert_eq!(
        without_waits(actions),
        [Action::Recall(2), Action::Spawn(3)]
    );
    let actions = end_wait(&mut machine, 2, WaitEnd::Recalled, at(3));
    assert_eq!(
        without_waits(actions),
        [Action::Open {
            number: 2,
            first_after: None
        }]
    );
    assert_eq!(
        (
            machine.told.ready,
            machine.told.starting,
            machine.told.draining
        ),
        (2, 1, 0)
    );
}

#[test]
fn a_drain_that_was_called_off_and_on_again_keeps_its_limit() {
    let mut machine = ready(1);
    machine.step(wanted(0), at(2));
    machine.step(wanted(1), at(12));
    let actions = machine.step(wanted(0), at(12));
    assert_eq!(without_waits(actions), []);
    let actions = end_wait(&mut machine, 1, WaitEnd::Recalled, at(12));
    assert_eq!(waits(&actions), [Wait::Drain(Duration::from_secs(20))]);
}

#[test]
fn a_crash_waits_longer_each_time_until_it_was_healthy() {
    let mut machine = ready(1);
    let mut seconds = Vec::new();
    for _ in 0..12 {
        let actions = machine.step(Event::Ended(1), at(2));
        let wait = actions.iter().find_map(|action| match action {
            Action::Crashed { restart_in, .. } => Some(restart_in.as_secs_f64()),
            _ => None,
        });
        seconds.push(wait.unwrap());
        let actions = end_wait(&mut machine, 1, WaitEnd::TimeOver, at(2));
        assert_eq!(without_waits(actions), [Action::Spawn(1)]);
    }
    assert_eq!(
        seconds,
        [
            0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0
        ]
    );
    machine.step(Event::Spawned(1), at(3));
    end_wait(&mut machine, 1, WaitEnd::Answered, at(4));
    let actions = machine.step(Event::Ended(1), at(14));
    let restart_in = Duration::from_millis(100);
    assert!(actions.contains(&Action::Crashed {
        number: 1,
        restart_in
    }));
    assert!(actions.contains(&Action::Forget(1)));
}

#[test]
fn a_crash_loop_counts_as_starting_since_its_beginning() {
    let mut machine = Lifecycle::new(DRAIN, GRACE);
    machine.step(wanted(2), at(0));
    for now in 1..10 {
        machine.step(Event::Ended(1), at(now));
        assert_eq!((machine.told.ready, machine.told.starting), (0, 2));
        assert_eq!(machine.told.starting_since, Some(at(0)));
        end_wait(&mut machine, 1, WaitEnd::TimeOver, at(now));
    }
    // The same wish again starts nothing.
    assert_eq!(machine.step(wanted(2), at(11)), []);
}

#[test]
fn a_failing_replica_is_probed_and_opened_again() {
    let mut machine = ready(1);
    let actions = machine.step(Event::Failing(1), at(5));
    assert_eq!(waits(&actions), [Wait::Probe(Duration::from_millis(10))]);
    assert_eq!(machine.told.starting_since, Some(at(5)));
    // Requests may still be in flight there: it is drained, not terminated at once.
    let actions = machine.step(wanted(0), at(6));
    assert_eq!(without_waits(actions), [Action::TakeOut(1)]);
    let mut machine = ready(1);
    machine.step(Event::Failing(1), at(5));
    let actions = end_wait(&mut machine, 1, WaitEnd::Answered, at(6));
    assert_eq!(
        without_waits(actions),
        [Action::Open {
            number: 1,
            first_after: None
        }]
    );
}

#[test]
fn the_end_of_an_old_wait_is_ignored() {
    let mut machine = ready(1);
    let old = machine.replicas.get(&1).unwrap().ticket;
    machine.step(wanted(0), at(2));
    let stale = Event::Waited {
        number: 1,
        ticket: old,
        end: WaitEnd::TimeOver,
    };
    assert_eq!(machine.step(stale, at(3)), []);
}

#[test]
fn probes_come_often_at_first() {
    let millis = |age| probe_interval(Duration::from_millis(age)).as_millis();
    let seen = [0, 100, 500, 1_000, 59_999, 60_000].map(millis);
    assert_eq!(seen, [10, 10, 50, 100, 100, 1_000]);
}

/// What a shell that does as it is told knows, to hold the machine to its word.
#[derive(Default)]
struct World {
    processes: BTreeSet<Number>,
    names: BTreeSet<Number>,
    waits: BTreeMap<Number, (u64, Wait)>,
    open: BTreeSet<Number>,
    /// Once opened, until nothing is in flight or the drain limit has passed.
    busy: BTreeSet<Number>,
    terminated: BTreeSet<Number>,
}

impl World {
    fn act(&mut self, actions: Vec<Action>, killing: bool) {
        for action in actions {
            match action {
                Action::Spawn(number) => {
                    assert!(self.processes.insert(number), "two processes for {number}");
                    let restarted = self.names.contains(&number);
                    assert!(restarted || self.names.last().is_none_or(|last| *last < number));
                    self.names.insert(number);
                    self.terminated.remove(&number);
                }
                Action::Open { number, .. } => {
                    assert!(self.processes.contains(&number), "{number} is dead");
                    assert!(
                        !self.terminated.contains(&number),
                        "{number} was terminated"
                    );
                    self.open.insert(number);
                    self.busy.insert(number);
                }
                Action::TakeOut(number) => {
                    self.open.remove(&number);
                }
                Action::Forget(number) => {
                    self.open.remove(&number);
                    self.busy.remove(&number);
                }
                Action::Terminate(number) => {
                    assert!(
                        !self.busy.contains(&number),
                        "{number} had requests in flight"
                    );
                    self.terminated.insert(number);
                }
                Action::Kill { number, .. } => {
                    assert!(killing || self.terminated.contains(&number));
                    self.terminated.insert(number);
                }
                Action::Wait {
                    number,
                    ticket,
                    wait,
                } => {
                    self.waits.insert(number, (ticket, wait));
                }
                Action::Gone { number, lost } => {
                    assert!(
                        lost || !self.processes.contains(&number),
                        "{number} is left behind"
                    );
                    self.processes.remove(&number);
                    self.waits.remove(&number);
                }
                Action::Recall(_) | Action::Crashed { .. } | Action::Observe(_) => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn keeps_its_word_whatever_happens(
        steps in prop::collection::vec((0_u8..12, 0_u32..8, 0_u64..1000), 1..300),
    ) {
        let mut machine = Lifecycle::new(DRAIN, GRACE);
        let mut world = World::default();
        let mut last = 0;
        for (second, (kind, count, pick)) in (0..).zip(steps) {
            let now = at(second);
            let alive: Vec<_> = machine.replicas.keys().copied().collect();
            let index = usize::try_from(pick).unwrap().checked_rem(alive.len());
            let number = index.map_or(1, |index| alive[index]);
            let event = match kind {
                0 | 1 => {
                    last = count;
                    let in_flight = BTreeMap::from([(number, pick)]);
                    Event::Wanted { replicas: count, in_flight }
                }
                2 | 3 if world.processes.contains(&number) => Event::Spawned(number),
                4 if world.processes.remove(&number) => {
                    world.busy.remove(&number);
                    Event::Ended(number)
                }
                5 => Event::Failing(number),
                6 if pick < 20 => {
                    last = 0;
                    Event::KillAll
                }
                _ => {
                    let Some((ticket, wait)) = world.waits.get(&number).copied() else { continue };
                    let end = match wait {
                        Wait::Probe(_) if pick % 2 == 0 => WaitEnd::Answered,
                        Wait::Probe(_) => WaitEnd::NotAnswered,
                        Wait::Time(_) => WaitEnd::TimeOver,
                        Wait::Drain(_) => {
                            let ends = [WaitEnd::Drained, WaitEnd::TimeOver, WaitEnd::Recalled];
                            ends[usize::try_from(pick % 3).unwrap()]
                        }
                    };
                    if matches!(end, WaitEnd::Drained | WaitEnd::TimeOver) {
                        world.busy.remove(&number);
                    }
                    Event::Waited { number, ticket, end }
                }
            };
            let killing = matches!(event, Event::KillAll);
            let actions = machine.step(event, now);
            world.act(actions, killing);
            let seen = machine.told;
            prop_assert_eq!(seen.ready + seen.starting, last, "as many as wanted, at any time");
            prop_assert_eq!((seen.ready + seen.starting + seen.draining) as usize, machine.replicas.len());
            prop_assert_eq!(seen.starting > 0, seen.starting_since.is_some());
            let open: BTreeSet<_> = world.open.iter().copied().collect();
            let said: BTreeSet<_> = machine.replicas().filter(|(_, replica)| matches!(replica.state, State::Ready { .. })).map(|(number, _)| number).collect();
            prop_assert!(said.is_subset(&open), "ready is open");
        }
    }
}
