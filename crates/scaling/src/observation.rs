// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

use crate::Moment;

/// What the platform says is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Observation {
    /// Replicas that answer requests.
    pub ready: u32,
    /// Replicas on their way.
    #[serde(skip_serializing_if = "is_zero")]
    pub starting: u32,
    /// Replicas that finish what they have and then go; no part of the scale.
    #[serde(skip_serializing_if = "is_zero")]
    pub draining: u32,
    /// Since when the oldest of the starting replicas starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_since: Option<Moment>,
    /// Since when the gateway is known to stand in the path. `None`: not known to stand there.
    /// Left out of a line it is the origin: always there.
    pub gateway_since: Option<Moment>,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// What the gateway holds for a revision, now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Holding {
    /// Requests held at this moment, over all gateways.
    pub held: u64,
    /// Requests that began to be held since the last such line.
    #[serde(default)]
    pub arrived: u64,
}

/// Averages of the total concurrency, given in place of reports.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Averages {
    /// Over the stable window.
    pub stable: f64,
    /// Over the panic window.
    pub panic: f64,
}
