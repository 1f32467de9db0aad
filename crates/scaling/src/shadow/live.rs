// SPDX-License-Identifier: Apache-2.0
use super::{
    fluid::Flow,
    lines::{Line, Lines},
};
use crate::history::Second;

/// What the live reports tell of the load, second by second, whoever scales: how much is offered, how many come, how long
/// one takes.
///
/// Served requests are in flight where they would be if nobody ever waited, but later. With w that wait, `D' = (w - D) / S`
/// are how many more are there than if nobody waited, and `served + S x D'` would be in flight then. D is taken at the
/// ends of the seconds, where it is known how many are held.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    lines: Lines,
    /// How many more are there than if nobody waited, at the end of the last second.
    behind: f64,
    /// Forgetting sums of served request-seconds and of requests finished.
    served: f64,
    finished: f64,
    /// The second before the last, and the last.
    before: Seen,
    last: Seen,
    /// What came in the second before the last.
    settling: Flow,
    /// Who waited in the second before that one.
    waiting: f64,
    /// Request-seconds too many were taken to be offered: less than none never is.
    lent: f64,
    /// Requests too many were taken to come, by the mean of a second for what is there at its edge.
    owed: f64,
}

/// A second of which the reports have come.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    in_replicas: f64,
    /// At its end.
    held: f64,
    waiting: f64,
    finished: f64,
    offered: f64,
}

impl Live {
    /// Seconds that are waited for the first request to end: before it nobody knows how long one takes.
    pub(super) const PATIENCE: u64 = 48;
    /// What remains of the sums after a second with a request: about the last 100 such seconds count.
    const REMAINS: f64 = 0.99;
    /// Taken for the service time until a request has finished.
    const UNKNOWN_SECONDS: f64 = 1.0;
    /// Fewer are behind nobody: what never ends otherwise.
    const NOBODY: f64 = 1e-3;
    /// Bounds of the service time.
    const BOUNDS: (f64, f64) = (0.001, 600.0);

    /// So many are held now.
    pub(super) fn hold(&mut self, now: u64, held: u64) {
        let service_seconds = self.service_seconds();
        self.lines.hold(now, held, service_seconds);
    }
    /// Replicas with so many places are ready.
    pub(super) fn open(&mut self, now: u64, places: f64) {
        self.lines.open(now, places);
    }
    /// Time passes.
    pub(super) fn pass(&mut self, now: u64) {
        self.lines.pass(now);
    }
    /// So many request-seconds waited in a replica's line, in an interval that ended then.
    pub(super) fn wait(&mut self, now: u64, end: u64, request_seconds: f64) {
        self.lines.wait(now, end, request_seconds);
    }
    /// Learns from a whole second how long a request takes.
    pub(super) fn learn(&mut self, number: u64, second: Second) {
        let (in_replicas, finished) = match second {
            Second::Known { load, requests } => (load, f64::from(requests)),
            Second::Empty | Second::Unknown => return,
        };
        let served = in_replicas - self.lines.of(number).in_replicas.min(in_replicas);
        if served > 0.0 || finished > 0.0 {
            self.served = self.served * Self::REMAINS + served;
            self.finished = self.finished * Self::REMAINS + finished;
        }
    }
    /// Whether somebody is there in that second and nobody knows how long a request takes.
    pub(super) fn is_unknown(&self, number: u64, second: Second) -> bool {
        let is_there = match second {
            Second::Known { load, .. } => load > 0.0,
            Second::Empty | Second::Unknown => false,
        };
        self.finished <= 0.0 && (is_there || self.lines.of(number).held > 0.0)
    }
    /// A second is given so many later.
    pub(super) const LATER: u64 = 2;

