// SPDX-License-Identifier: Apache-2.0
use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
};

use cheerful_scaling::{Latency, Report};

use super::departures::Departures;
use crate::{Curve, Rng};

/// Where a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// On its way.
    Starting,
    /// Answers requests.
    Ready,
    /// Finishes what it has.
    Draining,
    /// Not there: the slot is free.
    Gone,
}

/// One replica, and the requests in it.
///
/// The work done for each request so far is the same for all that are worked on at once, whatever their number
/// did to the speed meanwhile; so one clock of work runs for all, and a request ends when it shows the work that was
/// there when the request came and its own.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) number: u64,
    pub(crate) state: State,
    pub(crate) created: u64,
    /// Its place at the door, while it is open.
    pub(crate) place: usize,
    pub(crate) paused: bool,
    curve: Curve,
    /// What hinders all replicas.
    speed: f64,
    /// What hinders this one.
    own_speed: f64,
    /// Requests that are worked on.
    serving: BinaryHeap<Reverse<Serving>>,
    /// Requests that wait inside the app.
    queue: VecDeque<Queued>,
    /// The clock of work, in microseconds, as of `edge`.
    done: f64,
    edge: u64,
    /// When the last request ended.
    last_end: u64,
    sums: Sums,
    told: Told,
    /// What it draws: how long it takes to start, when it crashes, its pauses.
    pub(crate) chance: Rng,
}

#[derive(Clone, Debug)]
struct Serving {
    /// What the clock of work shows at its end.
    ends: f64,
    /// Breaks a tie: who came first.
    order: u64,
    /// When it arrived at the gateway, and here.
    arrived: u64,
    entered: u64,
}

/// A request that waits inside the app.
#[derive(Clone, Copy, Debug)]
struct Queued {
    arrived: u64,
    entered: u64,
    work: u64,
}

/// Counted so far, as the proxy does.
#[derive(Clone, Debug)]
struct Sums {
    request_micros: u64,
    ended: u64,
    latency: [u32; Latency::BUCKETS],
}

/// What the last report covered.
#[derive(Clone, Debug, Default)]
struct Told {
    at: u64,
    request_micros: u64,
    sequence: u64,
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) arrived: u64,
}

