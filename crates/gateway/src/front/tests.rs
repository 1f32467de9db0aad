// SPDX-License-Identifier: Apache-2.0
use std::{collections::VecDeque, time::Duration};

use proptest::prelude::*;

use super::*;

const LINE: usize = 6;

fn room(limit: Option<u32>) -> Room {
    let hold = HoldLimits {
        requests: LINE,
        bytes: 1_000,
        wait: Duration::from_secs(1),
    };
    Room {
        target: 2.0,
        limit,
        hold,
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn front(limit: Option<u32>, replicas: &[&str]) -> Front<u32> {
    let mut front = Front::new(room(limit));
    for replica in replicas {
        front.open(replica, address(1));
    }
    front
}

fn hold(front: &mut Front<u32>, waiter: u32) -> Ticket {
    front
        .hold(
            Held {
                waiter,
                bytes: 1,
                counts: true,
            },
            End::Back,
        )
        .unwrap()
        .0
}

fn name(taken: &Taken) -> &str {
    taken.replica.queue.replica()
}

#[test]
fn a_newcomer_does_not_overtake_the_line() {
    let mut front = front(Some(1), &[]);
    hold(&mut front, 1);
    front.open("a", address(1));
    assert!(front.enter(true, &[]).is_none());
    assert_eq!(front.serve()[0].0, 1);
}

#[test]
fn a_replica_taken_out_or_failed_gets_nothing_until_it_is_opened_again() {
    let mut front = front(None, &["a", "b"]);
    let taken = front.enter(true, &[]).unwrap();
    assert!(front.fail(&taken.replica));
    assert!(!front.fail(&taken.replica), "no news");
    front.take_out("b");
    assert!(front.enter(true, &[]).is_none() && !front.is_ready());
    front.open("b", address(1));
    assert_eq!(name(&front.enter(true, &[]).unwrap()), "b");
}

#[test]
fn a_second_try_goes_elsewhere_or_to_the_same_when_there_is_no_other() {
    let mut front = front(None, &["a", "b"]);
    let a = front.enter(true, &[]).unwrap();
    let failed = [Arc::clone(a.replica.queue.upstream())];
    assert_eq!(name(&front.enter(true, &failed).unwrap()), "b");
    front.take_out("b");
    assert_eq!(name(&front.enter(true, &failed).unwrap()), "a");
}

#[test]
fn the_same_name_at_another_address_is_a_new_replica() {
    let mut front = front(None, &["a"]);
    let before = front.enter(true, &[]).unwrap();
    front.open("a", address(2));
    let after = front.enter(true, &[]).unwrap();
    assert_eq!(after.replica.queue.upstream().address(), address(2));
    assert_eq!(front.replicas().count(), 1);
    front.left(before.place, true);
    front.left(after.place, true);
    assert_eq!(front.in_flight, 0);
}

#[test]
fn what_a_forgotten_replica_counted_is_kept() {
    let mut front = front(None, &["a"]);
    for _ in 0..3 {
        let taken = front.enter(true, &[]).unwrap();
        front.left(taken.place, true);
    }
    front.forget_all();
    assert_eq!(
        (front.totals().passed_total, front.replicas().count()),
        (3, 0)
    );
    assert_eq!(front.totals().duration_buckets.iter().sum::<u64>(), 3);
}

#[test]
fn a_burst_is_told_once_until_the_next_regular_look() {
    let mut front = front(None, &["a"]);
    front.set_burst_threshold(2.0);
    let mut places: Vec<_> = (0..2).filter_map(|_| front.enter(true, &[])).collect();
    assert!(!front.passes_burst());
    places.extend(front.enter(true, &[]));
    assert!(front.passes_burst());
    assert!(!front.passes_burst());
    front.see(true);
    assert!(!front.passes_burst(), "still above it");
    front.see(false);
    assert!(front.passes_burst());
    let back = places.pop().unwrap();
    front.left(back.place, true);
    front.see(true);
    places.extend(front.enter(true, &[]));
    assert!(front.passes_burst(), "it was below");
    front.set_burst_threshold(1.0);
    assert!(front.passes_burst(), "another threshold");
}

#[test]
fn a_look_tells_what_is_new_and_then_nothing() {
    let mut front = front(None, &[]);
    assert!(front.see(false).is_none());
    let ticket = hold(&mut front, 1);
    assert_eq!(
        front.see(false).unwrap().holding,
        Holding {
            held: 1,
            arrived: 1
        }
    );
    assert_eq!(
        front.see(false).unwrap().holding,
        Holding {
            held: 1,
            arrived: 0
        }
    );
    front.line.leave(ticket);
    assert_eq!(front.see(false).unwrap().holding, Holding::default());
    assert!(front.see(false).is_none());
}

#[test]
fn an_event_that_was_not_told_is_told_later_if_it_still_holds() {
    let mut front = front(None, &["a"]);
    let replica = front.enter(true, &[]).unwrap().replica;
    front.fail(&replica);
    let (revision, by) = ("r".to_owned(), "GET /".to_owned());
    let events = [
        GatewayEvent::Held {
            revision: revision.clone(),
            by,
        },
        GatewayEvent::Burst {
            revision: revision.clone(),
        },
        GatewayEvent::ReplicaFailed {
            revision,
            replica: "a".to_owned(),
        },
    ];
    let keep = |front: &mut Front<u32>| {
        for event in events.clone() {
            front.keep_untold(event);
        }
    };
    keep(&mut front);
    assert_eq!(
        front.take_untold("r"),
        events[2..],
        "nothing is held and no burst on"
    );
    assert_eq!(front.take_untold("r"), []);
    keep(&mut front);
    front.set_burst_threshold(0.0);
    front.open("a", address(1));
    hold(&mut front, 1);
    assert_eq!(
        front.take_untold("r"),
        events[..2],
        "the replica is open again"
    );
}

#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    TakeOut(usize),
    Forget(usize),
    Fail(usize),
    Ask { counts: bool, again: bool },
    End(usize),
    Leave(usize),
    Limit(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_usize..4).prop_map(Step::Open),
        1 => (0_usize..4).prop_map(Step::TakeOut),
        1 => (0_usize..4).prop_map(Step::Forget),
        1 => (0_usize..4).prop_map(Step::Fail),
        8 => (any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(counts, again)| Step::Ask { counts, again }),
        5 => (0_usize..16).prop_map(Step::End),
        1 => (0_usize..LINE).prop_map(Step::Leave),
        1 => (1_u32..4).prop_map(Step::Limit),
    ]
}

