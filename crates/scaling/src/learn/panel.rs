// SPDX-License-Identifier: Apache-2.0
use crate::{Report, learn::logarithm::ln};

/// How one replica fares, compared with how it fared a moment ago. A few replicas stand for all: [`Panel::SEATS`].
///
/// Reports are added up to blocks that are long against a request, so that what is in flight, what ends and how long it
/// takes belong together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panel {
    seats: Vec<Seat>,
    /// Logarithm of the most completions per second that one replica had, and as of when.
    most_rate: Option<(f64, u64)>,
}

/// One replica that is watched.
#[derive(Clone, Debug)]
struct Seat {
    replica: u64,
    since: u64,
    heard: u64,
    block: Block,
    /// Logarithms of requests in flight and of completions per second in the blocks before.
    level: Option<Level>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Block {
    seconds: f64,
    request_seconds: f64,
    requests: u64,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    in_flight: f64,
    rate: f64,
    requests: f64,
}

/// What changed in one replica from one time to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// Logarithm of the requests in flight before and after.
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// By how much the logarithm of the completions per second changed.
    pub(crate) rate: f64,
    /// Whether with the more in flight about as much got done as was ever seen of one replica.
    pub(crate) full: bool,
    /// Standard deviation of the noise that comes by chance alone.
    pub(crate) noise: f64,
}

/// A block that ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ended {
    /// Requests in flight on average.
    pub(crate) in_flight: f64,
    /// Seconds that it took.
    pub(crate) seconds: f64,
    /// What changed, where there is something to compare with.
    pub(crate) change: Option<Change>,
}

impl Panel {
    /// Replicas that are watched. 104 bytes each.
    pub(crate) const SEATS: usize = 8;
    /// A replica that has just come is not yet what it will be: caches are cold, code is being compiled.
    const YOUNG_MICROS: u64 = 30_000_000;
    /// A seat is given to another when its replica was silent for so long.
    const SILENT_MICROS: u64 = 30_000_000;
    /// Below it a replica says nothing of how requests hinder each other.
    const LEAST_IN_FLIGHT: f64 = 0.3;
    const LEAST_REQUESTS: u64 = 30;
    /// With fewer a block goes on, if it is not too long.
    const ENOUGH_REQUESTS: u64 = 100;
    /// So much less than the most counts as the most; and in a day as much of it is forgotten. Sooner, and a slow
    /// downstream in a quieter hour would be taken for a replica that does all that it can.
    const NEARLY: f64 = 0.2;
    const FORGOTTEN_PER_MICRO: f64 = Self::NEARLY / 86_400e6;
    const LEAST_SECONDS: f64 = 10.0;
    const MOST_SECONDS: f64 = 120.0;
    /// A block is so many times as long as a request takes.
    const REQUESTS_LONG: f64 = 20.0;

    /// Takes a report; gives a block when one ends with it.
    pub(crate) fn report(&mut self, now: u64, report: &Report) -> Option<Ended> {
        let index = self.seat(now, hash(&report.replica))?;
        let seat = self.seats.get_mut(index)?;
        seat.heard = now;
        if now.saturating_sub(seat.since) < Self::YOUNG_MICROS {
            return None;
        }
        seat.block.seconds += report.seconds;
        seat.block.request_seconds += report.request_seconds + report.waiting_seconds;
        seat.block.requests += report.requests;
        seat.end(now, &mut self.most_rate)
    }

    /// What came before the settings or the load were others is not compared with.
    pub(crate) fn forget_levels(&mut self) {
        for seat in &mut self.seats {
            seat.level = None;
            seat.block = Block::default();
        }
    }

    fn seat(&mut self, now: u64, replica: u64) -> Option<usize> {
        match self.seats.iter().position(|seat| seat.replica == replica) {
            Some(index) => Some(index),
            None => {
                let seat = Seat {
                    replica,
                    since: now,
                    heard: now,
                    block: Block::default(),
                    level: None,
                };
                let silent = |seat: &Seat| now.saturating_sub(seat.heard) > Self::SILENT_MICROS;
                if self.seats.len() < Self::SEATS {
                    self.seats.push(seat);
                    Some(self.seats.len() - 1)
                } else {
                    let index = self.seats.iter().position(silent)?;
                    self.seats[index] = seat;
                    Some(index)
                }
            }
        }
    }
}

