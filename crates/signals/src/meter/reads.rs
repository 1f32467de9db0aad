// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Moment, Report};

use super::{
    Figures,
    identity::{Identity, Same},
    latency::latency,
    unfinished::Unfinished,
};

/// Makes reports of what is read of one replica.
#[derive(Clone, Debug)]
pub struct Meter {
    replica: String,
    sequence: u64,
    last: Option<(Figures, Moment)>,
    identity: Identity,
    inside: Unfinished,
    waiting: Unfinished,
}

/// What a read came to.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum Metered {
    /// What happened since the read before.
    Report(Report),
    /// Nothing yet: it is the first read, or no time has passed since the one before.
    NotYet,
    /// Nothing: the process has begun anew, or has not been read for too long. The next read counts from here.
    Anew,
    /// Nothing: two processes answer in turn under one name, and their counters tell nothing.
    Mixed,
}

impl Meter {
    /// The longest time between two reads that is told: beyond it nobody knows what was.
    pub const LONGEST_SECONDS: f64 = 30.0;
    /// The same for a gauge alone: a line between two samples so far apart is a guess.
    pub const LONGEST_GAUGE_SECONDS: f64 = 10.0;
    /// Two reads so close are one.
    const SHORTEST_SECONDS: f64 = 0.001;

    /// Of a replica of this name.
    #[must_use]
    pub fn new(replica: impl Into<String>) -> Self {
        Self {
            replica: replica.into(),
            sequence: 0,
            last: None,
            identity: Identity::default(),
            inside: Unfinished::default(),
            waiting: Unfinished::default(),
        }
    }

    /// The replica's name.
    #[must_use]
    pub fn replica(&self) -> &str {
        &self.replica
    }

    /// Requests in flight and waiting at the last read, where a gauge says so.
    #[must_use]
    pub fn in_flight(&self) -> Option<f64> {
        let (figures, _) = self.last.as_ref()?;
        Some(figures.in_flight? + figures.waiting.unwrap_or(0.0))
    }

    /// The next report begins with the next read.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// A report for a replica that was not read: it is taken to have been as those that were. `mean`: requests in flight
    /// and waiting in each of these, and requests a second.
    pub fn assume(&mut self, seconds: f64, age_seconds: f64, mean: [f64; 3]) -> Report {
        let [in_flight, waiting, rate] = mean;
        let sequence = self.next();
        Report {
            replica: self.replica.clone(),
            sequence: Some(sequence),
            age_seconds,
            seconds,
            request_seconds: in_flight * seconds,
            waiting_seconds: waiting * seconds,
            requests: whole(rate * seconds),
            refused: 0,
            in_flight: None,
            latency: None,
        }
    }

    /// Takes what was read at `at`.
    pub fn take(&mut self, figures: Figures, at: Moment) -> Metered {
        let Some((last, then)) = self.last.take() else {
            self.begin(figures, at);
            return Metered::NotYet;
        };
        let seconds = at.since(then).as_secs_f64();
        if seconds < Self::SHORTEST_SECONDS {
            self.last = Some((last, then));
            return Metered::NotYet;
        }
        match self.identity.judge(&last, &figures, at) {
            Same::One => {}
            Same::Anew => {
                self.begin(figures, at);
                return Metered::Anew;
            }
            Same::Mixed => {
                self.begin(figures, at);
                return Metered::Mixed;
            }
        }
        let longest = if figures.seconds.or(figures.request_seconds).is_some() {
            Self::LONGEST_SECONDS
        } else {
            Self::LONGEST_GAUGE_SECONDS
        };
        if seconds > longest {
            self.begin(figures, at);
            return Metered::Anew;
        }
        let report = self.report(&last, &figures, seconds);
        self.last = Some((figures, at));
        report.map_or(Metered::NotYet, Metered::Report)
    }

