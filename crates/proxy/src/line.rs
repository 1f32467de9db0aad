// SPDX-License-Identifier: Apache-2.0
use std::sync::{
    Arc,
    atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A concurrency limit with a bounded wait line: first in, first out, and no newcomer overtakes.
/// Leaving is dropping: the future of [`Line::enter`] while waiting, the [`Turn`] after it.
#[derive(Debug)]
pub struct Line {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
}

/// A place under the limit; dropping it lets the next one in.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// The wait line is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} requests wait already")]
pub struct Full {
    /// How many wait.
    pub waiting: usize,
}

impl Line {
    /// So many at once, and so many that wait. `places` is bounded by what tokio's semaphore can count
    /// (`usize::MAX >> 3`).
    #[must_use]
    pub fn new(places: usize, max_waiting: usize) -> Self {
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self {
            places,
            waiting: AtomicUsize::new(0),
            max_waiting,
        }
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Acquire)
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Full`], at once, when as many wait as may.
    pub async fn enter(&self) -> Result<Turn, Full> {
        // Gets nothing while somebody waits: a place that is given back goes to the first in the line.
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Turn { _permit: permit });
        }
        let _waiting = Waiting::begin(self)?;
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(permit) => Ok(Turn { _permit: permit }),
            // The semaphore is never closed.
            Err(_) => Err(Full { waiting: 0 }),
        }
    }
}

struct Waiting<'a> {
    line: &'a Line,
}

impl<'a> Waiting<'a> {
    fn begin(line: &'a Line) -> Result<Self, Full> {
        let one_more = |waiting| (waiting < line.max_waiting).then_some(waiting + 1);
        match line.waiting.fetch_update(AcqRel, Acquire, one_more) {
            Ok(_) => Ok(Self { line }),
            Err(waiting) => Err(Full { waiting }),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.waiting.fetch_sub(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[test]
    fn who_waits_comes_in_order_and_who_leaves_makes_room() {
        let line = Line::new(1, 2);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(first)) = pin!(line.enter()).poll(&mut cx) else {
            panic!("no place")
        };
        let mut second = Box::pin(line.enter());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        let mut third = Box::pin(line.enter());
        assert!(third.as_mut().poll(&mut cx).is_pending());
        assert_eq!(line.waiting(), 2);
        let full = pin!(line.enter()).poll(&mut cx);
        assert!(matches!(full, Poll::Ready(Err(Full { waiting: 2 }))));

        drop(second);
        assert_eq!(line.waiting(), 1);
        let mut fourth = Box::pin(line.enter());
        assert!(fourth.as_mut().poll(&mut cx).is_pending());

        drop(first);
        let mut newcomer = Box::pin(line.enter());
        assert!(matches!(
            newcomer.as_mut().poll(&mut cx),
            Poll::Ready(Err(Full { .. }))
        ));
        assert!(fourth.as_mut().poll(&mut cx).is_pending());
        let Poll::Ready(Ok(turn)) = third.as_mut().poll(&mut cx) else {
            panic!("not next")
        };
        assert!(fourth.as_mut().poll(&mut cx).is_pending());
        drop(turn);
        assert!(matches!(fourth.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
        drop(third);
        drop(fourth);
        assert_eq!(line.waiting(), 0);
    }
}
