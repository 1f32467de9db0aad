// SPDX-License-Identifier: Apache-2.0
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

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
}

/// The fields of a cron expression: what each counts, from and to, and its names.
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    (
        "day of the week",
        0,
        7,
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

/// What is wrong with a cron expression, if anything is.
pub(crate) fn fault(cron: &str) -> Option<String> {
    let fields: Vec<_> = cron.split(' ').collect();
    if fields.len() != FIELDS.len() {
        return Some("should be five fields with one space between: minute, hour, day of the month, month, day of the week, such as 0 8 * * mon-fri".to_owned());
    }
    fields
        .iter()
        .zip(FIELDS)
        .find(|(field, (_, from, to, names))| !field.split(',').all(|item| is_item(item, *from, *to, names)))
        .map(|(field, (name, from, to, _))| {
            let field: String = field.chars().take(40).collect();
            format!("should have a {name} from {from} to {to}, *, a range such as 1-5, or a step such as */2, where {field} stands")
        })
}

/// `*`, `5`, `mon`, `1-5`, `*/2`, `1-9/2`.
fn is_item(item: &str, from: u32, to: u32, names: &[&str]) -> bool {
    let value = |text: &str| {
        let text = text.to_ascii_lowercase();
        if let Some(index) = names.iter().position(|name| *name == text) {
            // Of the names the first is the least value.
            return u32::try_from(index).ok().map(|index| index + from);
        }
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let value = text.parse().ok().filter(|_| digits)?;
        (from..=to).contains(&value).then_some(value)
    };
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let whole_step = step.is_none_or(|step| {
        (1..=2).contains(&step.len())
            && step.bytes().all(|byte| byte.is_ascii_digit())
            && step.parse().is_ok_and(|step: u32| (1..=to).contains(&step))
    });
    whole_step
        && match range.split_once('-') {
            _ if range == "*" => true,
            Some((first, last)) => {
                matches!((value(first), value(last)), (Some(first), Some(last)) if first <= last)
            }
            None => step.is_none() && value(range).is_some(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_expressions() {
        for right in [
            "* * * * *",
            "0 8 * * mon-fri",
            "*/15 0-6/2 1,15 jan,Jul 0",
            "59 23 31 12 7",
        ] {
            assert_eq!(fault(right), None, "{right}");
        }
        for wrong in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "5/2 * * * *",
            "1, * * * *",
            "-1 * * * *",
            "* * * * monday",
            "*  * * * *",
        ] {
            assert!(fault(wrong).is_some(), "{wrong}");
        }
    }
}
