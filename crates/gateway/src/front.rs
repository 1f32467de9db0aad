// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc};

use cheerful_proxy::Upstream;
use cheerful_queue::QueuePlace;
use cheerful_scaling::Holding;

use crate::{
    GatewayEvent, HoldLimits, RevisionMetrics,
    choose::choose,
    hold::{End, Held, HoldLine, Ticket},
    replica::Replica,
};

/// What stands before one revision: its replicas and the line of the requests held. Pure: no clock, no
/// socket; what must be told to a waiter comes back from [`Front::serve`].
///
/// After each step and a `serve`, nobody waits in vain ([`Front::waits_in_vain`]).
#[derive(Debug)]
pub(crate) struct Front<W> {
    slots: Vec<Slot>,
    pub(crate) line: HoldLine<W>,
    room: Room,
    /// Requests passed on that count.
    in_flight: u64,
    burst_threshold: f64,
    /// The target as the autoscaler has it, where it has said so: one that is learned changes.
    target: Option<f64>,
    /// Whether a crossing of the threshold is to be told.
    armed: bool,
    untold_held: Option<String>,
    untold_burst: bool,
    arrived: u64,
    /// What the last collection said is held.
    held_told: u64,
    pub(crate) last_request: Option<String>,
    /// Totals, but for those of the replicas that are there; made when there is something to count, so
    /// that a revision that nobody asks for stays small.
    totals: Option<Box<RevisionMetrics>>,
}

/// How much goes where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) target: f64,
    pub(crate) limit: Option<u32>,
    pub(crate) hold: HoldLimits,
}

#[derive(Debug)]
struct Slot {
    replica: Arc<Replica>,
    standing: Standing,
    /// Its failure was not told, for the channel was full.
    untold: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Open,
    Failed,
    TakenOut,
}

/// A place that was taken; it has to come back by [`Front::left`].
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) replica: Arc<Replica>,
    pub(crate) place: QueuePlace,
    pub(crate) counts: bool,
}

/// What a collection sees.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) replicas: Vec<Arc<Replica>>,
    pub(crate) holding: Holding,
    pub(crate) last_request: Option<String>,
}

