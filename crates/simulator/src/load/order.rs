// SPDX-License-Identifier: Apache-2.0
use std::{cmp::Reverse, collections::BinaryHeap};

use super::clock::SECOND;

/// Sorts requests by their beginning, as well as a window of fixed size can: most logs are ordered by the end of their
/// requests, so a long one stands far below those that began after it.
///
/// A request is given out when one has turned up that began so much later that none before it is to be expected, or when
/// there are too many to keep. One that turns up later still is late: it counts as begun when the last one given out did.
pub(super) struct Order {
    waiting: BinaryHeap<Reverse<(i64, u64)>>,
    most: usize,
    /// The latest beginning that a request had.
    newest: i64,
    /// The beginning of the last one given out.
    given: i64,
    late: u64,
    ended: bool,
}

/// How far back a request may have begun before the newest one, in microseconds.
pub(super) const WINDOW: i64 = 300 * SECOND;
/// Requests that are kept at most: 16 MiB.
pub(super) const MOST_WAITING: usize = 1 << 20;

impl Order {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            waiting: BinaryHeap::new(),
            most,
            newest: i64::MIN,
            given: i64::MIN,
            late: 0,
            ended: false,
        }
    }

    /// How far the end of a request lies before the newest beginning, if that is so far that it has no place any more.
    pub(super) fn is_behind(&self, end: i64) -> Option<i64> {
        let behind = self.newest.saturating_sub(end);
        (self.newest != i64::MIN && behind > WINDOW).then_some(behind)
    }

    /// Whether a request begins so long after the newest that this may be a mistake.
    pub(super) fn is_ahead(&self, begin: i64) -> bool {
        self.newest != i64::MIN && begin.saturating_sub(self.newest) > WINDOW
    }

    /// A request that began then and took so long, in microseconds.
    pub(super) fn push(&mut self, begin: i64, work: u64) {
        self.newest = self.newest.max(begin);
        let mut begin = begin;
        if begin < self.given {
            self.late += 1;
            begin = self.given;
        }
        self.waiting.push(Reverse((begin, work)));
    }

    /// No more will come.
    pub(super) const fn end(&mut self) {
        self.ended = true;
    }

    /// The next request that has its place: its beginning and how long it takes.
    pub(super) fn pop(&mut self) -> Option<(i64, u64)> {
        let Reverse((begin, _)) = *self.waiting.peek()?;
        let settled = begin <= self.newest.saturating_sub(WINDOW);
        if !settled && !self.ended && self.waiting.len() < self.most {
            return None;
        }
        let Reverse((begin, work)) = self.waiting.pop()?;
        self.given = begin;
        Some((begin, work))
    }

    /// Requests that could not be put in their place.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_request_gets_its_place() {
        let mut order = Order::new(1000);
        order.push(9 * SECOND, 1);
        order.push(2 * SECOND, 18);
        assert_eq!(order.pop(), None);
        order.push(400 * SECOND, 0);
        assert_eq!(order.pop(), Some((2 * SECOND, 18)));
        assert_eq!(order.pop(), Some((9 * SECOND, 1)));
        assert_eq!(order.pop(), None);
        order.end();
        assert_eq!(order.pop(), Some((400 * SECOND, 0)));
        assert_eq!(order.late(), 0);
    }

    #[test]
    fn one_that_has_no_place_any_more_is_counted() {
        let mut order = Order::new(2);
        order.push(1, 0);
        order.push(5, 0);
        assert_eq!(order.pop(), Some((1, 0)));
        order.push(6, 0);
        assert_eq!(order.pop(), Some((5, 0)));
        order.push(2, 5);
        assert_eq!(order.pop(), Some((5, 5)));
        assert_eq!(order.late(), 1);
    }

    proptest! {
        #[test]
        fn what_comes_out_rises_and_nothing_is_lost(
            lines in prop::collection::vec((any::<i64>(), any::<u64>()), 0..200),
            most in 1_usize..50,
        ) {
            let mut order = Order::new(most);
            let mut out = Vec::new();
            for (begin, work) in &lines {
                prop_assert!(!order.is_ahead(*begin) || order.is_behind(*begin).is_none());
                order.push(*begin, *work);
                while let Some((begin, _)) = order.pop() {
                    out.push(begin);
                }
                prop_assert!(order.waiting.len() < most);
            }
            order.end();
            while let Some((begin, _)) = order.pop() {
                out.push(begin);
            }
            prop_assert!(out.is_sorted());
            prop_assert_eq!(out.len(), lines.len());
        }
    }
}
