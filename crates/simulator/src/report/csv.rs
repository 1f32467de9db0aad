// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write as _;

use super::{Comparison, Figures};

/// The figures as CSV (RFC 4180): one line for each policy, the first line names the columns.
#[must_use]
pub fn csv(comparison: &Comparison) -> String {
    let mut text = COLUMNS.map(|(name, _)| name).join(",");
    text.push_str("\r\n");
    for figures in &comparison.policies {
        for (index, (_, value)) in COLUMNS.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(text, "{comma}{}", quoted(&value(figures))).ok();
        }
        text.push_str("\r\n");
    }
    text
}

type Column = (&'static str, fn(&Figures) -> String);

const COLUMNS: [Column; 17] = [
    ("policy", |one| one.policy.clone()),
    ("requests", |one| one.requests.to_string()),
    ("waiting_share", |one| one.waiting_share.to_string()),
    ("p50_wait_seconds", |one| one.p50_wait_seconds.to_string()),
    ("p99_wait_seconds", |one| one.p99_wait_seconds.to_string()),
    ("most_wait_seconds", |one| one.most_wait_seconds.to_string()),
    ("p50_latency_seconds", |one| {
        one.p50_latency_seconds.to_string()
    }),
    ("p99_latency_seconds", |one| {
        one.p99_latency_seconds.to_string()
    }),
    ("cost", |one| {
        one.cost.map(|cost| cost.to_string()).unwrap_or_default()
    }),
    ("replica_seconds", |one| one.replica_seconds.to_string()),
    ("busy_seconds", |one| one.busy_seconds.to_string()),
    ("mean_replicas", |one| one.mean_replicas.to_string()),
    ("most_replicas", |one| one.most_replicas.to_string()),
    ("starts", |one| one.starts.to_string()),
    ("cold_starts", |one| one.cold_starts.to_string()),
    ("refused", |one| one.refused.to_string()),
    ("timed_out", |one| one.timed_out.to_string()),
];

fn quoted(value: &str) -> String {
    if value.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::specimen;

    #[test]
    fn each_policy_is_a_line_with_all_columns() {
        let mut all = specimen();
        all.policies[0].policy = "mine, \"x\"".to_owned();
        all.policies[1].cost = None;
        let text = csv(&all);
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines[1].starts_with("\"mine, \"\"x\"\"\",8819,0.04,"),
            "{text}"
        );
        assert!(lines[2].contains(",2.4,,4080,"), "{text}");
        assert_eq!(lines[3].split(',').count(), COLUMNS.len());
    }
}
