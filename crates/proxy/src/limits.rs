// SPDX-License-Identifier: Apache-2.0
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::{TimeLimits, client::Client};

/// A timer that is set as seldom as possible: it may fire early, never late, and then looks again. So a
/// connection whose requests are bounded by 5 minutes sets it once in 5 minutes, not once per request.
#[derive(Debug)]
pub(crate) struct Timer {
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    /// True when `at` has come; else the task is woken then or before.
    fn poll_reached(&mut self, at: Instant, fresh: bool, cx: &mut Context<'_>) -> bool {
        if self.sleep.is_elapsed() || self.sleep.deadline() > at {
            self.sleep.as_mut().reset(at);
        } else if !fresh {
            // Armed for no later than needed, and this task's waker is known.
            return false;
        }
        self.sleep.as_mut().poll(cx).is_ready()
    }
}

/// Which limit has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    FirstByte,
    Idle,
    Whole,
}

/// The limits of one request as it goes on.
pub(crate) struct Deadlines {
    limits: TimeLimits,
    begun: Instant,
    sent: Option<Instant>,
    /// The last byte in either direction; kept only if there is an idle limit.
    active: Instant,
    timer: Option<Timer>,
    /// No waker of this task is registered yet.
    fresh: bool,
    client: Arc<Client>,
}

impl Deadlines {
    pub(crate) fn new(limits: TimeLimits, begun: Instant, client: Arc<Client>) -> Self {
        Self {
            limits,
            begun,
            sent: None,
            active: begun,
            timer: None,
            fresh: true,
            client,
        }
    }

    /// The request's head goes out: the limit for the first byte begins.
    pub(crate) fn sent(&mut self) {
        if !self.limits.first_byte.is_zero() || !self.limits.idle.is_zero() {
            let now = Instant::now();
            self.sent = Some(now);
            self.active = now;
        }
    }

    /// The response's head is here.
    pub(crate) fn responded(&mut self) {
        self.sent = None;
        self.moved();
    }

    /// A byte moved.
    pub(crate) fn moved(&mut self) {
        if !self.limits.idle.is_zero() {
            self.active = Instant::now();
        }
    }

    pub(crate) fn idle(&self) -> Duration {
        self.limits.idle
    }

    fn next(&self) -> Option<(Instant, Passed)> {
        let after = |from: Instant, limit: Duration, which| {
            (!limit.is_zero())
                .then(|| from.checked_add(limit))
                .flatten()
                .map(|at| (at, which))
        };
        let first = self
            .sent
            .and_then(|at| after(at, self.limits.first_byte, Passed::FirstByte));
        let idle = after(self.active, self.limits.idle, Passed::Idle);
        let whole = after(self.begun, self.limits.whole, Passed::Whole);
        [first, idle, whole]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    /// Ready when a limit has passed. `moved` is asked, before a limit counts, whether bytes moved that were
    /// not told by [`Self::moved`].
    pub(crate) fn poll_passed(
        &mut self,
        cx: &mut Context<'_>,
        mut moved: impl FnMut() -> bool,
    ) -> Poll<Passed> {
        loop {
            let Some((at, which)) = self.next() else {
                return Poll::Pending;
            };
            let timer = match &mut self.timer {
                Some(timer) => timer,
                none => none.insert(self.client.take_timer().unwrap_or_else(|| Timer {
                    sleep: Box::pin(sleep_until(at)),
                })),
            };
            let fresh = std::mem::take(&mut self.fresh);
            if !timer.poll_reached(at, fresh, cx) {
                return Poll::Pending;
            }
            if Instant::now() < at {
                continue;
            }
            if which == Passed::Idle && moved() {
                self.active = Instant::now();
                continue;
            }
            return Poll::Ready(which);
        }
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.client.keep_timer(timer);
        }
    }
}
