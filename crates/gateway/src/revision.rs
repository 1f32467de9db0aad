// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use cheerful_proxy::{Answer, Attempt, Failure};
use cheerful_queue::QueuePlace;
use http::request::Parts;
use tokio::sync::oneshot;

use crate::{
    Collected, GatewayEvent, GatewayPlace, RevisionConfig, RevisionMetrics, answer,
    events::Events,
    front::{Front, Room, Taken},
    hold::{End, Held, Ticket, head_bytes},
    replica::Replica,
    requester::requester,
    waiting::{Waiter, Waiting, Word},
    waking::Counting,
};

/// One revision: its configuration, and its front behind a lock that is held for well under a
/// microsecond and never over an await. Events and places are handed out after it is released.
pub(crate) struct Revision {
    pub(crate) name: Arc<str>,
    config: ArcSwap<RevisionConfig>,
    events: Arc<Events>,
    state: Mutex<State>,
    /// Whether the next request that counts is to be remembered.
    remember: AtomicBool,
}

#[derive(Debug)]
struct State {
    front: Front<Waiter>,
    removed: bool,
    /// Nothing is held any more.
    ending: bool,
    /// Who takes over what would be held here.
    successor: Option<Arc<Revision>>,
}

/// What became of a request.
pub(crate) enum Entered {
    /// It goes to a replica now.
    Place(GatewayPlace),
    /// It has to wait; whether that is because no replica is ready.
    Waiting(Waiting, bool),
    /// It gets this answer.
    Answer(Answer),
    /// It is another revision's now.
    Elsewhere(Arc<Revision>),
}

impl Revision {
    pub(crate) fn new(config: RevisionConfig, events: Arc<Events>) -> Arc<Self> {
        let front = Front::new(room(&config));
        Arc::new(Self {
            name: Arc::from(config.name.as_str()),
            config: ArcSwap::from_pointee(config),
            events,
            state: Mutex::new(State {
                front,
                removed: false,
                ending: false,
                successor: None,
            }),
            remember: AtomicBool::new(true),
        })
    }

    pub(crate) fn config(&self) -> Arc<RevisionConfig> {
        self.config.load_full()
    }

    /// Finds a place for a request, or a place in the line.
    pub(crate) fn enter(self: &Arc<Self>, request: &Parts, attempt: &Attempt<'_>) -> Entered {
        let counting = self.config.load().waking.counting(request);
        let counts = counting == Counting::Counted;
        let by = (counts && attempt.number == 0 && self.is_to_remember())
            .then(|| requester(request, attempt.client));
        let mut state = self.lock();
        if by.is_some() {
            state.front.last_request = by;
        }
        if let Some(taken) = state.front.enter(counts, attempt.failed) {
            let burst = counts && state.front.passes_burst();
            drop(state);
            self.tell_burst(burst);
            return Entered::Place(self.place(taken));
        }
        if let Some(successor) = &state.successor {
            return Entered::Elsewhere(Arc::clone(successor));
        }
        if state.removed {
            return Entered::Answer(answer::no_route());
        }
        if state.ending {
            return Entered::Answer(answer::ending());
        }
        let cold = !state.front.is_ready();
        if cold && counting == Counting::AnsweredAtZero {
            state.front.totals().answered_at_zero_total += 1;
            return Entered::Answer(answer::at_zero());
        }
        if cold && counting == Counting::Uncounted {
            state.front.totals().refused_uncounted_total += 1;
            return Entered::Answer(answer::uncounted_at_zero());
        }
        self.hold(state, request, attempt, counts, cold)
    }

    fn hold(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        request: &Parts,
        attempt: &Attempt<'_>,
        counts: bool,
        cold: bool,
    ) -> Entered {
        let end = if attempt.number > 0 {
            End::Front
        } else {
            End::Back
        };
        let (waiter, receiver) = oneshot::channel();
        let held = Held {
            waiter,
            bytes: head_bytes(request),
            counts,
        };
        let Ok((ticket, first)) = state.front.hold(held, end) else {
            return Entered::Answer(answer::hold_full());
        };
        let burst = counts && state.front.passes_burst();
        drop(state);
        if first {
            let (revision, by) = (self.name(), requester(request, attempt.client));
            self.tell(GatewayEvent::Held { revision, by });
        }
        self.tell_burst(burst);
        Entered::Waiting(Waiting::new(Arc::clone(self), ticket, receiver), cold)
    }