impl Replica {
    pub(crate) fn new(curve: Curve) -> Self {
        Self {
            number: 0,
            state: State::Gone,
            created: 0,
            place: 0,
            paused: false,
            curve,
            speed: 1.0,
            own_speed: 1.0,
            serving: BinaryHeap::new(),
            queue: VecDeque::new(),
            done: 0.0,
            edge: 0,
            last_end: 0,
            sums: Sums {
                request_micros: 0,
                ended: 0,
                latency: [0; Latency::BUCKETS],
            },
            told: Told::default(),
            chance: Rng::new(0),
        }
    }
    /// Begins a new one in this slot.
    pub(crate) fn begin(&mut self, number: u64, now: u64, speed: f64, chance: Rng) {
        self.serving.clear();
        self.queue.clear();
        *self = Self {
            number,
            state: State::Starting,
            created: now,
            edge: now,
            last_end: now,
            speed,
            chance,
            serving: std::mem::take(&mut self.serving),
            queue: std::mem::take(&mut self.queue),
            ..Self::new(self.curve)
        };
    }
    /// It answers requests from now on: its first report covers the time since.
    pub(crate) fn open(&mut self, now: u64) {
        self.advance(now);
        self.state = State::Ready;
        self.told.at = now;
    }
    pub(crate) fn in_flight(&self) -> u32 {
        (self.serving.len() + self.queue.len()) as u32
    }
    /// When its last request ended; before the first, when it was begun.
    pub(crate) const fn last_end(&self) -> u64 {
        self.last_end
    }
    /// Takes a request.
    pub(crate) fn enter(&mut self, arrived: u64, work: u64, now: u64) {
        self.advance(now);
        if self.serving.len() < self.curve.workers() {
            self.serve(arrived, now, work);
        } else {
            self.queue.push_back(Queued {
                arrived,
                entered: now,
                work,
            });
        }
    }
    /// The request that ends next has ended.
    pub(crate) fn leave(&mut self, now: u64) -> Option<Ended> {
        self.advance(now);
        let Reverse(ended) = self.serving.pop()?;
        let latency = &mut self.sums.latency[Latency::bucket_of(now - ended.entered)];
        *latency = latency.saturating_add(1);
        self.sums.ended += 1;
        self.last_end = now;
        if let Some(next) = self.queue.pop_front() {
            self.serve(next.arrived, next.entered, next.work);
        }
        if self.serving.is_empty() {
            self.done = 0.0;
        }
        Some(Ended {
            arrived: ended.arrived,
        })
    }
    /// When the next one ends, if nothing changes.
    pub(crate) fn next_end(&self) -> u64 {
        match self.serving.peek() {
            Some(Reverse(next)) if !self.paused => {
                let remains = (next.ends - self.done) / self.pace();
                self.edge.saturating_add(remains.max(0.0).ceil() as u64)
            }
            _ => Departures::NEVER,
        }
    }
    pub(crate) fn set_speed(&mut self, speed: f64, now: u64) {
        self.advance(now);
        self.speed = speed;
    }
    pub(crate) fn set_own_speed(&mut self, speed: f64, now: u64) {
        self.advance(now);
        self.own_speed = speed;
    }
    pub(crate) fn set_paused(&mut self, paused: bool, now: u64) {
        self.advance(now);
        self.paused = paused;
    }
    /// Fills in what happened since the last report; false if no time has passed.
    pub(crate) fn report(&mut self, report: &mut Report, now: u64, burst: bool) -> bool {
        self.advance(now);
        let micros = now - self.told.at;
        if micros == 0 {
            return false;
        }
        report.replica.clear();
        report.replica.push('r');
        push_decimal(&mut report.replica, self.number);
        report.sequence = Some(self.told.sequence);
        report.seconds = micros as f64 / 1e6;
        report.request_seconds = (self.sums.request_micros - self.told.request_micros) as f64 / 1e6;
        report.requests = self.sums.ended;
        report.in_flight = burst.then(|| f64::from(self.in_flight()));
        report.latency = (self.sums.ended > 0).then(|| Latency::from_counts(&self.sums.latency));
        self.told = Told {
            at: now,
            request_micros: self.sums.request_micros,
            sequence: self.told.sequence + 1,
        };
        if self.sums.ended > 0 {
            self.sums.ended = 0;
            self.sums.latency = [0; Latency::BUCKETS];
        }
        true
    }
    /// Enters the time that has passed.
    pub(crate) fn advance(&mut self, now: u64) {
        let micros = now - self.edge;
        if micros == 0 {
            return;
        }
        let in_flight = self.serving.len() + self.queue.len();
        if in_flight > 0 {
            self.sums.request_micros += in_flight as u64 * micros;
            if !self.paused {
                self.done += micros as f64 * self.pace();
            }
        }
        self.edge = now;
    }

    /// Microseconds of work done for each request in one microsecond.
    fn pace(&self) -> f64 {
        self.speed * self.own_speed / self.curve.slowdown(self.serving.len() as u32)
    }
    fn serve(&mut self, arrived: u64, entered: u64, work: u64) {
        self.serving.push(Reverse(Serving {
            ends: self.done + work as f64,
            order: arrived,
            arrived,
            entered,
        }));
    }
}

impl Ord for Serving {
    fn cmp(&self, other: &Self) -> Ordering {
        let ends = self.ends.total_cmp(&other.ends);
        ends.then(self.order.cmp(&other.order))
    }
}
impl PartialOrd for Serving {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Serving {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Serving {}

fn push_decimal(text: &mut String, number: u64) {
    use std::fmt::Write as _;
    // Writing to a string cannot fail.
    if write!(text, "{number}").is_err() {
        text.clear();
    }
}