    /// Takes a whole second, and gives what came in the one two before it.
    pub(super) fn take(&mut self, number: u64, second: Second) -> Flow {
        let line = self.lines.take(number);
        let (in_replicas, finished) = match second {
            Second::Known { load, requests } => (load, f64::from(requests)),
            Second::Empty => (0.0, 0.0),
            // Who is silent is taken to do what it did.
            Second::Unknown => (self.last.in_replicas, self.last.finished),
        };
        let in_line = line.in_replicas.min(in_replicas);
        let service = self.service_seconds();
        let change = self.falls_behind(&line, in_line, service);
        let offered = in_replicas - in_line + service * change + self.lent;
        let is_there = in_replicas > 0.0 || line.held > 0.0;
        self.lent = if is_there { offered.min(0.0) } else { 0.0 };
        let now = Seen {
            in_replicas,
            held: line.held_at_end,
            waiting: line.held + in_line,
            finished,
            offered: offered.max(0.0),
        };
        let came = self.last.finished
            + (self.last.held - self.before.held)
            + (now.in_replicas - self.before.in_replicas) / 2.0
            + self.owed;
        // Fewer than none came: so many too many were taken to come in the second before, or will be soon.
        let settled = (self.settling.arrivals + came.min(0.0)).max(0.0);
        self.owed = came.min(0.0) + self.settling.arrivals - settled;
        let flow = Flow {
            mean: self.last.offered,
            offered: self.way(&now),
            arrivals: came.max(0.0),
            service_seconds: service,
        };
        self.waiting = self.before.waiting;
        (self.before, self.last) = (self.last, now);
        let arrivals = settled;
        Flow {
            arrivals,
            ..std::mem::replace(&mut self.settling, flow)
        }
    }
    /// How many more are there than if nobody waited at the end of this second than at its beginning, with so many waiting in
    /// the replicas. A step of second order, which stays at what waits where a request takes no time.
    fn falls_behind(&mut self, line: &Line, in_line: f64, service: f64) -> f64 {
        let rate = 1.0 / service;
        let left = 1.0 / (1.0 + rate + rate * rate / 2.0);
        let gone = 1.0 - left;
        // Straight from one end of the second to the other, and all of it as much higher as the mean is.
        let (from, to) = (line.held_at_begin, line.held_at_end);
        let from_on = from + in_line + (line.held - (from + to) / 2.0);
        let mut behind = self.behind * left + from_on * gone + (to - from) * (1.0 - service * gone);
        if behind < Self::NOBODY {
            behind = 0.0;
        }
        let change = behind - self.behind;
        self.behind = behind;
        change
    }
    /// From what is offered on average in three seconds, what it is at both edges of the middle one and in its middle: no
    /// more and no less than in any of the three.
    fn way(&self, next: &Seen) -> [f64; 3] {
        let (before, here, next) = (self.before.offered, self.last.offered, next.offered);
        let (begin, end) = ((before + here) / 2.0, (here + next) / 2.0);
        let middle = 2.0 * here - (begin + end) / 2.0;
        let (least, most) = (before.min(here).min(next), before.max(here).max(next));
        [begin, middle.clamp(least, most), end]
    }
    /// Requests that waited in the second that was given last, on average.
    pub(super) const fn waiting(&self) -> f64 {
        self.waiting
    }
    /// Whether nothing is there, and nothing that was is still to be told, if that second is the next to be taken.
    pub(super) fn is_empty(&self, next: u64) -> bool {
        let none = |seen: &Seen| seen.in_replicas + seen.held <= 0.0 && seen.offered <= 0.0;
        self.lines.is_empty(next)
            && none(&self.before)
            && none(&self.last)
            && self.settling.arrivals <= 0.0
            && self.settling.mean <= 0.0
            && self.behind <= 0.0
    }
    /// How long a request takes once it is served, on average.
    pub(super) fn service_seconds(&self) -> f64 {
        if self.finished > 0.0 {
            (self.served / self.finished).clamp(Self::BOUNDS.0, Self::BOUNDS.1)
        } else {
            Self::UNKNOWN_SECONDS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_offered_when_it_comes_and_not_when_it_is_served() {
        let mut live = Live::default();
        let known = |load, requests| Second::Known { load, requests };
        // 10 requests per second of 0.1 s each.
        for second in 0..100 {
            live.learn(second, known(1.0, 10));
            live.take(second, known(1.0, 10));
        }
        assert!((live.service_seconds() - 0.1).abs() < 1e-9);
        // For two seconds 10 more each are held, and then all are served within a second.
        live.hold(100_050_000, 1);
        live.hold(101_000_000, 10);
        live.hold(102_000_000, 20);
        live.hold(102_000_000, 0);
        live.pass(106_000_000);
        let mut flows = Vec::new();
        for (second, load, requests) in
            [(100, 0.0, 0), (101, 0.0, 0), (102, 3.0, 30), (103, 1.0, 10)]
        {
            live.learn(second, known(load, requests));
            flows.push(live.take(second, known(load, requests)));
        }
        flows.push(live.take(104, known(1.0, 10)));
        flows.push(live.take(105, known(1.0, 10)));
        let offered: f64 = flows
            .iter()
            .map(|flow| flow.offered.iter().sum::<f64>() / 3.0)
            .sum();
        let arrivals: f64 = flows.iter().map(|flow| flow.arrivals).sum();
        assert!((offered - 6.0).abs() < 0.1, "{flows:?}");
        assert!((arrivals - 60.0).abs() < 1.0, "{flows:?}");
        assert!(flows[2].mean > 0.8 && flows[3].mean > 0.8, "{flows:?}");
    }
}