    /// A place comes back; the first in the line gets it.
    pub(crate) fn leave(self: &Arc<Self>, replica: &Replica, place: QueuePlace, counts: bool) {
        let mut state = self.lock();
        state.front.left(place, counts);
        let served = state.front.serve();
        drop(state);
        if replica.queue.in_flight() == 0 {
            replica.idle.notify_waiters();
        }
        self.deliver(served);
    }

    /// A replica did not answer a request.
    pub(crate) fn failed(&self, replica: &Arc<Replica>, failure: Failure) {
        let gone = replica.is_gone_after(failure);
        let mut state = self.lock();
        state.front.totals().failed_tries_total += 1;
        let news = gone && state.front.fail(replica);
        drop(state);
        if news {
            let replica = replica.queue.replica().to_owned();
            tracing::warn!(
                revision = &*self.name,
                replica,
                ?failure,
                "replica taken out"
            );
            self.tell(GatewayEvent::ReplicaFailed {
                revision: self.name(),
                replica,
            });
        }
    }

    pub(crate) fn change(self: &Arc<Self>, config: RevisionConfig) {
        let room = room(&config);
        self.config.store(Arc::new(config));
        self.step(|state| state.front.change(room));
    }

    pub(crate) fn set_burst_threshold(&self, requests: f64) {
        self.lock().front.set_burst_threshold(requests);
    }

    pub(crate) fn set_target(&self, requests: f64) {
        self.lock().front.set_target(requests);
    }

    pub(crate) fn open(self: &Arc<Self>, replica: &str, address: SocketAddr) {
        self.step(|state| {
            if !state.removed {
                state.front.open(replica, address);
            }
        });
    }

    pub(crate) fn take_out(&self, replica: &str) -> Option<Arc<Replica>> {
        self.lock().front.take_out(replica)
    }

    pub(crate) async fn drained(&self, name: &str) {
        let Some(replica) = self.take_out(name) else {
            return;
        };
        loop {
            let idle = replica.idle.notified();
            tokio::pin!(idle);
            // From here on no word is missed, so the look below cannot be too early.
            idle.as_mut().enable();
            if !self.lock().front.is_out(&replica) {
                return;
            }
            if replica.queue.in_flight() == 0 {
                break;
            }
            idle.await;
        }
        self.forget(name);
    }

    pub(crate) fn forget(&self, replica: &str) {
        self.lock().front.forget(replica);
    }

    /// What is held gets 503; what is in flight goes on.
    pub(crate) fn remove(&self) {
        let mut state = self.lock();
        state.removed = true;
        state.front.forget_all();
        let held = state.front.line.drain();
        drop(state);
        // Dropping a waiter tells it.
        drop(held);
    }

    /// Moves what is held, and what would be held from now on, over to another revision.
    pub(crate) fn move_held(self: &Arc<Self>, to: &Arc<Self>) {
        if Arc::ptr_eq(self, to) {
            return;
        }
        // Two that took over from one another would send a request round and round.
        to.lock().successor = None;
        let mut state = self.lock();
        state.successor = Some(Arc::clone(to));
        let held = state.front.line.drain();
        drop(state);
        let mut first_held = false;
        let mut burst = false;
        for held in held {
            let (waiter, receiver) = oneshot::channel();
            let mut state = to.lock();
            let (bytes, counts) = (held.bytes, held.counts);
            let joined = state.front.hold(
                Held {
                    waiter,
                    bytes,
                    counts,
                },
                End::Back,
            );
            burst |= state.front.passes_burst();
            drop(state);
            let word = match joined {
                Ok((ticket, first)) => {
                    first_held |= first;
                    Word::Moved(Box::new(Waiting::new(Arc::clone(to), ticket, receiver)))
                }
                Err(_) => Word::Answer(answer::hold_full()),
            };
            // Who has left meanwhile leaves the other line with this.
            drop(held.waiter.send(word));
        }
        if first_held {
            let by = format!("requests held for {}", self.name);
            to.tell(GatewayEvent::Held {
                revision: to.name(),
                by,
            });
        }
        to.tell_burst(burst);
        to.step(|_| ());
    }

