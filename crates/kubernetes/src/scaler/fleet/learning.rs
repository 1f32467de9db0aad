// SPDX-License-Identifier: Apache-2.0
//! What was learned of the target travels in the object's status, so that whoever decides next goes on from it.
use std::time::Duration;

use cheerful_autoscaler::Input;
use cheerful_scaling::{LearnedTarget, Memory};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::Fleet;
use crate::{resources::LearnedStatus, scaler::key};

/// A target that moved by less is not written again.
const MOVED: f64 = 0.05;
/// Unless what is kept is older than this.
const OLD_SECONDS: i64 = 3600;

impl Fleet {
    /// Takes what was learned; a status is written where it moved.
    pub(crate) fn learned(&mut self, memories: Vec<(String, Memory)>, at: Timestamp) {
        for (name, memory) in memories {
            let Some(workload) = key::workload(&name) else {
                continue;
            };
            if !self.leads(&workload) {
                continue;
            }
            let Some(state) = self.workloads.get_mut(&workload) else {
                continue;
            };
            let target = memory.target().map(LearnedTarget::requests);
            let is_due = state.learned.as_ref().is_none_or(|before| {
                at.duration_since(before.at.0).as_secs() >= OLD_SECONDS
                    || match (before.target(), target) {
                        (Some(before), Some(now)) => (now / before - 1.0).abs() > MOVED,
                        (before, now) => before.is_some() != now.is_some(),
                    }
            });
            if let (true, Ok(text)) = (is_due, serde_json::to_string(&memory)) {
                state.learned = Some(LearnedStatus {
                    target: target.map(|target| format!("{target:.2}")),
                    at: Time(at),
                    memory: text,
                });
                self.pending.status.insert(workload);
            }
        }
    }
}

impl LearnedStatus {
    /// The target as a number, where it is one that can be aimed for.
    pub(crate) fn target(&self) -> Option<f64> {
        let target: f64 = self.target.as_ref()?.parse().ok()?;
        (target.is_finite() && target >= 0.01).then_some(target)
    }
}

/// What the autoscaler is told of it. What cannot be read is told, and learned anew.
pub(super) fn recall(learned: &LearnedStatus) -> Option<Input> {
    match serde_json::from_str(&learned.memory) {
        Ok(memory) => {
            let age = Timestamp::now().duration_since(learned.at.0).as_secs();
            Some(Input::Recall {
                memory: Box::new(memory),
                age: Duration::from_secs(u64::try_from(age).unwrap_or(0)),
            })
        }
        Err(error) => {
            tracing::warn!("what was learned before is of no use, and is learned anew: {error}");
            None
        }
    }
}
