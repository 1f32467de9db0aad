// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use http::request::Parts;

/// Bounds of what is held for one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldLimits {
    /// Requests held at once: over it 503 at once. Default 10,000.
    pub requests: usize,
    /// Bytes of heads held at once (bodies are not read while held). Default 64 MiB.
    pub bytes: usize,
    /// Longest wait: then 503 with Retry-After. Default 5 min.
    pub wait: Duration,
}

impl Default for HoldLimits {
    fn default() -> Self {
        Self {
            requests: 10_000,
            bytes: 64 * 1024 * 1024,
            wait: Duration::from_secs(300),
        }
    }
}

/// The requests held for one revision, first in first out, bounded in number and bytes. Pure.
///
/// Each request that has joined comes out exactly once: by [`HoldLine::pop`], [`HoldLine::leave`] or
/// [`HoldLine::drain`]. An empty line takes no memory of its own.
#[derive(Debug)]
pub(crate) struct HoldLine<W> {
    line: BTreeMap<Ticket, Held<W>>,
    bytes: usize,
    counted: u64,
    front: u64,
    back: u64,
}

/// One request in the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held<W> {
    /// How to reach who waits.
    pub(crate) waiter: W,
    /// What its head takes in memory.
    pub(crate) bytes: usize,
    /// Whether it is demand.
    pub(crate) counts: bool,
}

/// Names a request in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Where in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Behind all others.
    Back,
    /// Before all others: a request that had its turn, but whose replica failed it.
    Front,
}

impl<W> HoldLine<W> {
    pub(crate) const fn new() -> Self {
        Self {
            line: BTreeMap::new(),
            bytes: 0,
            counted: 0,
            front: u64::MAX / 2,
            back: u64::MAX / 2,
        }
    }

    /// Takes a request into the line.
    ///
    /// # Errors
    /// Gives the request back when the line is full.
    pub(crate) fn join(
        &mut self,
        held: Held<W>,
        end: End,
        limits: &HoldLimits,
    ) -> Result<Ticket, Held<W>> {
        if self.line.len() >= limits.requests
            || self.bytes.saturating_add(held.bytes) > limits.bytes
        {
            return Err(held);
        }
        let ticket = match end {
            End::Back => {
                self.back += 1;
                self.back
            }
            End::Front => {
                self.front -= 1;
                self.front
            }
        };
        self.bytes += held.bytes;
        self.counted += u64::from(held.counts);
        self.line.insert(Ticket(ticket), held);
        Ok(Ticket(ticket))
    }

    /// The first in the line goes.
    pub(crate) fn pop(&mut self) -> Option<Held<W>> {
        let (_, held) = self.line.pop_first()?;
        Some(self.gone(held))
    }

    /// One that no longer waits goes; `None` if it is not in the line any more.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Held<W>> {
        let held = self.line.remove(&ticket)?;
        Some(self.gone(held))
    }

    /// All go, in their order.
    pub(crate) fn drain(&mut self) -> Vec<Held<W>> {
        std::iter::from_fn(|| self.pop()).collect()
    }

    /// Whether the first in the line counts; `None` when nobody waits.
    pub(crate) fn first_counts(&self) -> Option<bool> {
        self.line.first_key_value().map(|(_, held)| held.counts)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Requests in the line that are demand.
    pub(crate) const fn counted(&self) -> u64 {
        self.counted
    }

    fn gone(&mut self, held: Held<W>) -> Held<W> {
        self.bytes -= held.bytes;
        self.counted -= u64::from(held.counts);
        held
    }
}

/// What the head of a request takes in memory, about: its text and the parts' own fields.
pub(crate) fn head_bytes(request: &Parts) -> usize {
    let uri = request
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| HEADER_BYTES + name.as_str().len() + value.len());
    REQUEST_BYTES + uri + headers.sum::<usize>()
}

/// Of a request without uri and headers.
const REQUEST_BYTES: usize = 512;

