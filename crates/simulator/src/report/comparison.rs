// SPDX-License-Identifier: Apache-2.0
use serde::Serialize;

use super::{
    Figures, Sample,
    table::{figure, seconds},
};

/// The version of the JSON form; a new field does not change it, a new meaning does.
pub const FORMAT: u32 = 1;

/// One load, and what each policy made of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// [`FORMAT`].
    pub version: u32,
    /// What was simulated, as a person would say it: `access.log`.
    pub title: String,
    /// The load.
    pub load: LoadFigures,
    /// Requests that a replica serves at once; absent: no limit.
    pub slots: Option<u32>,
    /// What the result stands on and no trace said: service times, start-up, slots, the seed.
    pub assumptions: Vec<String>,
    /// Each policy, in the order asked for.
    pub policies: Vec<Figures>,
}

/// The load that every policy met.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadFigures {
    /// Requests.
    pub requests: u64,
    /// From the first arrival to the last.
    pub seconds: f64,
    /// Seconds of service over all requests, each when alone.
    pub work_seconds: f64,
    /// Requests at work if none ever waited, over time; `replicas` is not used here.
    pub demand: Vec<Sample>,
}

impl LoadFigures {
    /// `8819 requests in 57.0 min; on average 1.81 at work at once`.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!(
            "{} requests in {}; on average {} at work at once",
            self.requests,
            seconds(self.seconds),
            figure(self.work_seconds / self.seconds.max(1e-6)),
        )
    }
}

impl Comparison {
    /// A comparison that has no policy yet.
    #[must_use]
    pub fn new(
        title: String,
        load: LoadFigures,
        slots: Option<u32>,
        assumptions: Vec<String>,
    ) -> Self {
        Self {
            version: FORMAT,
            title,
            load,
            slots,
            assumptions,
            policies: Vec::new(),
        }
    }
    /// As JSON, for further work.
    ///
    /// # Errors
    /// None that a comparison can cause: its numbers are finite or absent.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
    /// The policies that no other beats in both cost and waiting.
    #[must_use]
    pub fn frontier(&self) -> Vec<&str> {
        let beats = |a: &Figures, b: &Figures| {
            a.replica_seconds <= b.replica_seconds
                && a.waiting_share <= b.waiting_share
                && (a.replica_seconds < b.replica_seconds || a.waiting_share < b.waiting_share)
        };
        self.policies
            .iter()
            .filter(|one| !self.policies.iter().any(|other| beats(other, one)))
            .map(|one| one.policy.as_str())
            .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::Tail;

    pub(in crate::report) fn specimen() -> Comparison {
        let policy = |name: &str, cost: f64, waiting: f64| Figures {
            policy: name.to_owned(),
            about: format!("what {name} does"),
            requests: 8819,
            waiting_share: waiting,
            p50_wait_seconds: 0.0,
            p99_wait_seconds: 3.1 * waiting,
            most_wait_seconds: 4.0 * waiting,
            p50_latency_seconds: 0.7,
            p99_latency_seconds: 2.4,
            cost: Some(cost),
            replica_seconds: 1000.0 * cost,
            busy_seconds: 700.0,
            mean_replicas: cost / 3.0,
            most_replicas: 9,
            starts: 78,
            cold_starts: 12,
            refused: 0,
            timed_out: 0,
            tail: vec![
                Tail {
                    seconds: 0.01,
                    share: waiting,
                },
                Tail {
                    seconds: 1.0,
                    share: waiting / 10.0,
                },
            ],
            timeline: vec![
                Sample {
                    seconds: 0.0,
                    in_flight: 0.0,
                    replicas: 0.0,
                },
                Sample {
                    seconds: 60.0,
                    in_flight: 3.5,
                    replicas: 2.0,
                },
            ],
        };
        let load = LoadFigures {
            requests: 8819,
            seconds: 3420.0,
            work_seconds: 6200.0,
            demand: vec![Sample {
                seconds: 0.0,
                in_flight: 1.8,
                replicas: 0.0,
            }],
        };
        let mut all = Comparison::new(
            "a </script> log".to_owned(),
            load,
            Some(4),
            vec!["4 requests at once per replica".to_owned()],
        );
        all.policies = vec![
            policy("auto", 2.0, 0.04),
            policy("knative", 4.08, 0.259),
            policy("clairvoyant", 1.0, 0.0),
        ];
        all
    }

    #[test]
    fn the_frontier_is_what_nobody_beats_in_both() {
        let mut all = specimen();
        assert_eq!(all.frontier(), ["clairvoyant"]);
        all.policies.pop();
        assert_eq!(all.frontier(), ["auto"]);
        all.policies[1].replica_seconds = 10.0;
        assert_eq!(all.frontier(), ["auto", "knative"]);
    }

    #[test]
    fn the_json_is_versioned_and_named_in_camel_case() {
        let json: serde_json::Value = serde_json::from_str(&specimen().json().unwrap()).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json["policies"][1]["waitingShare"], 0.259);
    }
}
