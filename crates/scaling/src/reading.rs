// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

/// What a signal that is no request in flight came to: a queue's length, a rate, a share of the CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reading {
    /// The signal's name, as the settings have it. At most 63 bytes.
    pub signal: String,
    /// How long before its arrival it was so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub age_seconds: f64,
    /// The value, from 0 on: of all replicas together, or the mean of each, as the settings say.
    pub value: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}
