// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use super::{LeaseConfig, Seen};

/// What to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make it: there is none.
    Create,
    /// Write oneself into it: nobody holds it, or its holder let it end. `transitions` is the count to write.
    Take {
        /// One more than before.
        transitions: i32,
    },
    /// It is one's own: renew it.
    Renew,
    /// Somebody else leads. It ends then, unless it is seen to change before.
    Wait {
        /// By one's own clock.
        until: Instant,
    },
}

/// The rule: what `me` does about a lease that was seen like this. Every write is made on the condition that the lease
/// is still the one that was seen.
#[must_use]
pub fn evaluate(lease: &Seen, me: &str, config: &LeaseConfig, now: Instant) -> Action {
    let Some(record) = &lease.record else {
        return Action::Create;
    };
    let transitions = record.transitions.saturating_add(1);
    let Some(holder) = &record.holder else {
        return Action::Take { transitions };
    };
    if holder == me {
        return Action::Renew;
    }
    // A holder with other settings means its own duration, within reason: a nonsense one must not hold for ever.
    let duration = record
        .duration
        .unwrap_or(config.duration)
        .clamp(config.duration, LONGEST);
    let until = lease.since + duration;
    if now >= until {
        Action::Take { transitions }
    } else {
        Action::Wait { until }
    }
}

/// Longest time for which a record of somebody else is believed.
const LONGEST: Duration = Duration::from_mins(1);

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use super::{super::Record, *};

    fn seen(holder: Option<&str>, renewed: &str, since: Instant) -> Seen {
        Seen {
            record: Some(Record {
                holder: holder.map(str::to_owned),
                renewed: Some(renewed.to_owned()),
                duration: Some(Duration::from_secs(4)),
                transitions: 6,
            }),
            since,
        }
    }

    #[test]
    fn who_may_write_and_when() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let config = LeaseConfig::default();
        let taken = Action::Take { transitions: 7 };
        let waits = Action::Wait { until: at(4_000) };
        for (lease, now, expected) in [
            (Seen::nothing(start), at(0), Action::Create),
            (seen(None, "a", start), at(0), taken),
            (seen(Some("me"), "a", start), at(9_000), Action::Renew),
            (seen(Some("other"), "a", start), at(0), waits),
            (seen(Some("other"), "a", start), at(3_999), waits),
            (seen(Some("other"), "a", start), at(4_000), taken),
        ] {
            assert_eq!(evaluate(&lease, "me", &config, now), expected, "{lease:?}");
        }
    }

    #[test]
    fn what_the_holders_wall_clock_says_changes_nothing() {
        let start = Instant::now();
        let config = LeaseConfig::default();
        for renewed in ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
            let mut lease = Seen::nothing(start);
            let record = seen(Some("other"), renewed, start).record;
            lease.look(record.clone(), start);
            // Looking again does not make it younger.
            lease.look(record, start + Duration::from_secs(3));
            assert_eq!(
                evaluate(&lease, "me", &config, start + Duration::from_secs(3)),
                Action::Wait {
                    until: start + Duration::from_secs(4)
                }
            );
            assert!(matches!(
                evaluate(&lease, "me", &config, start + Duration::from_secs(4)),
                Action::Take { .. }
            ));
        }
    }

    #[test]
    fn a_renewal_that_is_seen_starts_its_time_anew() {
        let start = Instant::now();
        let mut lease = seen(Some("other"), "a", start);
        let later = start + Duration::from_secs(3);
        lease.look(seen(Some("other"), "b", later).record, later);
        assert_eq!(
            evaluate(&lease, "me", &LeaseConfig::default(), later),
            Action::Wait {
                until: later + Duration::from_secs(4)
            }
        );
    }

    #[test]
    fn a_nonsense_duration_does_not_hold_for_ever() {
        let start = Instant::now();
        let mut lease = seen(Some("other"), "a", start);
        for (given, meant) in [(0, 4), (20, 20), (1_000_000, 60)] {
            if let Some(record) = &mut lease.record {
                record.duration = Some(Duration::from_secs(given));
            }
            assert_eq!(
                evaluate(&lease, "me", &LeaseConfig::default(), start),
                Action::Wait {
                    until: start + Duration::from_secs(meant)
                }
            );
        }
    }

    #[test]
    fn a_leader_stops_before_anyone_may_take_over() {
        // It leads from when it sent a renewal; others count from when they saw it, which is later.
        let config = LeaseConfig::default();
        assert!(config.leads() < Duration::from_secs(4));
        assert_eq!(config.seconds(), 4);
        let short = LeaseConfig {
            duration: Duration::from_millis(1_200),
            ..config
        };
        assert_eq!(short.seconds(), 2, "others wait longer, never shorter");
    }
}
