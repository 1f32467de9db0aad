// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Moment;

/// One value for each second, over a window: what the older systems keep of the total concurrency.
///
/// A mean runs to the last second that has a value: seconds without one count as none in between, and not at the end.
#[derive(Clone, Debug)]
pub(super) struct Seconds {
    values: Vec<f64>,
    /// The first second of an unbroken memory, and the last one that has a value.
    span: Option<(u64, u64)>,
    /// Request-seconds since `cut`.
    pending: f64,
    cut: Moment,
}

impl Seconds {
    pub(super) fn new(window: u64) -> Self {
        Self {
            values: vec![0.0; window as usize],
            span: None,
            pending: 0.0,
            cut: Moment::ZERO,
        }
    }
    /// Adds request-seconds of the present second.
    pub(super) fn add(&mut self, request_seconds: f64) {
        self.pending += request_seconds;
    }
    /// Ends the present second, if it has passed.
    pub(super) fn pass(&mut self, now: Moment) {
        let micros = now.since(self.cut).as_micros();
        if now.as_micros() / SECOND == self.cut.as_micros() / SECOND || micros == 0 {
            return;
        }
        // After a long silence what is pending is of the last second.
        let seconds = (micros as f64 / 1e6).min(1.0);
        self.put(now, self.pending / seconds);
        self.pending = 0.0;
        self.cut = now;
    }
    /// Enters a value for the second that has just ended.
    pub(super) fn put(&mut self, now: Moment, value: f64) {
        let window = self.values.len() as u64;
        let second = now.as_micros() / SECOND;
        let (first, last) = self.span.unwrap_or((second, second));
        if self.span.is_none() || second >= last + window {
            self.values.fill(0.0);
            self.span = Some((second, second));
        } else {
            for gap in last + 1..=second {
                self.values[(gap % window) as usize] = 0.0;
            }
            self.span = Some((first, second));
        }
        self.values[(second % window) as usize] = value;
    }
    /// The mean over the last so many seconds.
    pub(super) fn mean(&self, now: Moment, seconds: u64) -> f64 {
        let window = self.values.len() as u64;
        let now = now.as_micros() / SECOND;
        let Some((first, last)) = self.span else {
            return 0.0;
        };
        let from = first.max((now + 1).saturating_sub(seconds.min(window)));
        if from > last {
            return 0.0;
        }
        let sum: f64 = (from..=last)
            .map(|second| self.values[(second % window) as usize])
            .sum();
        sum / (last + 1 - from) as f64
    }
}

const SECOND: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * SECOND)
    }

    #[test]
    fn means_over_five_seconds() {
        let mut seconds = Seconds::new(5);
        seconds.put(at(0), 1.0);
        assert_eq!(seconds.mean(at(0), 5), 1.0);
        for second in 1..=4 {
            seconds.put(at(second), second as f64 + 1.0);
        }
        assert_eq!(seconds.mean(at(4), 5), 3.0);
        assert_eq!(seconds.mean(at(6), 5), 4.0);
        assert_eq!(seconds.mean(at(10), 5), 0.0);
        seconds.put(at(6), 91.0);
        assert_eq!(seconds.mean(at(6), 5), 20.6);
        seconds.put(at(60), 1984.0);
        assert_eq!(seconds.mean(at(60), 5), 1984.0);
        seconds.put(at(66), 10.0);
        assert_eq!(seconds.mean(at(66), 5), 10.0);
    }
}
