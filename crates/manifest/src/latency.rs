// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Invalid, Objective, Percentile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// A latency that requests should keep, waiting in the replica's line included: one percentile and its bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct LatencySpec {
    /// Half of the requests take no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<DurationText>,
    /// Nine of ten requests take no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<DurationText>,
    /// Nineteen of twenty requests take no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<DurationText>,
    /// All but one of a hundred requests take no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<DurationText>,
}

impl LatencySpec {
    /// The one objective.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub(crate) fn resolve(&self) -> Result<Objective, Invalid> {
        let given = [self.p50, self.p90, self.p95, self.p99];
        let mut given = Percentile::ALL.into_iter().zip(given);
        let mut given = std::iter::from_fn(|| {
            given.find_map(|(percentile, bound)| {
                bound.map(|DurationText(within)| Objective { percentile, within })
            })
        });
        match (given.next(), given.next()) {
            (Some(objective), None) => Ok(objective),
            (first, _) => Err(Invalid {
                field: "latency",
                value: first.map_or("empty", |_| "more than one").to_owned(),
                expected: "one of p50, p90, p95, p99, with a duration such as 250ms".to_owned(),
            }),
        }
    }
}

impl From<Objective> for LatencySpec {
    fn from(Objective { percentile, within }: Objective) -> Self {
        let given = |which| (which == percentile).then_some(DurationText(within));
        Self {
            p50: given(Percentile::P50),
            p90: given(Percentile::P90),
            p95: given(Percentile::P95),
            p99: given(Percentile::P99),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_percentile_is_right() {
        for percentile in Percentile::ALL {
            let within = Duration::from_millis(250);
            let objective = Objective { percentile, within };
            let written = serde_json::to_string(&LatencySpec::from(objective)).unwrap();
            assert_eq!(written, format!("{{\"{}\":\"250ms\"}}", percentile.name()));
            let read: LatencySpec = serde_json::from_str(&written).unwrap();
            assert_eq!(read.resolve(), Ok(objective));
        }
        let none = LatencySpec::default().resolve().unwrap_err();
        assert_eq!((none.field, none.value.as_str()), ("latency", "empty"));
        let both = LatencySpec {
            p50: Some(DurationText(Duration::from_secs(1))),
            p99: Some(DurationText(Duration::from_secs(2))),
            ..LatencySpec::default()
        };
        assert_eq!(both.resolve().unwrap_err().value, "more than one");
    }
}
