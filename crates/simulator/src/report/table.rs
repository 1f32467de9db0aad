// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write as _;

use super::{Comparison, Figures};

/// The comparison as text, at most 80 columns wide.
#[must_use]
pub fn table(comparison: &Comparison) -> String {
    let mut text = format!(
        "{:<18}{:>8}{:>9}{:>9}{:>8}{:>10}{:>9}{:>8}\n",
        "policy", "waited", "p50", "p99", "cost", "replica", "cold", "starts"
    );
    let _infallible = writeln!(
        text,
        "{:<18}{:>8}{:>9}{:>9}{:>8}{:>10}{:>9}{:>8}",
        "", "> 0.1 s", "wait", "wait", "", "hours", "starts", ""
    );
    for one in &comparison.policies {
        let _infallible = writeln!(
            text,
            "{:<18}{:>8}{:>9}{:>9}{:>8}{:>10}{:>9}{:>8}",
            short(&one.policy, 18),
            percent(one.waiting_share),
            seconds(one.p50_wait_seconds),
            seconds(one.p99_wait_seconds),
            one.cost
                .map_or_else(|| "-".to_owned(), |cost| format!("{cost:.2}x")),
            figure(one.replica_seconds / 3600.0),
            one.cold_starts,
            one.starts,
        );
    }
    text.push_str(&lost(&comparison.policies));
    text
}

/// The comparison as a person reads it: the load, the table, and what was assumed.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let load = &comparison.load;
    let mut text = format!("{}: {}\n\n", comparison.title, load.in_words());
    text.push_str(&table(comparison));
    text.push('\n');
    for assumption in &comparison.assumptions {
        wrap(&mut text, assumption);
    }
    text
}

/// One item of a list, in lines of at most [`WIDTH`] columns.
fn wrap(text: &mut String, item: &str) {
    let mut column = 1;
    text.push('-');
    for word in item.split_whitespace() {
        let length = word.chars().count();
        if column + 1 + length > WIDTH {
            text.push_str("\n ");
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + length;
    }
    text.push('\n');
}

const WIDTH: usize = 80;

/// Who turned requests away, for that is worse than a wait.
fn lost(policies: &[Figures]) -> String {
    let mut text = String::new();
    for one in policies {
        if one.refused + one.timed_out > 0 {
            let _infallible = writeln!(
                text,
                "{}: {} requests were turned away, {} were held too long",
                one.policy, one.refused, one.timed_out
            );
        }
    }
    text
}

fn short(name: &str, most: usize) -> String {
    if name.chars().count() < most {
        return name.to_owned();
    }
    let mut cut: String = name.chars().take(most - 2).collect();
    cut.push('…');
    cut
}

/// `0 %`, `0.05 %`, `3.4 %`, `26 %`: a share of 1.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.005 => "<0.01 %".to_owned(),
        ..0.995 => format!("{percent:.2} %"),
        ..99.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// `0 s`, `4 ms`, `0.78 s`, `12.1 s`, `5.2 min`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".to_owned(),
        ..0.0995 => format!("{:.0} ms", (seconds * 1000.0).max(1.0)),
        ..9.995 => format!("{seconds:.2} s"),
        ..119.95 => format!("{seconds:.1} s"),
        ..7197.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Three digits or so.
pub(super) fn figure(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        ..0.00995 => format!("{value:.4}"),
        ..0.0995 => format!("{value:.3}"),
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::specimen;

    #[test]
    fn it_reads_well_at_80_columns() {
        let mut all = specimen();
        all.policies[0].policy = "the settings of hello".to_owned();
        all.policies[1].refused = 3;
        let text = table(&all);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        let expected = "\
policy              waited      p50      p99    cost   replica     cold  starts
                   > 0.1 s     wait     wait             hours   starts        \n\
the settings of …    4.0 %      0 s   0.12 s   2.00x      0.56       12      78
knative             25.9 %      0 s   0.80 s   4.08x      1.13       12      78
clairvoyant            0 %      0 s      0 s   1.00x      0.28       12      78
knative: 3 requests were turned away, 0 were held too long
";
        assert_eq!(text, expected);
    }

    #[test]
    fn long_assumptions_are_wrapped() {
        let mut text = String::new();
        wrap(&mut text, &"seven77 ".repeat(11));
        assert_eq!(
            text,
            format!("-{}\n  seven77 seven77\n", " seven77".repeat(9))
        );
    }

    #[test]
    fn figures_are_as_exact_as_is_of_use() {
        let shares = [0.0, 1e-6, 0.0005, 0.034, 0.2589, 1.0].map(percent);
        assert_eq!(
            shares,
            ["0 %", "<0.01 %", "0.05 %", "3.4 %", "25.9 %", "100 %"]
        );
        let spans = [0.0, 0.0001, 0.042, 0.78, 12.1, 312.0, 9000.0].map(seconds);
        assert_eq!(
            spans,
            [
                "0 s", "1 ms", "42 ms", "0.78 s", "12.1 s", "5.2 min", "2.5 h"
            ]
        );
    }
}
