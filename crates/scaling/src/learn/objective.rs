// SPDX-License-Identifier: Apache-2.0
use crate::{Latency, Objective, Percentile, Report, learn::logarithm::ln};

/// How long requests take where an objective is given: the percentile it speaks of, and how many were in flight then.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    objective: Objective,
    counts: Box<[u32; Latency::BUCKETS]>,
    requests: u32,
    request_seconds: f64,
    waiting_seconds: f64,
    seconds: f64,
    /// Logarithms of requests in flight and of the percentile in seconds.
    level: Option<(f64, f64)>,
}

impl Kept {
    /// So many requests tell a percentile; for p99 twice as many.
    const REQUESTS: u32 = 200;

    pub(crate) fn new(objective: Objective) -> Self {
        Self {
            objective,
            counts: Box::new([0; Latency::BUCKETS]),
            requests: 0,
            request_seconds: 0.0,
            waiting_seconds: 0.0,
            seconds: 0.0,
            level: None,
        }
    }

    pub(crate) const fn objective(&self) -> Objective {
        self.objective
    }

    pub(crate) fn report(&mut self, report: &Report) {
        let Some(latency) = &report.latency else {
            return;
        };
        let counts = latency.to_counts();
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum = sum.saturating_add(count);
            self.requests = self.requests.saturating_add(count);
        }
        self.request_seconds += report.request_seconds;
        self.waiting_seconds += report.waiting_seconds;
        self.seconds += report.seconds;
        let enough = match self.objective.percentile {
            Percentile::P99 => 2 * Self::REQUESTS,
            _ => Self::REQUESTS,
        };
        if self.requests >= enough {
            self.end();
        }
    }

    /// The logarithms of the requests in flight and of how many times longer than wanted the percentile was then.
    pub(crate) fn level(&self) -> Option<(f64, f64)> {
        let within = ln(self.objective.within.as_secs_f64());
        self.level
            .map(|(in_flight, taken)| (in_flight, taken - within))
    }

    fn end(&mut self) {
        let waited = self.waiting_seconds / f64::from(self.requests.max(1));
        let taken = self.quantile() + waited;
        let in_flight = (self.request_seconds + self.waiting_seconds) / self.seconds;
        if in_flight > 0.01 && taken > 0.0 {
            let now = (ln(in_flight), ln(taken));
            let smooth = |before: f64, now: f64| before + 0.2 * (now - before);
            self.level = Some(self.level.map_or(now, |before| {
                (smooth(before.0, now.0), smooth(before.1, now.1))
            }));
        }
        *self = Self {
            level: self.level,
            ..Self::new(self.objective)
        };
    }

    /// In seconds: within its bucket as if the requests were spread evenly over it.
    fn quantile(&self) -> f64 {
        let rank = self.objective.percentile.share() * f64::from(self.requests);
        let mut below = 0.0;
        for (bucket, count) in self.counts.iter().enumerate() {
            let count = f64::from(*count);
            if count > 0.0 && below + count >= rank {
                let most = Latency::upper_bound_micros(bucket).min(3_600_000_000) as f64;
                let least = match bucket.checked_sub(1) {
                    Some(before) => Latency::upper_bound_micros(before) as f64,
                    None => 0.0,
                };
                return (least + (most - least) * (rank - below) / count) / 1e6;
            }
            below += count;
        }
        0.0
    }
}