/// All that the front must keep true, seen from outside.
#[derive(Default)]
struct Model {
    /// In flight, with who took the place.
    taken: Vec<(u32, Taken)>,
    line: VecDeque<(u32, Ticket)>,
    asked: u32,
    served: u32,
    refused: u32,
    left: u32,
}

impl Model {
    fn ask(&mut self, front: &mut Front<u32>, counts: bool, again: bool) {
        let who = self.asked;
        self.asked += 1;
        let failed = if again {
            vec![Replica::new("x", address(9), None).queue.upstream().clone()]
        } else {
            Vec::new()
        };
        if let Some(taken) = front.enter(counts, &failed) {
            assert!(self.line.is_empty(), "{who} overtook {:?}", self.line);
            self.served += 1;
            self.taken.push((who, taken));
            return;
        }
        let end = if again { End::Front } else { End::Back };
        match front.hold(
            Held {
                waiter: who,
                bytes: 1,
                counts,
            },
            end,
        ) {
            Ok((ticket, _)) if again => self.line.push_front((who, ticket)),
            Ok((ticket, _)) => self.line.push_back((who, ticket)),
            Err(held) => {
                assert_eq!((held.waiter, self.line.len()), (who, LINE));
                self.refused += 1;
            }
        }
    }

    fn serve(&mut self, front: &mut Front<u32>) {
        for (who, taken) in front.serve() {
            assert_eq!(
                Some(who),
                self.line.pop_front().map(|(first, _)| first),
                "not the first"
            );
            self.served += 1;
            self.taken.push((who, taken));
        }
    }
}

proptest! {
    #[test]
    fn none_lost_none_overtaken_none_over_the_limit_none_waiting_for_nothing(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut limit = 3_u32;
        let mut front = front(Some(limit), &[]);
        let mut model = Model::default();
        let names = ["a", "b", "c", "d"];
        for step in steps {
            let before: Vec<_> = front.replicas().map(|replica| (Arc::clone(replica), replica.queue.in_flight())).collect();
            match step {
                Step::Open(at) => front.open(names[at], address(1)),
                Step::TakeOut(at) => { front.take_out(names[at]); }
                Step::Forget(at) => front.forget(names[at]),
                Step::Fail(at) => {
                    let replica = front.replicas().nth(at).map(Arc::clone);
                    if let Some(replica) = replica { front.fail(&replica); }
                }
                Step::Ask { counts, again } => model.ask(&mut front, counts, again),
                Step::End(at) if at < model.taken.len() => {
                    let (_, taken) = model.taken.swap_remove(at);
                    front.left(taken.place, taken.counts);
                }
                Step::End(_) => {}
                Step::Leave(at) => if let Some((who, ticket)) = model.line.remove(at) {
                    prop_assert_eq!(front.line.leave(ticket).map(|held| held.waiter), Some(who));
                    model.left += 1;
                },
                Step::Limit(now) => { limit = now; front.change(room(Some(limit))); }
            }
            model.serve(&mut front);
            for (replica, load) in before {
                let now = replica.queue.in_flight();
                prop_assert!(now <= load.max(u64::from(limit)), "over the limit by a new request");
            }
            prop_assert!(!front.waits_in_vain());
            let counted = model.taken.iter().filter(|(_, taken)| taken.counts).count();
            prop_assert_eq!(front.in_flight, u64::try_from(counted).unwrap());
            let waiting = u32::try_from(model.line.len()).unwrap();
            prop_assert_eq!(model.asked, model.served + model.refused + model.left + waiting);
        }
    }
}
