// SPDX-License-Identifier: Apache-2.0
use crate::bucket::SECOND_MICROS;

/// What waited with the policy that acts, second by second: at the gateway, and in the replicas' own lines.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    lines: [Line; Self::SECONDS],
    /// The newest second that has a place.
    newest: u64,
    /// What is held, as it was told last, and until when it is entered.
    holds: u64,
    at: u64,
    /// Since then.
    opened: Vec<Opened>,
    /// By how many the line grew in a microsecond.
    growth: f64,
}

/// Places that came to be there while somebody waited.
#[derive(Clone, Copy, Debug)]
struct Opened {
    at: u64,
    places: f64,
}

/// What waited in a second, on average, and what was held at its beginning and at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) held: f64,
    pub(super) held_at_begin: f64,
    pub(super) held_at_end: f64,
    pub(super) in_replicas: f64,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            lines: [Line::default(); Self::SECONDS],
            newest: 0,
            holds: 0,
            at: 0,
            opened: Vec::new(),
            growth: 0.0,
        }
    }
}

impl Lines {
    /// Seconds that are kept.
    const SECONDS: usize = 64;
    /// Places that are kept apart by when they came; beyond it they came with the last.
    const MOST_OPENED: usize = 16;
    /// What is held is told anew within this time.
    const TOLD_WITHIN: u64 = 2 * SECOND_MICROS;

    /// Replicas with so many places were ready: so many of those who wait are served at once.
    pub(super) fn open(&mut self, now: u64, places: f64) {
        if self.holds == 0 {
            return;
        }
        let is_full = self.opened.len() == Self::MOST_OPENED;
        match self.opened.last_mut() {
            Some(last) if is_full => last.places += places,
            _ => self.opened.push(Opened { at: now, places }),
        }
    }
    /// So many are held now, where one takes so long to be served.
    ///
    /// In between it went straight from what was told before, but for the places that were opened: what they took at once, and
    /// what they took since. Where none was held before, the first is told when it comes.
    pub(super) fn hold(&mut self, now: u64, held: u64, service_seconds: f64) {
        self.pass(now);
        let (before, per_micro) = (self.holds as f64, 1.0 / (service_seconds * 1e6));
        let length = now.saturating_sub(self.at) as f64;
        if self.holds > 0 && length > 0.0 {
            let since = |opened: &Opened| now.saturating_sub(opened.at.max(self.at)) as f64;
            let took = |opened: &Opened| opened.places * (1.0 + since(opened) * per_micro);
            let taken: f64 = self.opened.iter().map(took).sum();
            // Where nobody is left it is not known how many more there were places for.
            if held > 0 || taken == 0.0 {
                self.growth = (held as f64 - before + taken) / length;
            }
            let mut line = before;
            for opened in std::mem::take(&mut self.opened) {
                line = self.enter(opened.at.min(now), line, self.growth);
                line = (line - opened.places).max(0.0);
                self.growth -= opened.places * per_micro;
            }
            self.enter(now, line, self.growth);
        }
        self.opened.clear();
        self.enter(now, 0.0, 0.0);
        self.holds = held;
        if held == 0 {
            self.growth = 0.0;
        }
    }
    /// Time passes.
    pub(super) fn pass(&mut self, now: u64) {
        let second = now / SECOND_MICROS;
        let steps = (second.saturating_sub(self.newest)).min(Self::SECONDS as u64);
        for step in 0..steps {
            self.lines[place(second - step)] = Line::default();
        }
        self.newest = self.newest.max(second);
        let oldest = (self.newest + 1).saturating_sub(Self::SECONDS as u64);
        self.at = self.at.max(oldest * SECOND_MICROS);
        if self.holds == 0 || now > self.at + Self::TOLD_WITHIN {
            self.enter(now, self.holds as f64, 0.0);
            self.opened.clear();
        }
    }
    /// So many request-seconds waited in a replica's line, in an interval that ended then.
    pub(super) fn wait(&mut self, now: u64, end: u64, request_seconds: f64) {
        self.pass(now);
        let second = end.saturating_sub(1) / SECOND_MICROS;
        if self.keeps(second) {
            self.lines[place(second)].in_replicas += request_seconds;
        }
    }
    /// What is known by now of who waited in a second.
    pub(super) fn of(&self, second: u64) -> Line {
        if self.keeps(second) {
            self.lines[place(second)]
        } else {
            Line::default()
        }
    }
    /// Who waited in a second, of which nothing more is waited for.
    pub(super) fn take(&mut self, second: u64) -> Line {
        let end = second.min(self.newest) + 1;
        self.enter(end * SECOND_MICROS, self.holds as f64, 0.0);
        self.of(second)
    }
    /// Whether nobody waits, and nobody did in that second or later.
    pub(super) fn is_empty(&self, from: u64) -> bool {
        let oldest = (self.newest + 1).saturating_sub(Self::SECONDS as u64);
        let mut kept = from.max(oldest)..=self.newest;
        self.holds == 0 && kept.all(|second| self.of(second).held <= 0.0)
    }

