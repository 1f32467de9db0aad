// SPDX-License-Identifier: Apache-2.0
//! How figures and events are put into words on the screen.
use cheerful_autoscaler::RevisionView;

use crate::{
    api::{ReplicaLine, StartLine},
    logs,
};

/// `0`, `0.42`, `5.6`, `41`: as exact as is of use.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value.abs() < 0.95 {
        format!("{value:.2}")
    } else if value.abs() < 9.95 && (value - value.round()).abs() >= 0.05 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// `1 replica`, `2 replicas`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// `woken by GET / 12 s ago`.
pub(crate) fn woken(view: &RevisionView) -> Option<String> {
    let by = printable(view.woken_by.as_deref()?);
    let ago = view
        .woken_seconds_ago
        .map(|seconds| format!(" {} ago", span(seconds)));
    Some(format!("woken by {by}{}", ago.unwrap_or_default()))
}

/// `hello-1: ready, 4 in flight, 12 s old, restarted 2 times`.
pub(crate) fn replica(replica: &ReplicaLine) -> String {
    let restarted = match replica.restarts {
        0 => String::new(),
        times => format!(", restarted {}", count(times.into(), "time")),
    };
    format!(
        "{}: {}, {} in flight, {} old{restarted}",
        replica.replica,
        replica.state,
        replica.in_flight,
        span(replica.age_seconds)
    )
}

/// `hello-1, asked for at 09:25:07Z: it ran after 0.01 s, was ready 0.31 s later, answered its first request after 0.2 s`.
pub(crate) fn start(start: &StartLine) -> String {
    let idle = start.first_request_seconds.unwrap_or(0.0);
    let first = match start.first_answer_seconds {
        None => "has answered nobody yet".to_owned(),
        Some(took) if idle < 1.0 => format!("answered its first request after {}", span(took)),
        Some(took) => format!(
            "answered its first request, {} later, after {}",
            span(idle),
            span(took)
        ),
    };
    format!(
        "{}, asked for at {}: it ran after {}, was ready {} later, {first}",
        start.replica,
        logs::time_of_day(start.asked_unix_millis / 1000),
        span(start.process_seconds),
        span(start.ready_seconds),
    )
}

/// `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`.
pub(crate) fn span(seconds: f64) -> String {
    match seconds {
        ..10.0 => format!("{} s", number(seconds)),
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

/// What came from outside may hold what moves a terminal's cursor: that is shown as `\u{fffd}`.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_exact_as_is_of_use() {
        let read: Vec<String> = [0.0, 0.004, 0.42, 0.96, 1.0, 5.6, 9.98, 41.4, 1296.0]
            .map(number)
            .to_vec();
        assert_eq!(
            read,
            ["0", "0.00", "0.42", "1", "1", "5.6", "10", "41", "1296"]
        );
    }

    #[test]
    fn spans_have_one_unit() {
        let read: Vec<String> = [0.42, 5.6, 12.4, 119.0, 180.0, 7300.0, 200_000.0]
            .map(span)
            .to_vec();
        assert_eq!(
            read,
            ["0.42 s", "5.6 s", "12 s", "119 s", "3 min", "2 h", "2 d"]
        );
    }

    #[test]
    fn a_start_is_told_by_its_parts() {
        let mut line = StartLine {
            replica: "hello-1".to_owned(),
            asked_unix_millis: 1_795_512_307_123,
            process_seconds: 0.012,
            ready_seconds: 0.31,
            first_request_seconds: None,
            first_answer_seconds: None,
        };
        assert_eq!(
            start(&line),
            "hello-1, asked for at 09:25:07Z: it ran after 0.01 s, was ready 0.31 s later, has answered nobody yet"
        );
        line.first_request_seconds = Some(0.0);
        line.first_answer_seconds = Some(0.2);
        assert!(start(&line).ends_with("later, answered its first request after 0.20 s"));
        line.first_request_seconds = Some(180.0);
        assert!(start(&line).ends_with("answered its first request, 3 min later, after 0.20 s"));
    }

    #[test]
    fn what_moves_the_cursor_is_not_printed() {
        assert_eq!(printable("GET /\u{1b}[2J\n"), "GET /\u{fffd}[2J\u{fffd}");
    }
}
