// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Report;

/// What the replicas that were read in one round told.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Tells it from those before.
    pub(super) number: u64,
    /// Reads that are to tell something.
    pub(super) asked: usize,
    /// Of these, those that have not ended.
    pub(super) open: usize,
    answered: usize,
    seconds: f64,
    request_seconds: f64,
    waiting_seconds: f64,
    requests: f64,
    value: f64,
    /// Whether what it came to was told.
    pub(super) is_over: bool,
}

impl Round {
    /// Nothing is under way.
    pub(super) fn none() -> Self {
        Self {
            is_over: true,
            ..Self::default()
        }
    }

    /// The one after this, of so many reads.
    pub(super) fn next(&self, asked: usize) -> Self {
        Self {
            number: self.number + 1,
            asked,
            open: asked,
            ..Self::default()
        }
    }

    pub(super) fn report(&mut self, report: &Report) {
        self.answered += 1;
        self.seconds += report.seconds;
        self.request_seconds += report.request_seconds;
        self.waiting_seconds += report.waiting_seconds;
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of requests are below 2^53"
        )]
        let requests = report.requests as f64;
        self.requests += requests;
    }

    pub(super) const fn value(&mut self, value: f64) {
        self.answered += 1;
        self.value += value;
    }

    /// Requests in flight and waiting in each on average, and requests a second; `None` if none told.
    pub(super) fn mean(&self) -> Option<[f64; 3]> {
        let mean = |sum: f64| sum / self.seconds;
        (self.seconds > 0.0).then(|| {
            [
                mean(self.request_seconds),
                mean(self.waiting_seconds),
                mean(self.requests),
            ]
        })
    }

    /// What so many replicas have of the value together. At least half of those that were asked have to have told.
    pub(super) fn sum(&self, replicas: usize) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
        let sum = self.value / self.answered as f64 * replicas as f64;
        (self.answered > 0 && 2 * self.answered >= self.asked).then_some(sum)
    }

    /// Of so many that were not asked, those for whom the others may stand: the share that answered.
    pub(super) fn may_stand_for(&self, replicas: usize) -> usize {
        (replicas * self.answered)
            .checked_div(self.asked)
            .unwrap_or(0)
    }
}