    fn keeps(&self, second: u64) -> bool {
        second <= self.newest && second + Self::SECONDS as u64 > self.newest
    }
    /// From so many on the line grows by so many in a microsecond; gives how many there are then.
    fn enter(&mut self, until: u64, from: f64, growth: f64) -> f64 {
        let begin = self.at;
        let held = |at: u64| (from + growth * (at - begin) as f64).max(0.0);
        while self.at < until {
            let second = self.at / SECOND_MICROS;
            let end = until.min((second + 1) * SECOND_MICROS);
            let seconds = (end - self.at) as f64 / 1e6;
            let line = &mut self.lines[place(second)];
            if self.at == second * SECOND_MICROS {
                line.held_at_begin = held(self.at);
            }
            line.held += (held(self.at) + held(end)) / 2.0 * seconds;
            line.held_at_end = held(end);
            self.at = end;
        }
        held(self.at)
    }
}

fn place(second: u64) -> usize {
    (second % Lines::SECONDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(lines: &mut Lines, seconds: std::ops::Range<u64>) -> Vec<f64> {
        seconds.map(|second| lines.take(second).held).collect()
    }

    #[test]
    fn a_line_grows_straight_from_the_first_who_waits() {
        let mut lines = Lines::default();
        for (micros, held) in [
            (500_000, 1),
            (1_000_000, 51),
            (2_000_000, 151),
            (2_500_000, 0),
        ] {
            lines.hold(micros, held, 1.0);
        }
        lines.pass(6_000_000);
        assert_eq!(held(&mut lines, 0..5), [13.0, 101.0, 37.75, 0.0, 0.0]);
        let ends = [0, 1, 2].map(|second| lines.of(second).held_at_end);
        assert_eq!(ends, [51.0, 151.0, 0.0]);
        assert!(!lines.is_empty(2));
        assert!(lines.is_empty(3));
    }

    #[test]
    fn places_that_open_take_from_the_line_at_once_and_from_then_on() {
        let mut lines = Lines::default();
        lines.hold(1_000_000, 20, 2.0);
        // Of 10 that come in each half of a second 10 places take 10 at once, and 5 a second.
        lines.open(1_500_000, 10.0);
        lines.hold(2_000_000, 28, 2.0);
        let line = lines.take(1);
        assert!(
            (line.held - (20.0 + 30.25 + 20.25 + 28.0) / 4.0).abs() < 0.13,
            "{line:?}"
        );
        // It grew by 15.5 a second, and then nobody is left.
        lines.open(2_500_000, 100.0);
        lines.hold(3_000_000, 0, 2.0);
        let line = lines.take(2);
        assert_eq!((line.held_at_begin, line.held_at_end), (28.0, 0.0));
        assert!((15.0..17.0).contains(&line.held), "{line:?}");
    }

    #[test]
    fn what_is_no_longer_told_is_taken_to_stay() {
        let mut lines = Lines::default();
        lines.hold(10_000_000, 4, 1.0);
        lines.pass(11_500_000);
        assert_eq!(lines.of(10).held, 0.0);
        lines.pass(12_500_000);
        assert_eq!(lines.of(10).held, 4.0);
        lines.pass(1_000_000_000);
        assert_eq!(lines.take(999).held, 4.0);
        assert_eq!(lines.take(2_000), Line::default());
    }

    #[test]
    fn who_waits_in_a_replica_is_told_apart() {
        let mut lines = Lines::default();
        lines.wait(3_200_000, 3_000_000, 2.5);
        lines.wait(3_300_000, 9_000_000, 1.0);
        let line = lines.take(2);
        assert_eq!((line.held, line.in_replicas), (0.0, 2.5));
    }
}
