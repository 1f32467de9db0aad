// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// The times of a lease. The defaults let a standby lead within 5 s of the leader's death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseConfig {
    /// From the last renewal that was seen to its end: whole seconds, as the API keeps them.
    pub duration: Duration,
    /// How long before that the leader stops leading when it could not renew: for clocks that do not run alike, and
    /// threads that were kept waiting.
    pub margin: Duration,
    /// Between two renewals.
    pub renew: Duration,
    /// Between two looks of a standby, and after a failure.
    pub retry: Duration,
}

impl LeaseConfig {
    /// For how long after a renewal was sent its sender leads.
    #[must_use]
    pub const fn leads(&self) -> Duration {
        self.duration.saturating_sub(self.margin)
    }

    /// The duration as the API keeps it: whole seconds, rounded up.
    #[must_use]
    pub fn seconds(&self) -> i32 {
        let whole = self.duration.as_secs() + u64::from(self.duration.subsec_nanos() > 0);
        i32::try_from(whole.max(1)).unwrap_or(i32::MAX)
    }
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(4),
            margin: Duration::from_millis(500),
            renew: Duration::from_secs(1),
            retry: Duration::from_millis(250),
        }
    }
}