    const fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence - 1
    }

    fn begin(&mut self, figures: Figures, at: Moment) {
        self.inside.begin(figures.in_flight);
        self.waiting.begin(figures.waiting);
        self.last = Some((figures, at));
    }

    fn report(&mut self, last: &Figures, new: &Figures, seconds: f64) -> Option<Report> {
        let requests = moved(last.requests, new.requests).unwrap_or(0.0);
        let inside = if let Some(exact) = moved(last.request_seconds, new.request_seconds) {
            exact
        } else {
            let gauge = area(last.in_flight, new.in_flight, seconds);
            match moved(last.seconds, new.seconds) {
                Some(durations) => self.inside.between(seconds, (durations, requests), gauge),
                None => gauge?.0,
            }
        };
        let gauge = area(last.waiting, new.waiting, seconds);
        let waiting = match moved(last.waited_seconds, new.waited_seconds) {
            Some(durations) => self.waiting.between(seconds, (durations, requests), gauge),
            None => gauge.map_or(0.0, |(area, _)| area),
        };
        Some(Report {
            replica: self.replica.clone(),
            sequence: Some(self.next()),
            age_seconds: 0.0,
            seconds,
            request_seconds: inside,
            waiting_seconds: waiting,
            requests: whole(requests),
            refused: whole(moved(last.refused, new.refused).unwrap_or(0.0)),
            in_flight: None,
            latency: latency(&last.buckets, &new.buckets),
        })
    }
}

/// By how much a counter has moved.
fn moved(last: Option<f64>, new: Option<f64>) -> Option<f64> {
    Some((new? - last?).max(0.0))
}

/// The area below the line between two samples, and the second sample.
fn area(last: Option<f64>, new: Option<f64>, seconds: f64) -> Option<(f64, f64)> {
    Some((f64::midpoint(last?, new?) * seconds, new?))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and counts are not negative"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Moment {
        Moment::from_micros(whole(seconds * 1e6))
    }

    fn counted(in_flight: f64, requests: f64, seconds: f64) -> Figures {
        Figures {
            in_flight: Some(in_flight),
            requests: Some(requests),
            seconds: Some(seconds),
            ..Figures::default()
        }
    }

    fn report(metered: Metered) -> Report {
        match metered {
            Metered::Report(report) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_gauge_alone_is_the_area_between_samples() {
        let mut meter = Meter::new("a");
        let gauge = |in_flight| Figures {
            in_flight: Some(in_flight),
            waiting: Some(1.0),
            ..Figures::default()
        };
        assert_eq!(meter.take(gauge(2.0), at(1.0)), Metered::NotYet);
        assert_eq!(meter.take(gauge(9.0), at(1.0)), Metered::NotYet);
        let first = report(meter.take(gauge(4.0), at(3.0)));
        assert_eq!((first.seconds, first.request_seconds), (2.0, 6.0));
        assert_eq!(first.waiting_seconds, 2.0);
        assert_eq!(meter.in_flight(), Some(5.0));
        assert_eq!(meter.take(gauge(4.0), at(14.0)), Metered::Anew);
        assert_eq!(report(meter.take(gauge(4.0), at(15.0))).sequence, Some(1));
    }

    #[test]
    fn a_step_shows_at_once_though_nothing_has_finished() {
        let mut meter = Meter::new("a");
        meter.take(counted(1.0, 0.0, 0.0), at(0.0));
        let report = report(meter.take(counted(10.0, 0.0, 0.0), at(0.1)));
        assert!((report.request_seconds - 0.55).abs() < 1e-9, "{report:?}");
    }

    #[test]
    fn a_counter_that_goes_back_is_a_restart() {
        let mut meter = Meter::new("a");
        meter.take(counted(1.0, 1000.0, 500.0), at(0.0));
        assert_eq!(meter.take(counted(0.0, 5.0, 1.0), at(1.0)), Metered::Anew);
        let report = report(meter.take(counted(0.0, 7.0, 2.0), at(2.0)));
        assert_eq!((report.requests, report.request_seconds), (2, 1.0));
    }

    #[test]
    fn two_that_answer_in_turn_under_one_name_tell_nothing() {
        for began in [None, Some((100.0, 200.0))] {
            let mut meter = Meter::new("a");
            let a = |n: f64| Figures {
                began: began.map(|(a, _)| a),
                ..counted(1.0, 1000.0 + n, 500.0 + n)
            };
            let b = |n: f64| Figures {
                began: began.map(|(_, b)| b),
                ..counted(1.0, 10.0 + n, 5.0 + n)
            };
            meter.take(a(0.0), at(0.0));
            assert_eq!(meter.take(b(1.0), at(1.0)), Metered::Anew);
            for round in 1..20_u32 {
                let n = f64::from(round);
                let time = 2.0 * n;
                assert_eq!(meter.take(a(n), at(time)), Metered::Mixed);
                let metered = meter.take(b(n), at(time + 1.0));
                assert!(
                    matches!(metered, Metered::Anew | Metered::Mixed),
                    "{metered:?}"
                );
            }
        }
    }
}
