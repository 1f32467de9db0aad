// SPDX-License-Identifier: Apache-2.0

/// What the requests that are still in flight have spent so far, as far as it can be known: the part of the
/// request-seconds that the sum of finished durations does not have yet.
///
/// With I the request-seconds between two reads, S the sum of finished durations and A what the unfinished have spent,
/// I = S2 - S1 + A2 - A1. So whatever A is taken for, all I together are the sum of durations and what is left at both
/// ends. Between two reads the gauge says what I is about; what it errs is taken back as requests finish.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unfinished {
    /// A, in request-seconds.
    spent: f64,
    /// Time since a duration was last added.
    since_seconds: f64,
    /// Mean duration of a request, in seconds.
    mean: Option<f64>,
    /// By how much A is to be put right, and over what time: a program that adds its durations up only every few seconds
    /// must not look like one with a burst every few seconds.
    owed: f64,
    over_seconds: f64,
}

/// Within about so many mean durations A is drawn to what so many requests of that duration have spent: samples that are
/// closer than a request is long say more than that, those further apart less.
const DRAWN_MEANS: f64 = 2.0;
/// The mean duration follows within about so many requests.
const MEAN_REQUESTS: f64 = 50.0;

impl Unfinished {
    /// The first read: those in flight have spent some time already.
    pub(super) fn begin(&mut self, in_flight: Option<f64>) {
        *self = Self {
            spent: in_flight.unwrap_or(0.0) * self.mean.unwrap_or(0.0),
            mean: self.mean,
            ..Self::default()
        };
    }

    /// Request-seconds between two reads. `finished`: the durations added, and of how many requests. `gauge`: the area
    /// below the gauge, and where it is now.
    pub(super) fn between(
        &mut self,
        seconds: f64,
        finished: (f64, f64),
        gauge: Option<(f64, f64)>,
    ) -> f64 {
        let (durations, requests) = finished;
        self.since_seconds += seconds;
        if requests > 0.0 && durations >= 0.0 {
            let here = durations / requests;
            let share = (requests / MEAN_REQUESTS).min(1.0);
            let mean = self.mean.unwrap_or(here);
            self.mean = Some(mean + share * (here - mean));
        }
        let Some((area, in_flight)) = gauge else {
            return self.without_gauge(seconds, durations);
        };
        if durations > 0.0 {
            let mean = self.mean.unwrap_or(0.0).max(1e-6);
            let spent = self.spent + area - durations;
            let share = 1.0 - (-self.since_seconds / (DRAWN_MEANS * mean)).exp();
            // Less than nothing they cannot have spent.
            self.owed = (share * (in_flight * mean - spent)).max(-spent);
            self.over_seconds = self.since_seconds;
            self.since_seconds = 0.0;
        }
        let paid = self.owed * (seconds / self.over_seconds.max(seconds));
        let total = (area + paid).max(0.0);
        self.owed -= total - area;
        self.spent += total - durations;
        total
    }

    /// A long request ends all at once: its duration is told over as long a time, or it would look like a burst.
    fn without_gauge(&mut self, seconds: f64, durations: f64) -> f64 {
        // Here it is what has ended and has not been told.
        self.spent += durations;
        let over = self.mean.unwrap_or(0.0).max(seconds);
        let total = self.spent * (seconds / over).min(1.0);
        self.spent -= total;
        total
    }
}
