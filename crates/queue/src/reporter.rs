// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use cheerful_proxy::{Accounting, Counts};
use cheerful_scaling::{Latency, Report};

/// What a report is made from.
pub trait Counted {
    /// The replica's name.
    fn replica(&self) -> &str;
    /// The requests inside the app.
    fn inside_app(&self) -> &Accounting;
    /// Those that wait before it.
    fn before_app(&self) -> Option<&Accounting>;
}

impl<T: Counted> Counted for Arc<T> {
    fn replica(&self) -> &str {
        (**self).replica()
    }
    fn inside_app(&self) -> &Accounting {
        (**self).inside_app()
    }
    fn before_app(&self) -> Option<&Accounting> {
        (**self).before_app()
    }
}

/// Turns sums into reports: each covers what happened since the one before, so that neither an uneven
/// interval nor a report at once loses or doubles anything.
#[derive(Debug)]
pub struct Reporter {
    last: Counts,
    last_waiting: Counts,
    sequence: u64,
}

impl Reporter {
    /// The first report covers the time since now.
    #[must_use]
    pub fn new(counted: &impl Counted) -> Self {
        Self::counting_from(0, counted)
    }

    /// The same, with the number of the first report.
    #[must_use]
    pub fn counting_from(sequence: u64, counted: &impl Counted) -> Self {
        Self {
            last: counted.inside_app().counts(),
            last_waiting: waiting(counted),
            sequence,
        }
    }

    /// The next report covers the time since now: what was before is in none.
    pub fn restart(&mut self, counted: &impl Counted) {
        self.last = counted.inside_app().counts();
        self.last_waiting = waiting(counted);
    }

    /// What happened since the last report; `None` if no time has passed (what happened then is in the
    /// next one). `burst`: with the requests in flight and waiting now.
    pub fn report(&mut self, counted: &impl Counted, burst: bool) -> Option<Report> {
        let counts = counted.inside_app().counts();
        let waiting = waiting(counted);
        let micros = counts
            .at_micros
            .checked_sub(self.last.at_micros)
            .filter(|micros| *micros > 0)?;
        let report = Report {
            replica: counted.replica().to_owned(),
            sequence: Some(self.sequence),
            age_seconds: 0.0,
            seconds: seconds(micros),
            request_seconds: seconds(
                counts
                    .request_micros
                    .saturating_sub(self.last.request_micros),
            ),
            waiting_seconds: seconds(
                waiting
                    .request_micros
                    .saturating_sub(self.last_waiting.request_micros),
            ),
            requests: counts.ended.saturating_sub(self.last.ended),
            refused: counts.refused.saturating_sub(self.last.refused),
            in_flight: burst.then(|| count(counts.in_flight + waiting.in_flight)),
            latency: latency(&self.last.latency, &counts.latency),
        };
        self.sequence += 1;
        self.last = counts;
        self.last_waiting = waiting;
        Some(report)
    }
}

fn waiting(counted: &impl Counted) -> Counts {
    counted
        .before_app()
        .map(Accounting::counts)
        .unwrap_or_default()
}

/// The requests between two states of the buckets; `None` when there are none.
fn latency(before: &[u64], after: &[u64]) -> Option<Latency> {
    let mut counts = [0_u32; Latency::BUCKETS];
    for (bucket, (count, after)) in counts.iter_mut().zip(after).enumerate() {
        let before = before.get(bucket).copied().unwrap_or(0);
        *count = u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
    }
    counts
        .iter()
        .any(|count| *count > 0)
        .then(|| Latency::from_counts(&counts))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "below 2^53 for 285 years of microseconds"
)]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[expect(
    clippy::cast_precision_loss,
    reason = "requests in flight are far below 2^53"
)]
fn count(requests: u64) -> f64 {
    requests as f64
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc, thread::sleep, time::Duration};

    use super::*;
    use crate::{Queue, QueueConfig};

    fn queue() -> Arc<Queue> {
        Queue::new(QueueConfig {
            replica: "a".to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 9)),
            limit: None,
        })
    }

    fn pause() {
        sleep(Duration::from_millis(2));
    }

    #[test]
    fn reports_together_cover_all_that_was_counted_once() {
        let queue = queue();
        let mut reporter = Reporter::new(&queue);
        let begin = queue.accounting().counts();
        let mut reports = Vec::new();
        let long = queue.try_enter(true);
        for round in 0..5 {
            let place = queue.try_enter(true);
            pause();
            drop(place);
            reports.extend(reporter.report(&queue, round % 2 == 0));
        }
        drop(long);
        pause();
        reports.extend(reporter.report(&queue, false));
        let sequences: Vec<_> = reports
            .iter()
            .filter_map(|report| report.sequence)
            .collect();
        assert_eq!(sequences, [0, 1, 2, 3, 4, 5]);
        assert_eq!(reports.iter().map(|report| report.requests).sum::<u64>(), 6);
        let latencies: u64 = reports
            .iter()
            .filter_map(|report| report.latency.as_ref())
            .map(Latency::count)
            .sum();
        assert_eq!(latencies, 6);
        let end = queue.accounting().counts();
        let request_seconds: f64 = reports.iter().map(|report| report.request_seconds).sum();
        let expected = seconds(end.request_micros - begin.request_micros);
        assert!(
            (request_seconds - expected).abs() < 1e-5,
            "{request_seconds} {expected}"
        );
    }

    #[test]
    fn requests_in_flight_are_given_only_on_a_burst() {
        let queue = queue();
        let mut reporter = Reporter::new(&queue);
        let _places: Vec<_> = (0..3).map(|_| queue.try_enter(true)).collect();
        pause();
        assert_eq!(reporter.report(&queue, true).unwrap().in_flight, Some(3.0));
        pause();
        assert_eq!(reporter.report(&queue, false).unwrap().in_flight, None);
    }

    #[test]
    fn an_idle_interval_is_reported_as_one() {
        let queue = queue();
        let mut reporter = Reporter::new(&queue);
        pause();
        let report = reporter.report(&queue, false).unwrap();
        assert!(report.seconds > 0.001);
        assert_eq!(
            (report.request_seconds, report.requests, report.latency),
            (0.0, 0, None)
        );
    }
}
