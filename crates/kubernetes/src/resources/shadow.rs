// SPDX-License-Identifier: Apache-2.0
use cheerful_autoscaler::ShadowView;
use cheerful_scaling::Bill;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a second policy would have cost and who would have waited, beside the one that acts. Written once a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShadowStatus {
    /// What it does otherwise.
    pub policy: String,
    /// What is compared, in one sentence.
    pub message: String,
    /// Replicas that it would have, which answer.
    pub ready: i32,
    /// Replicas that it would have, on their way.
    pub starting: i32,
    /// How long both are compared.
    pub seconds: i64,
    /// Requests that came.
    pub requests: i64,
    /// With mode Shadow what scales the target; else the policy of `scaling`.
    pub acting: BillStatus,
    /// The second policy.
    pub shadow: BillStatus,
}

/// What one policy costs, and who waits with it, by the estimate that is the same for both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BillStatus {
    /// Replica-seconds, starting and draining included.
    pub replica_seconds: i64,
    /// Replicas that were started.
    pub starts: i64,
    /// Requests that wait longer than 0.1 s for a place.
    pub long_waits: i64,
    /// Of these, those that find no replica that answers.
    pub cold_starts: i64,
    /// Request-seconds waited for a place.
    pub waiting_seconds: i64,
}

impl From<&ShadowView> for ShadowStatus {
    fn from(view: &ShadowView) -> Self {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let compared = &view.compared;
        Self {
            policy: view.policy.clone(),
            message: view.sentence.clone(),
            ready: count(view.ready),
            starting: count(view.starting),
            seconds: whole(compared.seconds),
            requests: whole(compared.requests),
            acting: BillStatus::from(&compared.acting),
            shadow: BillStatus::from(&compared.shadow),
        }
    }
}

impl From<&Bill> for BillStatus {
    fn from(bill: &Bill) -> Self {
        Self {
            replica_seconds: whole(bill.replica_seconds),
            starts: i64::try_from(bill.starts).unwrap_or(i64::MAX),
            long_waits: whole(bill.long_waits),
            cold_starts: whole(bill.cold_starts),
            waiting_seconds: whole(bill.waiting_seconds),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float becomes the nearest integer that there is"
)]
const fn whole(sum: f64) -> i64 {
    sum.round() as i64
}