impl<W> Front<W> {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            slots: Vec::new(),
            line: HoldLine::new(),
            room,
            in_flight: 0,
            burst_threshold: f64::INFINITY,
            target: None,
            armed: true,
            untold_held: None,
            untold_burst: false,
            arrived: 0,
            held_told: 0,
            last_request: None,
            totals: None,
        }
    }

    /// Takes a place in a replica, if there is one and nobody is before this request. One that had its
    /// turn (`failed` are the upstreams that failed it) has nobody before it, and goes where it has not
    /// been, if it can.
    pub(crate) fn enter(&mut self, counts: bool, failed: &[Arc<Upstream>]) -> Option<Taken> {
        if failed.is_empty() && !self.line.is_empty() {
            return None;
        }
        let index = match self.choose(failed) {
            None if !failed.is_empty() => self.choose(&[]),
            index => index,
        };
        self.take(index?, counts)
    }

    /// A place was given back.
    pub(crate) fn left(&mut self, place: QueuePlace, counts: bool) {
        drop(place);
        if counts {
            self.in_flight -= 1;
        } else {
            self.totals().uncounted_total += 1;
        }
    }

    /// Holds a request.
    ///
    /// # Errors
    /// Gives it back, counted, when the line is full.
    pub(crate) fn hold(&mut self, held: Held<W>, end: End) -> Result<(Ticket, bool), Held<W>> {
        let counts = held.counts;
        match self.line.join(held, end, &self.room.hold) {
            Ok(ticket) => {
                self.totals().held_total += 1;
                self.arrived += u64::from(counts);
                Ok((ticket, counts && self.line.counted() == 1))
            }
            Err(held) => {
                self.totals().refused_hold_full_total += 1;
                Err(held)
            }
        }
    }

    /// Gives the first in the line their places, as many as there are.
    #[must_use]
    pub(crate) fn serve(&mut self) -> Vec<(W, Taken)> {
        let mut served = Vec::new();
        while let Some(counts) = self.line.first_counts() {
            let taken = self.choose(&[]).and_then(|index| self.take(index, counts));
            let Some(taken) = taken else { break };
            served.extend(self.line.pop().map(|held| (held.waiter, taken)));
        }
        served
    }

    /// Whether the requests in flight and held have just passed the threshold.
    pub(crate) fn passes_burst(&mut self) -> bool {
        let passes = self.armed && self.is_over_burst();
        self.armed &= !passes;
        passes
    }

    pub(crate) fn set_burst_threshold(&mut self, requests: f64) {
        self.armed |= requests.to_bits() != self.burst_threshold.to_bits();
        self.burst_threshold = requests;
    }

    pub(crate) fn set_target(&mut self, requests: f64) {
        self.target = Some(requests);
    }

    pub(crate) fn change(&mut self, room: Room) {
        self.room = room;
        for slot in &self.slots {
            slot.replica.queue.set_limit(room.limit);
        }
    }

    /// A replica is ready. The same name at another address is another replica in its place.
    pub(crate) fn open(&mut self, name: &str, address: SocketAddr) {
        if let Some(slot) = self.slot_mut(name) {
            if slot.replica.queue.upstream().address() == address {
                slot.standing = Standing::Open;
                slot.untold = false;
                slot.replica.succeeded();
                return;
            }
            self.forget(name);
        }
        let replica = Replica::new(name, address, self.room.limit);
        self.slots.push(Slot {
            replica,
            standing: Standing::Open,
            untold: false,
        });
    }

    pub(crate) fn take_out(&mut self, name: &str) -> Option<Arc<Replica>> {
        let slot = self.slot_mut(name)?;
        slot.standing = Standing::TakenOut;
        Some(Arc::clone(&slot.replica))
    }

    /// A replica takes no requests until it is opened again; whether that is news.
    pub(crate) fn fail(&mut self, replica: &Arc<Replica>) -> bool {
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| Arc::ptr_eq(&slot.replica, replica));
        let Some(slot) = slot.filter(|slot| slot.standing == Standing::Open) else {
            return false;
        };
        slot.standing = Standing::Failed;
        true
    }

    /// What it counted is kept in the totals.
    pub(crate) fn forget(&mut self, name: &str) {
        let at = self
            .slots
            .iter()
            .position(|slot| slot.replica.queue.replica() == name);
        let Some(slot) = at.map(|at| self.slots.remove(at)) else {
            return;
        };
        let mut counts = slot.replica.queue.accounting().counts();
        counts.in_flight = 0;
        self.totals().add(&counts);
        slot.replica.queue.upstream().close();
        slot.replica.idle.notify_waiters();
    }

    pub(crate) fn forget_all(&mut self) {
        while let Some(slot) = self.slots.last() {
            let name = slot.replica.queue.replica().to_owned();
            self.forget(&name);
        }
    }

    /// Whether a replica is there, is this one, and takes no more requests.
    pub(crate) fn is_out(&self, replica: &Arc<Replica>) -> bool {
        self.slots
            .iter()
            .any(|slot| Arc::ptr_eq(&slot.replica, replica) && slot.standing == Standing::TakenOut)
    }

    /// Whether a replica takes requests.
    pub(crate) fn is_ready(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.standing == Standing::Open)
    }

    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Arc<Replica>> {
        self.slots.iter().map(|slot| &slot.replica)
    }

    /// Totals, to be added to.
    pub(crate) fn totals(&mut self) -> &mut RevisionMetrics {
        self.totals.get_or_insert_default()
    }

    /// Totals, but for those of the replicas that are there; `None` if there is no replica and never
    /// was anything.
    pub(crate) fn metrics(&self) -> Option<RevisionMetrics> {
        if self.totals.is_none() && self.slots.is_empty() {
            return None;
        }
        let totals = self.totals.as_deref().cloned().unwrap_or_default();
        Some(RevisionMetrics {
            held: self.line.counted(),
            ..totals
        })
    }

    /// What there is to tell; `None` when there is nothing new and no replica.
    pub(crate) fn see(&mut self, burst: bool) -> Option<Seen> {
        debug_assert!(!self.waits_in_vain());
        self.armed |= !burst || !self.is_over_burst();
        let held = self.line.counted();
        let rests = self.slots.is_empty() && held == 0 && self.held_told == 0 && self.arrived == 0;
        if rests && self.last_request.is_none() {
            return None;
        }
        self.held_told = held;
        Some(Seen {
            replicas: self.replicas().map(Arc::clone).collect(),
            holding: Holding {
                held,
                arrived: std::mem::take(&mut self.arrived),
            },
            last_request: self.last_request.take(),
        })
    }

    /// What is held and what came to be held since the last look; `None` when there is nothing to say. A request that
    /// was passed on at once is not in it.
    pub(crate) fn see_held(&mut self, burst: bool) -> Option<(Holding, Option<String>)> {
        self.armed |= !burst || !self.is_over_burst();
        let held = self.line.counted();
        let last_request = self.last_request.take();
        if held == 0 && self.held_told == 0 && self.arrived == 0 {
            return None;
        }
        self.held_told = held;
        let arrived = std::mem::take(&mut self.arrived);
        Some((Holding { held, arrived }, last_request))
    }

    /// An event could not be told.
    pub(crate) fn keep_untold(&mut self, event: GatewayEvent) {
        match event {
            GatewayEvent::Held { by, .. } => self.untold_held = Some(by),
            GatewayEvent::Burst { .. } => self.untold_burst = true,
            GatewayEvent::ReplicaFailed { replica, .. } => {
                if let Some(slot) = self.slot_mut(&replica) {
                    slot.untold = slot.standing == Standing::Failed;
                }
            }
        }
    }

    /// The events that could not be told and still hold.
    pub(crate) fn take_untold(&mut self, revision: &str) -> Vec<GatewayEvent> {
        let revision = || revision.to_owned();
        let held = self.untold_held.take().filter(|_| self.line.counted() > 0);
        let burst = std::mem::take(&mut self.untold_burst) && self.is_over_burst();
        let mut events = Vec::new();
        events.extend(held.map(|by| GatewayEvent::Held {
            revision: revision(),
            by,
        }));
        events.extend(burst.then(|| GatewayEvent::Burst {
            revision: revision(),
        }));
        for slot in &mut self.slots {
            if std::mem::take(&mut slot.untold) && slot.standing == Standing::Failed {
                let replica = slot.replica.queue.replica().to_owned();
                events.push(GatewayEvent::ReplicaFailed {
                    revision: revision(),
                    replica,
                });
            }
        }
        events
    }

    /// Whether somebody is in the line while a replica has a place: never so.
    fn waits_in_vain(&self) -> bool {
        !self.line.is_empty() && self.choose(&[]).is_some()
    }

    fn choose(&self, avoid: &[Arc<Upstream>]) -> Option<usize> {
        let loads = self.slots.iter().map(|slot| {
            let queue = &slot.replica.queue;
            let avoided = avoid
                .iter()
                .any(|upstream| Arc::ptr_eq(upstream, queue.upstream()));
            (slot.standing == Standing::Open && !avoided).then(|| queue.in_flight())
        });
        choose(
            loads,
            self.target.unwrap_or(self.room.target),
            self.room.limit,
        )
    }

    fn take(&mut self, index: usize, counts: bool) -> Option<Taken> {
        let replica = &self.slots.get(index)?.replica;
        let place = replica.queue.try_enter(counts)?;
        self.in_flight += u64::from(counts);
        Some(Taken {
            replica: Arc::clone(replica),
            place,
            counts,
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "requests in flight are far below 2^53"
    )]
    fn is_over_burst(&self) -> bool {
        (self.in_flight + self.line.counted()) as f64 > self.burst_threshold
    }

    fn slot_mut(&mut self, name: &str) -> Option<&mut Slot> {
        self.slots
            .iter_mut()
            .find(|slot| slot.replica.queue.replica() == name)
    }
}

#[cfg(test)]
mod tests;
