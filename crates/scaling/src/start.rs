// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

/// What is known before the first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Start {
    /// Replicas that were ready. With 2 or more the scaler begins in panic with so many, for it cannot know
    /// what they are needed for: so a restarted autoscaler holds what it finds.
    pub ready: u32,
    /// The revision has just been made: its `initial` counts. Only with `ready` 0.
    #[serde(skip_serializing_if = "is_false")]
    pub new: bool,
    /// In panic, and the last breach was so many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panicking_seconds: Option<u32>,
    /// The most replicas of that panic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic_replicas: Option<u32>,
}

fn is_false(value: &bool) -> bool {
    !*value
}