    pub(crate) fn replicas(&self) -> Vec<Arc<Replica>> {
        self.lock().front.replicas().map(Arc::clone).collect()
    }

    pub(crate) fn collect(&self, burst: bool) -> Option<Collected> {
        let mut state = self.lock();
        let untold = state.front.take_untold(&self.name);
        let seen = state.front.see(burst);
        drop(state);
        untold.into_iter().for_each(|event| self.tell(event));
        if !burst {
            self.remember.store(true, Ordering::Relaxed);
        }
        let seen = seen?;
        Some(Collected {
            revision: self.name(),
            reports: seen
                .replicas
                .iter()
                .filter_map(|replica| replica.report(burst))
                .collect(),
            holding: seen.holding,
            last_request: seen.last_request,
        })
    }

    pub(crate) fn collect_held(&self, burst: bool) -> Option<Collected> {
        let mut state = self.lock();
        let untold = state.front.take_untold(&self.name);
        let seen = state.front.see_held(burst);
        drop(state);
        untold.into_iter().for_each(|event| self.tell(event));
        if !burst {
            self.remember.store(true, Ordering::Relaxed);
        }
        let (holding, last_request) = seen?;
        Some(Collected {
            revision: self.name(),
            reports: Vec::new(),
            holding,
            last_request,
        })
    }

    /// What is held gets 503, and what would be held from now on.
    pub(crate) fn end_holding(&self) {
        let mut state = self.lock();
        state.ending = true;
        let held = state.front.line.drain();
        drop(state);
        for held in held {
            drop(held.waiter.send(Word::Answer(answer::ending())));
        }
    }

    /// What was counted; `None` when there is no replica and nothing ever was.
    pub(crate) fn metrics(&self) -> Option<RevisionMetrics> {
        let state = self.lock();
        let mut metrics = state.front.metrics()?;
        let replicas: Vec<_> = state.front.replicas().map(Arc::clone).collect();
        drop(state);
        metrics.revision = self.name();
        for replica in replicas {
            metrics.add(&replica.queue.accounting().counts());
        }
        Some(metrics)
    }

    /// Changes the totals.
    pub(crate) fn count(&self, change: impl FnOnce(&mut RevisionMetrics)) {
        change(self.lock().front.totals());
    }

    /// Leaves the line; whether it was still in it.
    pub(crate) fn leave_line(&self, ticket: Ticket) -> bool {
        self.lock().front.line.leave(ticket).is_some()
    }

    /// Does something that may have made room, and hands the room out.
    fn step(self: &Arc<Self>, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let served = state.front.serve();
        drop(state);
        self.deliver(served);
    }

    /// Hands places out. One whose client has just left comes back by its drop and goes to the next.
    fn deliver(self: &Arc<Self>, served: Vec<(Waiter, Taken)>) {
        for (waiter, taken) in served {
            drop(waiter.send(Word::Place(self.place(taken))));
        }
    }

    fn place(self: &Arc<Self>, taken: Taken) -> GatewayPlace {
        GatewayPlace::new(Arc::clone(self), taken, self.config.load().time_limits)
    }

    /// Once after each collection, so at most once a second.
    fn is_to_remember(&self) -> bool {
        self.remember.load(Ordering::Relaxed) && self.remember.swap(false, Ordering::Relaxed)
    }

    fn name(&self) -> String {
        self.name.to_string()
    }

    fn tell_burst(&self, burst: bool) {
        if burst {
            self.tell(GatewayEvent::Burst {
                revision: self.name(),
            });
        }
    }

    fn tell(&self, event: GatewayEvent) {
        if let Err(event) = self.events.tell(event) {
            self.lock().front.keep_untold(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Revision")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn room(config: &RevisionConfig) -> Room {
    Room {
        target: config.target,
        limit: config.limit.filter(|limit| *limit > 0),
        hold: config.hold,
    }
}
