// SPDX-License-Identifier: Apache-2.0

/// What one read says of one replica's requests. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Requests inside the app at the moment of the read.
    pub in_flight: Option<f64>,
    /// Requests that wait before it.
    pub waiting: Option<f64>,
    /// Counter: requests.
    pub requests: Option<f64>,
    /// Counter: seconds that finished requests took inside the app, summed.
    pub seconds: Option<f64>,
    /// Counter: request-seconds so far, those of requests in flight included. With it every interval is exact.
    pub request_seconds: Option<f64>,
    /// Counter: seconds that requests waited before it, summed.
    pub waited_seconds: Option<f64>,
    /// Counter: requests refused.
    pub refused: Option<f64>,
    /// Counters: upper bounds in seconds, and the finished requests that took at most so long, in rising order.
    pub buckets: Vec<(f64, f64)>,
    /// When the replica's process began, in seconds of its own clock: tells one process from another.
    pub began: Option<f64>,
}

impl Figures {
    /// Whether anything in it says how many requests are in flight.
    #[must_use]
    pub fn says_load(&self) -> bool {
        self.in_flight
            .or(self.seconds)
            .or(self.request_seconds)
            .is_some()
    }

    pub(super) fn counters(&self) -> Counters {
        [
            self.requests,
            self.seconds,
            self.request_seconds,
            self.waited_seconds,
            self.refused,
        ]
    }
}

/// Each counter, for those who only ask whether any went back.
pub(super) type Counters = [Option<f64>; 5];
