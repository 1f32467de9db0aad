// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

use cheerful_autoscaler::DecisionLine;
use serde::Serialize;

use crate::{
    cost::{Bill, Cost},
    point::Point,
    series::Series,
};

/// Decisions kept of one revision; then the oldest goes.
pub(crate) const DECISIONS: usize = 400;

/// What is kept of one revision: the last 5 minutes by the second, 2 hours by 10 s, a day by the minute, and the
/// decisions that were made.
#[derive(Debug)]
pub(crate) struct Past {
    levels: [Series; 3],
    decisions: VecDeque<DecisionLine>,
    cost: Cost,
    /// When it was seen first and last, in seconds since 1970.
    first: u64,
    last: u64,
}

/// What a chart is drawn from: columns. A row holds until the next one.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Columns {
    /// Seconds since 1970.
    pub(crate) at: Vec<u64>,
    pub(crate) in_flight: Vec<f32>,
    pub(crate) stable: Vec<f32>,
    pub(crate) panic: Vec<f32>,
    pub(crate) target: Vec<f32>,
    pub(crate) held: Vec<u32>,
    pub(crate) wanted: Vec<u32>,
    pub(crate) ready: Vec<u32>,
    pub(crate) starting: Vec<u32>,
    pub(crate) draining: Vec<u32>,
    pub(crate) panicking: Vec<bool>,
}

/// `GET /v1/console/past/{name}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PastView {
    /// Seconds since 1970 that it is about.
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Each figure is the highest of so many seconds.
    pub(crate) step_seconds: u64,
    pub(crate) columns: Columns,
    /// Oldest first.
    pub(crate) decisions: Vec<DecisionLine>,
    pub(crate) cost: Bill,
}

impl Past {
    pub(crate) fn new(second: u64) -> Self {
        Self {
            levels: [
                Series::new(1, 300),
                Series::new(10, 7200),
                Series::new(60, 86_400),
            ],
            decisions: VecDeque::new(),
            cost: Cost::default(),
            first: second,
            last: second,
        }
    }

    /// Takes what is so at a second since 1970. A clock that goes back stands still here.
    pub(crate) fn take(&mut self, second: u64, point: Point) {
        let second = second.max(self.last);
        self.last = second;
        for level in &mut self.levels {
            level.take(second, point);
        }
        self.cost
            .take(second, point.ready + point.starting + point.draining);
    }

    /// Keeps a decision. The oldest goes when there is no room.
    pub(crate) fn decided(&mut self, decision: DecisionLine) {
        if self.decisions.len() == DECISIONS {
            self.decisions.pop_front();
        }
        self.decisions.push_back(decision);
    }

    pub(crate) fn forget_oldest_decision(&mut self) {
        self.decisions.pop_front();
    }

    pub(crate) fn decisions(&self) -> usize {
        self.decisions.len()
    }

    /// Points that are kept.
    pub(crate) fn points(&self) -> usize {
        self.levels.iter().map(Series::len).sum()
    }

    /// Lets go what ended before a second since 1970.
    pub(crate) fn forget_before(&mut self, second: u64) {
        for level in &mut self.levels {
            level.forget_before(second);
        }
    }

    pub(crate) fn bill(&self) -> Bill {
        self.cost.bill()
    }

    /// The last seconds before a second since 1970, as fine as they are kept. What was seen last holds up to then.
    pub(crate) fn view(&self, seconds: u64, now: u64) -> PastView {
        let now = now.max(self.last);
        let [.., coarsest] = &self.levels;
        let level = self
            .levels
            .iter()
            .find(|level| level.span_seconds() >= seconds)
            .unwrap_or(coarsest);
        let from = now.saturating_sub(seconds).max(self.first);
        let mut columns = Columns::default();
        for (at, point) in level.since(from) {
            columns.push(at, point);
        }
        if let Some((_, point)) = level.since(from).last() {
            columns.push(now, point);
        }
        let decisions = self.decisions.iter();
        PastView {
            from,
            to: now,
            step_seconds: level.step_seconds(),
            columns,
            decisions: decisions
                .filter(|decision| decision.unix_millis / 1000 >= from)
                .cloned()
                .collect(),
            cost: self.bill(),
        }
    }
}

impl Columns {
    fn push(&mut self, at: u64, point: Point) {
        self.at.push(at);
        self.in_flight.push(point.in_flight);
        self.stable.push(point.stable);
        self.panic.push(point.panic);
        self.target.push(point.target);
        self.held.push(point.held);
        self.wanted.push(point.wanted);
        self.ready.push(point.ready);
        self.starting.push(point.starting);
        self.draining.push(point.draining);
        self.panicking.push(point.panicking);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A decision from one count to another.
    pub(crate) fn decision(second: u64, from: u32, replicas: u32) -> DecisionLine {
        DecisionLine {
            at: 0.0,
            unix_millis: second * 1000,
            from,
            replicas,
            mode: "stable".to_owned(),
            stable: 1.0,
            panic: 1.0,
            held: 0,
            target: 1.0,
            spare_capacity: 0,
            wanted: replicas,
            bounds: Vec::new(),
            sentence: format!("{from} -> {replicas}"),
            times: 1,
            since_unix_millis: None,
        }
    }

    fn ready(ready: u32) -> Point {
        Point {
            ready,
            ..Point::default()
        }
    }

    #[test]
    fn what_is_long_ago_is_coarser() {
        let mut past = Past::new(0);
        for second in 0..10_000 {
            past.take(second, ready(u32::try_from(second).unwrap()));
        }
        for (seconds, step, rows) in [
            (60, 1, 61),
            (300, 1, 301),
            (7200, 10, 721),
            (86_400, 60, 167),
        ] {
            let view = past.view(seconds, 9999);
            assert_eq!(view.step_seconds, step);
            let shown = view.columns.at.len();
            // One more for what holds now.
            assert!((rows..=rows + 2).contains(&shown), "{seconds}: {shown}");
            assert_eq!(view.to, 9999);
            assert!(view.columns.at.is_sorted());
        }
        assert_eq!(past.view(86_400, 9999).from, 0);
    }

    #[test]
    fn a_clock_that_goes_back_breaks_nothing() {
        let mut past = Past::new(5000);
        past.take(5000, ready(1));
        past.take(4000, ready(2));
        past.take(5001, ready(3));
        let view = past.view(60, 5001);
        assert!(view.columns.at.is_sorted(), "{view:?}");
        assert_eq!(view.columns.ready.last(), Some(&3));
    }

    #[test]
    fn decisions_are_kept_up_to_a_bound_and_told_by_time() {
        let mut past = Past::new(0);
        for second in 0..1000 {
            past.take(second, ready(1));
            past.decided(decision(second, 1, 2));
        }
        assert_eq!(past.decisions(), DECISIONS);
        assert_eq!(past.view(60, 999).decisions.len(), 61);
    }
}
