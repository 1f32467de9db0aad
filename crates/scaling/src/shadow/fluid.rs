// SPDX-License-Identifier: Apache-2.0
/// Requests as a fluid: how many there would be before and in so many replicas, if so many were in flight where nobody
/// ever waits.
///
/// With arrivals A and a mean service time S, requests where nobody waits go by `n' = A - n / S`, and before K places by
/// `N' = A - min(N, K) / S`. So `D = N - n` goes by `D' = (n - min(n + D, K)) / S`: arrivals need not be known, for `n` tells
/// of them already, and no work is lost or made, for `D x S` is the work that is behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fluid {
    /// Requests more than where nobody waits.
    behind: f64,
    /// Requests in flight where nobody waits.
    offered: f64,
}

/// What comes in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flow {
    /// Requests in flight where nobody waits, on average.
    pub(super) mean: f64,
    /// The same: at the beginning, in the middle and at the end, straight between them.
    pub(super) offered: [f64; 3],
    /// Requests that come.
    pub(super) arrivals: f64,
    /// How long one takes once it is served.
    pub(super) service_seconds: f64,
}

impl Flow {
    /// What is offered where a share of the second has passed.
    pub(super) fn at(&self, share: f64) -> f64 {
        let [begin, middle, end] = self.offered;
        if share < 0.5 {
            begin + (middle - begin) * 2.0 * share
        } else {
            middle + (end - middle) * (2.0 * share - 1.0)
        }
    }
}

/// What becomes of them in a part of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Passed {
    /// Requests in replicas, on average.
    pub(super) served: f64,
    /// Requests that wait, on average.
    pub(super) waiting: f64,
    /// Requests that came.
    pub(super) arrivals: f64,
    /// Of these, who waits longer than [`Fluid::LONG_WAIT`].
    pub(super) long_waits: f64,
}

impl Fluid {
    /// A wait that somebody notices, in seconds.
    pub(super) const LONG_WAIT: f64 = 0.1;
    /// So many are held at most, as by the gateway unless told otherwise: one more is refused.
    const MOST_BEHIND: f64 = 10_000.0;

    /// Less is an end that never comes.
    const LEAST: f64 = 1e-3;
    /// Less than so many requests are nobody: what sums of fractions leave.
    pub(super) const NOBODY: f64 = 0.01;

    /// Requests that wait now.
    pub(super) fn waiting(&self, places: f64) -> f64 {
        (self.offered + self.behind - places).max(0.0)
    }
    /// Requests that are there, in replicas or before them.
    pub(super) fn present(&self) -> f64 {
        self.offered + self.behind
    }
    /// Whether nobody is there.
    pub(super) fn is_empty(&self) -> bool {
        self.offered == 0.0 && self.behind < Self::NOBODY
    }
    /// A part of a second passes, of that length, in which so many are in flight where nobody waits.
    pub(super) fn pass(&mut self, flow: &Flow, offered: f64, places: f64, seconds: f64) -> Passed {
        let service = flow.service_seconds;
        let there = self.present();
        self.offered = offered;
        let (before, mut waiting) = (self.behind, 0.0);
        let mut left = seconds;
        if self.offered + self.behind > places {
            let slope = (self.offered - places) / service;
            let clear = (places - self.offered).max(0.0);
            let lasts = if slope < 0.0 {
                ((self.behind - clear) / -slope).min(left)
            } else {
                left
            };
            let from = self.waiting(places);
            self.behind = (self.behind + slope * lasts).clamp(0.0, Self::MOST_BEHIND);
            waiting = (from + self.waiting(places)) / 2.0 * lasts / seconds;
            left -= lasts;
        }
        if left > 0.0 && self.offered <= places {
            // What is behind is in places now, and ends as it does: an implicit step, so that no work is lost.
            self.behind /= 1.0 + left / service;
            if self.behind < Self::LEAST {
                self.behind = 0.0;
            }
        }
        let arrivals = flow.arrivals * seconds;
        let late = share_over(there, self.present(), long_wait_level(flow, places));
        Passed {
            served: (self.offered - service * (self.behind - before) / seconds)
                .clamp(0.0, places.max(0.0)),
            waiting,
            arrivals,
            long_waits: arrivals * late,
        }
    }
}

