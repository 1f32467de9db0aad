// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize};

use crate::Moment;

/// What the platform says is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Of those that are ready, those that work in the background: they are not to go.
    #[serde(skip_serializing_if = "is_zero")]
    pub busy: u32,
    /// Since when the oldest of the starting replicas starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_since: Option<Moment>,
    /// Since when the gateway is known to stand in the path. `None`: not known to stand there.
    /// Left out of a line it is the origin: always there, so that no grace period runs.
    pub gateway_since: Option<Moment>,
}

impl Default for Observation {
    fn default() -> Self {
        Self {
            ready: 0,
            starting: 0,
            draining: 0,
            busy: 0,
            starting_since: None,
            gateway_since: Some(Moment::ZERO),
        }
    }
}

impl Observation {
    /// The present scale: what is ready and what is on its way.
    #[must_use]
    pub const fn present(&self) -> u32 {
        self.ready.saturating_add(self.starting)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_left_out_is_always_there_and_null_is_not() {
        let line: Observation = serde_json::from_str(r#"{"ready":2}"#).unwrap();
        assert_eq!(line.gateway_since, Some(Moment::ZERO));
        let line: Observation = serde_json::from_str(r#"{"ready":2,"gatewaySince":null}"#).unwrap();
        assert_eq!(line.gateway_since, None);
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"ready":2,"gatewaySince":null}"#
        );
    }
}
