// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

use crate::point::Point;

/// One revision over time at one step. A point stands only where something changed, and holds until the next one, so
/// that a revision at rest costs nothing however long it rests.
#[derive(Debug)]
pub(crate) struct Series {
    step_seconds: u64,
    /// How far back it goes.
    span_seconds: u64,
    points: VecDeque<(u64, Point)>,
    /// The step that has not ended yet.
    open: Option<(u64, Point)>,
}

impl Series {
    pub(crate) const fn new(step_seconds: u64, span_seconds: u64) -> Self {
        Self {
            step_seconds,
            span_seconds,
            points: VecDeque::new(),
            open: None,
        }
    }

    pub(crate) const fn step_seconds(&self) -> u64 {
        self.step_seconds
    }

    pub(crate) const fn span_seconds(&self) -> u64 {
        self.span_seconds
    }

    /// Points that are kept.
    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// Takes what is so at a second (since 1970, never before that of the last one).
    pub(crate) fn take(&mut self, second: u64, point: Point) {
        let begins = second - second % self.step_seconds;
        match &mut self.open {
            Some((at, open)) if *at == begins => *open = open.highest(point),
            open => {
                if let Some(ended) = open.replace((begins, point)) {
                    self.keep(ended);
                }
            }
        }
        self.forget_before(second.saturating_sub(self.span_seconds));
    }

    /// Lets go what ended before a second.
    pub(crate) fn forget_before(&mut self, second: u64) {
        // The last one before it still holds there.
        while self.points.get(1).is_some_and(|(at, _)| *at <= second) {
            self.points.pop_front();
        }
    }

    /// What holds from a second on, oldest first.
    pub(crate) fn since(&self, second: u64) -> impl Iterator<Item = (u64, Point)> {
        let first = self.points.partition_point(|(at, _)| *at <= second);
        let kept = self.points.iter().skip(first.saturating_sub(1)).copied();
        kept.chain(self.open)
            .map(move |(at, point)| (at.max(second), point))
    }

    fn keep(&mut self, (at, point): (u64, Point)) {
        if self.points.back().is_none_or(|(_, last)| *last != point) {
            self.points.push_back((at, point));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(ready: u32) -> Point {
        Point {
            ready,
            ..Point::default()
        }
    }

    fn counts(series: &Series, since: u64) -> Vec<(u64, u32)> {
        let points = series.since(since);
        points.map(|(at, point)| (at, point.ready)).collect()
    }

    #[test]
    fn a_point_stands_only_where_something_changed() {
        let mut series = Series::new(1, 60);
        for second in 1000..1040 {
            series.take(second, ready(2));
        }
        assert_eq!(series.len(), 1);
        series.take(1040, ready(3));
        series.take(1041, ready(3));
        assert_eq!(counts(&series, 1000), [(1000, 2), (1040, 3), (1041, 3)]);
        // What holds at the beginning is told, as from there.
        assert_eq!(counts(&series, 1030), [(1030, 2), (1040, 3), (1041, 3)]);
    }

    #[test]
    fn a_step_keeps_the_highest() {
        let mut series = Series::new(10, 600);
        for (second, count) in [(1000, 1), (1004, 7), (1009, 2), (1010, 3)] {
            series.take(second, ready(count));
        }
        assert_eq!(counts(&series, 0), [(1000, 7), (1010, 3)]);
    }

    #[test]
    fn no_more_is_kept_than_its_span_holds() {
        let mut series = Series::new(1, 60);
        for second in 0..10_000 {
            series.take(second, ready(u32::try_from(second).unwrap()));
            assert!(series.len() <= 61);
        }
        assert_eq!(counts(&series, 0)[0].1, 9939);
    }
}
