// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::show::Seen;
use crate::exit::{self, Failure};

/// Prints the closing table.
///
/// # Errors
/// Names what the show should have had and had not: exit code 1.
pub(super) fn print(seen: &Seen) -> Result<(), Failure> {
    exit::print(&text(seen))?;
    let missing = missing(seen);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::later(format_args!(
        "the show went wrong: {}",
        missing.join("; ")
    )))
}

fn text(seen: &Seen) -> String {
    let tally = &seen.tally;
    let quantile = |quantile| Duration::from_micros(tally.latencies.value_at_quantile(quantile));
    let optional = |time: Option<Duration>| time.map_or_else(|| "not seen".to_owned(), millis);
    let rows = [
        ("requests", (tally.answered + tally.failed).to_string()),
        ("failures", tally.failed.to_string()),
        ("latency p50", millis(quantile(0.5))),
        ("latency p99", millis(quantile(0.99))),
        ("most replicas", seen.most_replicas.to_string()),
        (
            "from the burst to the decision",
            optional(seen.burst_to_decision),
        ),
        (
            "from the first held request to its answer",
            optional(seen.cold_start),
        ),
    ];
    let mut text = String::from("\n");
    for (what, value) in rows {
        text.push_str(&format!("  {what:<43}{value:>10}\n"));
    }
    text
}

fn missing(seen: &Seen) -> Vec<String> {
    let mut missing = Vec::new();
    if seen.tally.failed > 0 {
        let why = seen.tally.first_failure.as_deref().unwrap_or("unknown");
        missing.push(format!(
            "{} requests failed, the first with: {why}",
            seen.tally.failed
        ));
    }
    let wanted = [
        (seen.panic, "no panic was seen"),
        (
            seen.burst_to_decision.is_some(),
            "the burst led to no decision",
        ),
        (seen.zero, "it did not scale to zero"),
        (seen.cold_start.is_some(), "no cold start was seen"),
    ];
    missing.extend(
        wanted
            .iter()
            .filter(|(was_seen, _)| !was_seen)
            .map(|(_, what)| (*what).to_owned()),
    );
    missing
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_named() {
        let seen = Seen::default();
        assert!(
            text(&seen).contains("from the burst to the decision               not seen"),
            "{}",
            text(&seen)
        );
        assert_eq!(missing(&seen).len(), 4);
        let good = Seen {
            panic: true,
            zero: true,
            burst_to_decision: Some(Duration::from_millis(40)),
            cold_start: Some(Duration::from_millis(350)),
            ..Seen::default()
        };
        assert!(missing(&good).is_empty());
        assert!(
            text(&good).contains("answer      350 ms"),
            "{}",
            text(&good)
        );
    }
}
