// SPDX-License-Identifier: Apache-2.0
//! What the status says of the signals: what changes all the time is written only from time to time.
use std::time::Duration;

use cheerful_autoscaler::{RevisionView, SignalView};
use cheerful_scaling::Moment;

use super::Fleet;
use crate::{resources::SignalStatus, scaler::key};

/// What is told of the signals of a workload.
#[derive(Debug, Default)]
pub(crate) struct SignalLines {
    lines: Vec<SignalStatus>,
    changed: Option<Moment>,
}

impl Fleet {
    /// Takes what is known of all signals.
    pub(crate) fn signalled(&mut self, views: Vec<RevisionView>, now: Moment) {
        for view in views {
            let Some(workload) = key::workload(&view.revision) else {
                continue;
            };
            if let Some(state) = self.workloads.get_mut(&workload) {
                let lines = view.signals.into_iter().map(line).collect();
                if state.signal_lines.take(lines, now) {
                    self.pending.status.insert(workload);
                }
            }
        }
    }
}

impl SignalLines {
    /// Between two writes of what has only moved.
    const MOVED: Duration = Duration::from_secs(30);

    pub(crate) fn lines(&self) -> &[SignalStatus] {
        &self.lines
    }

    /// Whether they are to be written: what is asked for, and whether it can be read, at once; values and the words of why
    /// not only after a while.
    fn take(&mut self, lines: Vec<SignalStatus>, now: Moment) -> bool {
        if lines == self.lines {
            return false;
        }
        let shape = |line: &SignalStatus| (line.name.clone(), line.wants, line.unread.is_some());
        let same = self.lines.iter().map(shape).eq(lines.iter().map(shape));
        let soon = self
            .changed
            .is_some_and(|changed| now.since(changed) < Self::MOVED);
        if same && soon {
            return false;
        }
        self.lines = lines;
        self.changed = Some(now);
        true
    }
}

fn line(view: SignalView) -> SignalStatus {
    SignalStatus {
        name: view.name,
        value: view.value.map(text),
        wants: view
            .wants
            .map(|wants| i32::try_from(wants).unwrap_or(i32::MAX)),
        unread: view.trouble,
    }
}

/// Three places suffice for people.
fn text(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(value: f64, wants: u32, trouble: Option<&str>) -> Vec<SignalStatus> {
        vec![line(SignalView {
            name: "jobs".to_owned(),
            value: Some(value),
            wants: Some(wants),
            trouble: trouble.map(str::to_owned),
            ..SignalView::default()
        })]
    }

    #[test]
    fn what_matters_is_written_at_once_and_what_moves_after_a_while() {
        let mut told = SignalLines::default();
        let mut take =
            |lines, second: u64| told.take(lines, Moment::from_micros(second * 1_000_000));
        assert!(!take(Vec::new(), 0));
        assert!(take(lines(40.0, 4, None), 1));
        assert!(!take(lines(41.0, 4, None), 5));
        assert!(take(lines(49.0, 5, None), 10), "it asks for more");
        assert!(take(lines(49.0, 5, Some("answered 500")), 15));
        assert!(!take(lines(49.0, 5, Some("answered 502")), 20));
        assert!(take(lines(49.0, 5, Some("answered 502")), 45));
        assert!(
            !take(lines(49.0, 5, Some("answered 502")), 95),
            "nothing is new"
        );
        assert!(take(Vec::new(), 96));
    }

    #[test]
    fn a_value_is_told_shortly() {
        for (value, expected) in [
            (0.0, "0"),
            (40.0, "40"),
            (0.123_49, "0.123"),
            (1200.5, "1200.5"),
        ] {
            assert_eq!(text(value), expected);
        }
    }
}
