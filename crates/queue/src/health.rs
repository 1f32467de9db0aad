// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::probe::{NoAnswer, Thresholds};

/// Whether the app answers, from what its probes gave, and when to try again. Times are those since the sidecar began.
#[derive(Debug)]
pub(crate) struct Health {
    thresholds: Thresholds,
    answering: bool,
    successes: u32,
    failures: u32,
    /// Since when it has not answered.
    silent_since: Duration,
}

/// An app that starts is asked so often: its first answer is what held requests wait for.
const EAGER: Duration = Duration::from_millis(10);
const EAGER_FOR: Duration = Duration::from_secs(10);

/// One that takes longer is asked less often, and after a minute once a second.
const PATIENT: Duration = Duration::from_millis(100);
const PATIENT_FOR: Duration = Duration::from_secs(60);
const SELDOM: Duration = Duration::from_secs(1);

impl Health {
    pub(crate) const fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            answering: false,
            successes: 0,
            failures: 0,
            silent_since: Duration::ZERO,
        }
    }

    pub(crate) const fn is_answering(&self) -> bool {
        self.answering
    }

    /// What a probe gave. True when the app's state has changed by it.
    pub(crate) fn take(&mut self, now: Duration, outcome: &Result<(), NoAnswer>) -> bool {
        match outcome {
            Ok(()) => {
                self.failures = 0;
                self.successes = self.successes.saturating_add(1);
                if self.answering || self.successes < self.thresholds.success {
                    return false;
                }
                self.answering = true;
            }
            Err(why) => {
                self.successes = 0;
                self.failures = self.failures.saturating_add(1);
                // Where nobody listens nothing has to be waited for; all else may be a moment's load.
                if !self.answering || (!why.nobody && self.failures < self.thresholds.failure) {
                    return false;
                }
                self.answering = false;
                self.silent_since = now;
            }
        }
        true
    }

    /// How long to wait before the next probe. `watched`: it is about to be ended, and that should be seen.
    pub(crate) fn wait(&self, now: Duration, watched: bool) -> Duration {
        if self.answering {
            return if watched {
                PATIENT.min(self.thresholds.period)
            } else {
                self.thresholds.period
            };
        }
        let silent = now.saturating_sub(self.silent_since);
        if silent < EAGER_FOR {
            EAGER
        } else if silent < PATIENT_FOR {
            PATIENT
        } else {
            SELDOM
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(success: u32, failure: u32) -> Health {
        Health::new(Thresholds {
            success,
            failure,
            period: Duration::from_secs(10),
        })
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn silence(nobody: bool) -> Result<(), NoAnswer> {
        Err(NoAnswer {
            nobody,
            why: "no answer".to_owned(),
        })
    }

    #[test]
    fn it_is_asked_eagerly_until_it_answers_and_then_at_the_users_pace() {
        let mut health = health(1, 3);
        assert_eq!(health.wait(at(0), false), EAGER);
        assert!(!health.take(at(1), &silence(true)));
        assert_eq!(health.wait(at(1), false), EAGER);
        assert_eq!(health.wait(at(11), false), PATIENT);
        assert_eq!(health.wait(at(100), false), SELDOM);
        assert!(health.take(at(100), &Ok(())));
        assert!(health.is_answering());
        assert_eq!(health.wait(at(100), false), at(10));
        assert_eq!(health.wait(at(100), true), PATIENT);
    }

    #[test]
    fn thresholds_hold_both_ways() {
        let mut health = health(2, 3);
        assert!(!health.take(at(0), &Ok(())));
        assert!(health.take(at(0), &Ok(())));
        for _ in 0..2 {
            assert!(!health.take(at(1), &silence(false)));
        }
        assert!(!health.take(at(2), &Ok(())));
        for _ in 0..2 {
            assert!(!health.take(at(3), &silence(false)));
        }
        assert!(health.take(at(4), &silence(false)));
        assert!(!health.is_answering());
        assert_eq!(health.wait(at(5), false), EAGER);
    }

    #[test]
    fn where_nobody_listens_it_does_not_answer_from_the_first_time_on() {
        let mut health = health(1, 3);
        assert!(health.take(at(0), &Ok(())));
        assert!(health.take(at(1), &silence(true)));
        assert!(!health.is_answering());
    }
}
