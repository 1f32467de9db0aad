// SPDX-License-Identifier: Apache-2.0
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cron, DurationText, NotACron, NotAZone, Zone};

/// A least count of replicas that comes and goes by the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["cron", "for", "min"]))]
pub struct ScheduleSpec {
    /// When it begins: minute, hour, day of the month, month, day of the week, such as `0 8 * * mon-fri`.
    pub cron: String,
    /// How long it lasts each time; 1 min to 7 days.
    #[serde(rename = "for")]
    pub lasts: Option<DurationText>,
    /// The time zone, as the IANA calls it: `Europe/Berlin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "UTC"))]
    pub time_zone: Option<String>,
    /// Fewest replicas while it is on.
    #[schemars(range(min = 1))]
    pub min: u32,
    /// What it is called where a decision is explained. Default: what `cron` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub name: Option<String>,
}

impl ScheduleSpec {
    /// Most schedules of one revision.
    pub const MOST: usize = 16;

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.cron)
    }

    /// When it begins.
    ///
    /// # Errors
    /// What would be right.
    pub fn begins(&self) -> Result<Cron, NotACron> {
        self.cron.parse()
    }

    /// By whose clock.
    ///
    /// # Errors
    /// What would be right.
    pub fn zone(&self) -> Result<Zone, NotAZone> {
        (self.time_zone.as_ref()).map_or_else(|| Ok(Zone::utc()), |zone| zone.parse())
    }
}
