// SPDX-License-Identifier: Apache-2.0
use super::fluid::Flow;
use crate::{bucket::SECOND_MICROS, history::Second};

/// What the live reports tell of the load, second by second, whoever scales: how much is offered, how many come, how long
/// one takes.
///
/// Served requests are in flight where they would be if nobody ever waited, but later. With w that wait, `D' = (w - D) / S`
/// are how many more are there than if nobody waited, and `served + S x D'` would be in flight then.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// Request-microseconds held, by second.
    held: [u64; Self::SECONDS],
    /// Request-seconds that waited in the replicas' own lines, by second.
    waited: [f64; Self::SECONDS],
    /// What is held, and since when.
    holds: u64,
    at: u64,
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
    /// Requests too many were taken to come, by the mean of a second for what is there at its edge.
    owed: f64,
}

/// A second of which the reports have come.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// In replicas and before them.
    there: f64,
    waiting: f64,
    finished: f64,
    offered: f64,
}

impl Live {
    const SECONDS: usize = 8;
    /// What remains of the sums after a second with a request: about the last 100 such seconds count.
    const REMAINS: f64 = 0.99;
    /// Taken for the service time until a request has finished.
    const UNKNOWN_SECONDS: f64 = 1.0;
    /// Bounds of the service time.
    const BOUNDS: (f64, f64) = (0.001, 600.0);

    /// So many are held from now on.
    pub(super) fn hold(&mut self, now: u64, held: u64) {
        self.pass(now);
        self.holds = held;
    }
    /// Time passes.
    pub(super) fn pass(&mut self, now: u64) {
        let oldest = now.saturating_sub((Self::SECONDS as u64 - 1) * SECOND_MICROS);
        if self.at < oldest {
            self.held = [0; Self::SECONDS];
            self.waited = [0.0; Self::SECONDS];
            self.at = oldest / SECOND_MICROS * SECOND_MICROS;
        }
        while self.at < now {
            let second = self.at / SECOND_MICROS;
            let until = now.min((second + 1) * SECOND_MICROS);
            let held = self.holds.saturating_mul(until - self.at);
            self.held[place(second)] = self.held[place(second)].saturating_add(held);
            self.at = until;
            if until == (second + 1) * SECOND_MICROS {
                self.held[place(second + 1)] = 0;
                self.waited[place(second + 1)] = 0.0;
            }
        }
    }
    /// So many request-seconds waited in a replica's line, in an interval that ended then.
    pub(super) fn wait(&mut self, now: u64, end: u64, request_seconds: f64) {
        self.pass(now);
        let second = end.saturating_sub(1) / SECOND_MICROS;
        let newest = self.at / SECOND_MICROS;
        if second <= newest && second + Self::SECONDS as u64 > newest {
            self.waited[place(second)] += request_seconds;
        }
    }
    /// A second is given so many later.
    pub(super) const LATER: u64 = 2;

    /// Takes a whole second, and gives what came in the one two before it.
    pub(super) fn take(&mut self, number: u64, second: Second) -> Flow {
        let is_kept = number + Self::SECONDS as u64 > self.at / SECOND_MICROS;
        let held = if is_kept {
            self.held[place(number)] as f64 / 1e6
        } else {
            0.0
        };
        let (in_replicas, finished) = match second {
            Second::Known { load, requests } => (load, f64::from(requests)),
            Second::Empty => (0.0, 0.0),
            // Who is silent is taken to do what it did.
            Second::Unknown => (self.last.there - self.last.waiting, self.last.finished),
        };
        let in_line = if is_kept {
            self.waited[place(number)].min(in_replicas)
        } else {
            0.0
        };
        let served = in_replicas - in_line;
        if served > 0.0 || finished > 0.0 {
            self.served = self.served * Self::REMAINS + served;
            self.finished = self.finished * Self::REMAINS + finished;
        }
        let service = self.service_seconds();
        let waiting = held + in_line;
        let change = (waiting - self.behind) / (1.0 + service);
        self.behind += change;
        let now = Seen {
            there: served + waiting,
            waiting,
            finished,
            offered: (served + service * change).max(0.0),
        };
        let came = self.last.finished + (now.there - self.before.there) / 2.0 + self.owed;
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
    /// Whether nothing is there, and nothing that was is still to be told.
    pub(super) fn is_empty(&self) -> bool {
        let none = |seen: &Seen| seen.there <= 0.0 && seen.offered <= 0.0;
        self.holds == 0
            && self.held.iter().all(|held| *held == 0)
            && none(&self.before)
            && none(&self.last)
            && self.settling.arrivals <= 0.0
            && self.settling.mean <= 0.0
            && self.behind < 1e-3
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

fn place(second: u64) -> usize {
    (second % Live::SECONDS as u64) as usize
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
            live.take(second, known(1.0, 10));
        }
        assert!((live.service_seconds() - 0.1).abs() < 1e-9);
        // For two seconds 10 more each are held, and then all are served within a second.
        live.hold(100_000_000, 10);
        live.hold(101_000_000, 20);
        live.hold(102_000_000, 0);
        live.pass(106_000_000);
        let mut flows = Vec::new();
        for (second, load, requests) in
            [(100, 0.0, 0), (101, 0.0, 0), (102, 3.0, 30), (103, 1.0, 10)]
        {
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
