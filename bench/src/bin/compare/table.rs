// SPDX-License-Identifier: Apache-2.0
//! The result as a Markdown table: medians over the rounds, ratios of the same round to nginx.
use std::fmt::Write;

use crate::load::{Measured, Protocol};

/// In the order in which the peers are measured.
const NAMES: [&str; 4] = ["direct", "nginx", "haproxy", "cheerful"];
const DIRECT: usize = 0;
const NGINX: usize = 1;

pub(crate) fn render(
    protocol: Protocol,
    body: &str,
    connections: usize,
    rounds: &[Vec<Measured>],
) -> String {
    let protocol = match protocol {
        Protocol::Http1 => "HTTP/1.1",
        Protocol::H2c => "h2c, 10 streams each",
    };
    let mut text = format!(
        "\n{protocol}, {body}, {connections} connections\n\n\
         | | CPU us/request | to nginx | requests/s | to nginx | added p50 us | added p99 us | resident MiB | to nginx |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for (peer, name) in NAMES.iter().enumerate() {
        let of = |value: fn(&Measured) -> f64| {
            median(
                rounds
                    .iter()
                    .filter_map(|round| Some(value(round.get(peer)?))),
            )
        };
        let against = |value: fn(&Measured) -> f64, base: usize, combine: fn(f64, f64) -> f64| {
            median(rounds.iter().filter_map(|round| {
                Some(combine(value(round.get(peer)?), value(round.get(base)?)))
            }))
        };
        let ratio = |value| against(value, NGINX, |ours, nginx| ours / nginx);
        let added = |value| against(value, DIRECT, |ours, direct| ours - direct);
        let requests = of(|run| run.requests_per_second);
        let outcome = if peer == DIRECT {
            writeln!(
                text,
                "| {name} | | | {requests:.0} | {:.2} | | | | |",
                ratio(|run| run.requests_per_second)
            )
        } else {
            writeln!(
                text,
                "| {name} | {:.1} | {:.2} | {requests:.0} | {:.2} | {:.0} | {:.0} | {:.1} | {:.2} |",
                of(|run| run.cpu_micros),
                ratio(|run| run.cpu_micros),
                ratio(|run| run.requests_per_second),
                added(|run| run.p50_micros),
                added(|run| run.p99_micros),
                of(|run| run.resident_mib),
                ratio(|run| run.resident_mib),
            )
        };
        debug_assert!(outcome.is_ok(), "writing to a string does not fail");
    }
    text
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let run = |cpu_micros| Measured {
            cpu_micros,
            requests_per_second: 1000.0,
            ..Measured::default()
        };
        let rounds =
            [[0.0, 20.0, 10.0, 15.0], [0.0, 40.0, 20.0, 30.0]].map(|round| round.map(run).to_vec());
        let text = render(Protocol::Http1, "100 B", 64, &rounds);
        assert!(
            text.contains("| cheerful | 30.0 | 0.75 | 1000 | 1.00 |"),
            "{text}"
        );
        assert!(text.contains("| haproxy | 20.0 | 0.50 |"), "{text}");
    }
}