/// Of the way from one count to another, how much is at a level or over it.
fn share_over(from: f64, to: f64, level: f64) -> f64 {
    let (least, most) = (from.min(to), from.max(to));
    if least >= level {
        1.0
    } else if most <= level {
        0.0
    } else {
        (most - level) / (most - least)
    }
}

/// One who comes when so many are there waits just so long: those before it and the ones in the places leave at
/// `places / service time` each second.
fn long_wait_level(flow: &Flow, places: f64) -> f64 {
    places * (1.0 + Fluid::LONG_WAIT / flow.service_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(fluid: &mut Fluid, flow: Flow, places: f64) -> (f64, f64, f64) {
        let (mut served, mut waiting, mut late) = (0.0, 0.0, 0.0);
        for part in 0..10 {
            let passed = fluid.pass(&flow, flow.at(f64::from(part) / 10.0 + 0.05), places, 0.1);
            served += passed.served / 10.0;
            waiting += passed.waiting / 10.0;
            late += passed.long_waits;
        }
        (served, waiting, late)
    }
    const fn flow(offered: f64, arrivals: f64, service_seconds: f64) -> Flow {
        Flow {
            mean: offered,
            offered: [offered; 3],
            arrivals,
            service_seconds,
        }
    }

    #[test]
    fn with_places_enough_nobody_waits_and_all_is_as_offered() {
        let mut fluid = Fluid::default();
        for offered in [3.0, 0.0, 7.9, 1.0] {
            let (served, waiting, late) = run(&mut fluid, flow(offered, 4.0, 0.5), 8.0);
            assert!((served - offered).abs() < 1e-12);
            assert_eq!((waiting, late), (0.0, 0.0));
        }
    }

    #[test]
    fn no_work_is_lost_or_made() {
        let mut fluid = Fluid::default();
        let (mut offered_sum, mut served_sum) = (0.0, 0.0);
        for second in 0..200_u32 {
            let offered = if second < 20 {
                f64::from(second % 7) * 3.0
            } else {
                0.0
            };
            let places = f64::from(second % 5) * 2.0;
            let (served, _, _) = run(&mut fluid, flow(offered, offered, 1.3), places);
            offered_sum += offered;
            served_sum += served;
        }
        assert!(
            (offered_sum - served_sum).abs() < 0.1,
            "{offered_sum} {served_sum}"
        );
    }

    #[test]
    fn who_comes_when_all_places_are_taken_waits() {
        let mut fluid = Fluid::default();
        let rising = Flow {
            offered: [0.0, 4.0, 8.0],
            ..flow(0.0, 8.0, 2.0)
        };
        let (_, _, late) = run(&mut fluid, rising, 4.0);
        assert!((3.0..4.0).contains(&late), "{late}");
        let (served, waiting, late) = run(&mut fluid, flow(8.0, 4.0, 2.0), 4.0);
        assert!(
            (late - 4.0).abs() < 1e-9 && (served - 4.0).abs() < 1e-9,
            "{late} {served}"
        );
        assert!(waiting >= 4.0, "{waiting}");
    }

    #[test]
    fn who_finds_no_replica_waits() {
        let mut fluid = Fluid::default();
        let (served, waiting, late) = run(&mut fluid, flow(0.1, 1.0, 0.1), 0.0);
        assert_eq!(served, 0.0);
        assert!(
            waiting > 0.5 && (late - 1.0).abs() < 1e-9,
            "{waiting} {late}"
        );
        assert!((fluid.waiting(0.0) - 1.1).abs() < 1e-9);
    }
}
