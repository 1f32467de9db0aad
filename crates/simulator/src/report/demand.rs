// SPDX-License-Identifier: Apache-2.0
use super::{LoadFigures, Sample};
use crate::Arrival;

/// Buckets at most; when the load is longer they are made twice as wide.
const BUCKETS: usize = 2048;

/// Counts a load as it passes by: how many requests would be at work if none ever waited.
///
/// Its size is fixed, however long the load is.
#[derive(Clone, Debug)]
pub struct Demand {
    requests: u64,
    begin: Option<f64>,
    end: f64,
    work_seconds: f64,
    width: f64,
    /// Request-seconds in each bucket.
    buckets: Vec<f64>,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            requests: 0,
            begin: None,
            end: 0.0,
            work_seconds: 0.0,
            width: 1.0,
            buckets: Vec::new(),
        }
    }
}

impl Demand {
    /// Takes the next request.
    pub fn count(&mut self, arrival: &Arrival) {
        let at = arrival.at.as_seconds();
        let work = arrival.work.as_secs_f64();
        self.requests += 1;
        self.end = self.end.max(at);
        self.work_seconds += work;
        self.begin.get_or_insert(at);
        self.spread(at, at + work);
    }
    /// What has passed by.
    #[must_use]
    pub fn figures(&self) -> LoadFigures {
        let samples = self.buckets.iter().enumerate();
        LoadFigures {
            requests: self.requests,
            seconds: self.end - self.begin.unwrap_or(self.end),
            work_seconds: self.work_seconds,
            demand: samples
                .map(|(index, request_seconds)| Sample {
                    seconds: index as f64 * self.width,
                    in_flight: request_seconds / self.width,
                    replicas: 0.0,
                })
                .collect(),
        }
    }

    fn spread(&mut self, from: f64, to: f64) {
        while to >= self.width * BUCKETS as f64 {
            self.widen();
        }
        let mut at = from;
        loop {
            let index = (at / self.width) as usize;
            let end = ((index + 1) as f64 * self.width).min(to);
            if index >= self.buckets.len() {
                self.buckets.resize(index + 1, 0.0);
            }
            if let Some(bucket) = self.buckets.get_mut(index) {
                *bucket += end - at;
            }
            if end >= to || end <= at {
                return;
            }
            at = end;
        }
    }
    fn widen(&mut self) {
        self.width *= 2.0;
        self.buckets = self
            .buckets
            .chunks(2)
            .map(|pair| pair.iter().sum())
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cheerful_scaling::Moment;

    use super::*;

    fn arrival(at: f64, work: f64) -> Arrival {
        Arrival {
            at: Moment::ZERO.plus(Duration::from_secs_f64(at)),
            work: Duration::from_secs_f64(work),
        }
    }

    #[test]
    fn work_is_spread_over_the_seconds_it_takes() {
        let mut demand = Demand::default();
        demand.count(&arrival(1.5, 2.0));
        demand.count(&arrival(2.0, 0.25));
        let figures = demand.figures();
        let in_flight: Vec<f64> = figures.demand.iter().map(|one| one.in_flight).collect();
        assert_eq!(in_flight, [0.0, 0.5, 1.25, 0.5]);
        assert_eq!((figures.requests, figures.seconds), (2, 0.5));
        assert_eq!(figures.work_seconds, 2.25);
    }

    #[test]
    fn a_long_load_takes_no_more_room_and_loses_no_work() {
        let mut demand = Demand::default();
        for minute in 0..100_000_u32 {
            demand.count(&arrival(f64::from(minute) * 60.0, 90.0));
        }
        let figures = demand.figures();
        assert!(figures.demand.len() <= BUCKETS);
        let width = figures.demand[1].seconds;
        let sum: f64 = figures.demand.iter().map(|one| one.in_flight * width).sum();
        assert!((sum - 9e6).abs() < 1.0, "{sum}");
    }
}