/// Of a header without name and value.
const HEADER_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const fn held(waiter: u32) -> Held<u32> {
        Held {
            waiter,
            bytes: 10,
            counts: true,
        }
    }

    fn limits(requests: usize, bytes: usize) -> HoldLimits {
        HoldLimits {
            requests,
            bytes,
            wait: Duration::from_secs(1),
        }
    }

    #[test]
    fn first_in_first_out_but_for_one_that_had_its_turn() {
        let mut line = HoldLine::new();
        for waiter in 0..3 {
            line.join(held(waiter), End::Back, &limits(9, 900)).unwrap();
        }
        line.join(held(9), End::Front, &limits(9, 900)).unwrap();
        let order: Vec<_> = line.drain().into_iter().map(|held| held.waiter).collect();
        assert_eq!(order, [9, 0, 1, 2]);
    }

    #[test]
    fn the_bounds_are_requests_and_bytes() {
        let mut line = HoldLine::new();
        line.join(held(0), End::Back, &limits(2, 100)).unwrap();
        line.join(held(1), End::Back, &limits(2, 100)).unwrap();
        assert_eq!(line.join(held(2), End::Back, &limits(2, 100)), Err(held(2)));
        assert_eq!(line.join(held(3), End::Back, &limits(9, 29)), Err(held(3)));
        assert!(line.join(held(4), End::Back, &limits(9, 30)).is_ok());
    }

    #[test]
    fn who_left_is_not_served_and_cannot_leave_twice() {
        let mut line = HoldLine::new();
        let first = line.join(held(0), End::Back, &limits(9, 900)).unwrap();
        line.join(held(1), End::Back, &limits(9, 900)).unwrap();
        assert_eq!(line.leave(first), Some(held(0)));
        assert_eq!(line.leave(first), None);
        assert_eq!(line.pop(), Some(held(1)));
        assert_eq!(line.pop(), None);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Join {
            bytes: usize,
            counts: bool,
            front: bool,
        },
        Pop,
        Leave(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_usize..40, any::<bool>(), any::<bool>())
                .prop_map(|(bytes, counts, front)| Step::Join { bytes, counts, front }),
            2 => Just(Step::Pop),
            1 => (0_usize..64).prop_map(Step::Leave),
        ]
    }

    proptest! {
        /// Against a plain list: same order, same refusals, and each request out exactly once.
        #[test]
        fn keeps_order_and_bounds_and_loses_nothing(steps in prop::collection::vec(step(), 0..200)) {
            let limits = limits(8, 120);
            let mut line = HoldLine::new();
            let mut model: VecDeque<(Ticket, u32, usize, bool)> = VecDeque::new();
            let (mut joined, mut out) = (0_u32, 0_u32);
            for step in steps {
                match step {
                    Step::Join { bytes, counts, front } => {
                        let fits = model.len() < 8
                            && model.iter().map(|held| held.2).sum::<usize>() + bytes <= 120;
                        let end = if front { End::Front } else { End::Back };
                        let answer = line.join(Held { waiter: joined, bytes, counts }, end, &limits);
                        prop_assert_eq!(answer.is_ok(), fits);
                        if let Ok(ticket) = answer {
                            let entry = (ticket, joined, bytes, counts);
                            if front { model.push_front(entry) } else { model.push_back(entry) }
                            joined += 1;
                        }
                    }
                    Step::Pop => {
                        let popped = line.pop().map(|held| held.waiter);
                        prop_assert_eq!(popped, model.pop_front().map(|held| held.1));
                        out += u32::from(popped.is_some());
                    }
                    Step::Leave(index) => if let Some((ticket, waiter, ..)) = model.remove(index) {
                        prop_assert_eq!(line.leave(ticket).map(|held| held.waiter), Some(waiter));
                        out += 1;
                    },
                }
                prop_assert_eq!(line.counted(), model.iter().map(|held| u64::from(held.3)).sum::<u64>());
            }
            prop_assert_eq!(out + u32::try_from(line.drain().len()).unwrap(), joined);
            prop_assert_eq!((line.bytes, line.counted()), (0, 0));
        }
    }
}