impl Seat {
    fn end(&mut self, at: u64, most_rate: &mut Option<(f64, u64)>) -> Option<Ended> {
        let block = self.block;
        if block.seconds < Panel::LEAST_SECONDS {
            return None;
        }
        let whole = block.requests >= Panel::ENOUGH_REQUESTS
            && block.seconds * block.requests as f64
                >= Panel::REQUESTS_LONG * block.request_seconds;
        let in_flight = block.request_seconds / block.seconds;
        if !whole && block.seconds < Panel::MOST_SECONDS && in_flight >= Panel::LEAST_IN_FLIGHT {
            return None;
        }
        self.block = Block::default();
        if in_flight < Panel::LEAST_IN_FLIGHT || block.requests < Panel::LEAST_REQUESTS {
            self.level = None;
            return None;
        }
        let now = Level {
            in_flight: ln(in_flight),
            rate: ln(block.requests as f64 / block.seconds),
            requests: block.requests as f64,
        };
        let most = most_rate.map_or(now.rate, |(most, since)| {
            most - Panel::FORGOTTEN_PER_MICRO * at.saturating_sub(since) as f64
        });
        let change = self.level.map(|before| Change {
            full: if now.in_flight > before.in_flight {
                now.rate
            } else {
                before.rate
            } > most - Panel::NEARLY,
            from: before.in_flight,
            to: now.in_flight,
            rate: now.rate - before.rate,
            noise: (1.0 / before.requests + 1.0 / now.requests).sqrt(),
        });
        // Half of what was: so a step is seen for a while, and a slow drift is seen at all.
        self.level = Some(match self.level {
            None => now,
            Some(before) => Level {
                in_flight: f64::midpoint(before.in_flight, now.in_flight),
                rate: f64::midpoint(before.rate, now.rate),
                requests: (before.requests + now.requests).min(1e6),
            },
        });
        let most = self.level.map_or(most, |level| most.max(level.rate));
        *most_rate = Some((most, at));
        Some(Ended {
            in_flight,
            seconds: block.seconds,
            change,
        })
    }
}

/// FNV-1a: names are compared by it alone, for two that share a seat do no harm.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(replica: &str, in_flight: f64, rate: u64) -> Report {
        Report {
            replica: replica.to_owned(),
            seconds: 1.0,
            request_seconds: in_flight,
            requests: rate,
            ..Report::default()
        }
    }

    fn run(
        panel: &mut Panel,
        from: u64,
        seconds: u64,
        replica: &str,
        in_flight: f64,
        rate: u64,
    ) -> Vec<Ended> {
        let at = |second| (from + second) * 1_000_000;
        (0..seconds)
            .filter_map(|second| panel.report(at(second), &report(replica, in_flight, rate)))
            .collect()
    }

    #[test]
    fn blocks_are_compared_and_the_young_and_the_idle_left_out() {
        let mut panel = Panel::default();
        assert_eq!(run(&mut panel, 0, 30, "a", 2.0, 20), []);
        let first = run(&mut panel, 30, 10, "a", 2.0, 20);
        assert_eq!((first.len(), first[0].change), (1, None));
        let second = run(&mut panel, 40, 10, "a", 4.0, 40);
        let change = second[0].change.unwrap();
        assert!((change.to - change.from - 2.0_f64.ln()).abs() < 1e-9);
        assert!((change.rate - 2.0_f64.ln()).abs() < 1e-9);
        assert_eq!(run(&mut panel, 50, 20, "a", 0.1, 1), []);
        assert_eq!(run(&mut panel, 70, 10, "a", 2.0, 20)[0].change, None);
    }

    #[test]
    fn a_block_is_long_against_a_request() {
        let mut panel = Panel::default();
        run(&mut panel, 0, 30, "a", 0.0, 0);
        // 4 s each.
        assert_eq!(run(&mut panel, 30, 79, "a", 20.0, 5), []);
        assert_eq!(run(&mut panel, 109, 1, "a", 20.0, 5).len(), 1);
    }

    /// However many replicas tell in between, what was the most an hour ago still counts: with a fifth less to do, one
    /// that is slow for another cause has not done all that it can.
    #[test]
    fn the_most_is_forgotten_by_the_day_and_not_by_the_report() {
        let mut panel = Panel::default();
        run(&mut panel, 0, 40, "a", 10.0, 100);
        for replica in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            run(&mut panel, 40, 3_600, replica, 5.0, 50);
        }
        let slower = |panel: &mut Panel| {
            let ended = run(panel, 3_640, 10, "a", 14.0, 70);
            ended[0].change.unwrap().full
        };
        assert!(!slower(&mut panel));
    }

    #[test]
    fn seats_are_few_and_given_to_others_when_silent() {
        let mut panel = Panel::default();
        for replica in 0..100 {
            run(&mut panel, 0, 1, &replica.to_string(), 2.0, 20);
        }
        assert_eq!(panel.seats.len(), Panel::SEATS);
        run(&mut panel, 100, 45, "new", 2.0, 20);
        assert!(panel.seats.iter().any(|seat| seat.replica == hash("new")));
        assert!(size_of::<Seat>() <= 104, "{}", size_of::<Seat>());
    }
}
